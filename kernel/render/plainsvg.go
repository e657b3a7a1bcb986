package render

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
)

// drawing are the elements of SVG that draw and reach nothing beyond the figure.
var drawing = set(`a animate animateMotion animateTransform circle clipPath defs desc ellipse feBlend feColorMatrix
	feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow feFlood
	feFuncA feFuncB feFuncG feFuncR feGaussianBlur feImage feMerge feMergeNode feMorphology feOffset fePointLight
	feSpecularLighting feSpotLight feTile feTurbulence filter g image line linearGradient marker mask mpath path pattern
	polygon polyline radialGradient rect set stop svg switch symbol text textPath title tspan use view`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// plainSVG tells whether an svg element may stand in a page as it is: well-formed,
// of drawing elements alone, and the same to a reader of HTML as to one of XML.
// Any other is shown as an image, whose styles and scripts reach nothing.
func plainSVG(svg string) bool {
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Space != "" || !drawing[t.Name.Local] {
				return false
			}
			for _, a := range t.Attr {
				name := strings.ToLower(a.Name.Local)
				if strings.HasPrefix(name, "on") || name == "style" && positioned.MatchString(a.Value) {
					return false
				}
			}
		case xml.Comment, xml.ProcInst, xml.Directive: // HTML ends some of them elsewhere
			return false
		}
	}
	return balanced(svg) && !strings.Contains(svg, "<![CDATA[")
}

// positioned is a style by which a drawing could lie above what is around it, on a
// screen or on paper; \ can spell any word.
var positioned = regexp.MustCompile(`(?i)position|\\|(^|[;/\s])(inset|transform|translate|scale|rotate|zoom|offset|margin|z-index|filter|outline|box-shadow)[a-z-]*\s*[:/]`)

// balanced tells whether every element is closed in its place, and none lies too deep.
func balanced(svg string) bool {
	d := xml.NewDecoder(strings.NewReader(svg))
	for open := 0; open <= deepest; {
		t, err := d.Token()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		switch t.(type) {
		case xml.StartElement:
			open++
		case xml.EndElement:
			open--
		}
	}
	return false
}
