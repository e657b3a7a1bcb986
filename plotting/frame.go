package plotting

import (
	"math"
	"strings"
)

// titleLine is the height of one line of the title.
const titleLine = titleSize + 4

// titleRoom is about the room that the title takes.
func titleRoom(title string) float64 {
	if title == "" {
		return 0
	}
	return titleLine + margin
}

// heading draws the title, broken into lines as wide as the scene, and returns
// where the figure below it starts.
func (s *scene) heading(title string) float64 {
	y := margin
	if title == "" {
		return y
	}
	for _, l := range wrap(title, titleSize, s.w-2*margin) {
		y += titleLine
		s.add(text{x: margin, y: y - 4, s: l, size: titleSize, fill: ink, bold: true, length: measured(l, titleSize, true)})
	}
	return y + margin
}

// subheading is a line, or more, under the title; y is where the title ends.
func (s *scene) subheading(note string, y float64) float64 {
	if note == "" {
		return y
	}
	for _, l := range wrap(note, textSize, s.w-2*margin) {
		s.add(text{x: margin, y: y + 4, s: l, size: textSize, fill: soft, length: measured(l, textSize, false)})
		y += textSize + 4
	}
	return y + margin/2
}

// footer draws the caption under the figure and makes room for it.
func (s *scene) footer(caption string) {
	if caption == "" {
		return
	}
	for _, l := range wrap(caption, textSize, s.w-2*margin) {
		s.h += textSize + 4
		s.add(text{x: margin, y: s.h - margin, s: l, size: textSize, fill: soft, length: measured(l, textSize, false)})
	}
}

// The names of axes. A word is not broken unless it is longer than wideWord.
const (
	nameLine = textSize + 2 // the height of a line
	wideWord = 200.0
)

// nameLines breaks the name of an axis into lines of about w pixels: none without a
// name.
func nameLines(name string, w float64) []string {
	if name == "" {
		return nil
	}
	return wrap(name, textSize, max(w, min(widest(strings.Fields(name), textSize), wideWord)))
}

// moreLines is the room that all lines but the first take.
func moreLines(lines []string) float64 { return nameLine * float64(max(1, len(lines))-1) }

// upName writes the name of a vertical axis, turned, at the left of what stands
// between top and top+h. A longer one goes on below, and the scene grows.
func (s *scene) upName(lines []string, top, h float64) {
	long := widest(lines, textSize)
	y := top + max(h, long)/2
	s.h = max(s.h, math.Ceil(y+long/2+margin))
	for i, l := range lines {
		s.add(text{x: margin + textSize + nameLine*float64(i), y: y, s: l, size: textSize, fill: ink, anchor: middle, up: true})
	}
}

// underName writes the name of a horizontal axis around the middle of what it
// names, as far as the sides of the scene allow; y is the last line's.
func (s *scene) underName(lines []string, x, y float64) {
	y -= moreLines(lines)
	for i, l := range lines {
		half := width(l, textSize) / 2
		at := max(min(x, s.w-margin-half), margin+half)
		s.add(text{x: at, y: y + nameLine*float64(i), s: l, size: textSize, fill: ink, anchor: middle})
	}
}

// wrap breaks s between words into lines of at most w pixels, and in words that
// are longer. Nothing is left out. Bold type is a little wider than what width
// measures; its slack covers that.
func wrap(s string, size, w float64) []string {
	var lines []string
	cur := ""
	for _, word := range strings.Fields(s) {
		for width(word, size) > w { // longer than a line
			n := max(1, fitting(word, size, w))
			if cur != "" {
				lines, cur = append(lines, cur), ""
			}
			lines, word = append(lines, string([]rune(word)[:n])), string([]rune(word)[n:])
		}
		switch next := strings.TrimSpace(cur + " " + word); {
		case cur == "" || width(next, size) <= w:
			cur = next
		default:
			lines = append(lines, cur)
			cur = word
		}
	}
	if cur != "" || len(lines) == 0 {
		lines = append(lines, cur)
	}
	return lines
}
