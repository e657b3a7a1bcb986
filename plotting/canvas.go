package plotting

import (
	"bytes"
	"image"
	imgcolor "image/color"
	"image/draw"
	"image/png"
	"math"

	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"

	"github.com/golens/golens/plotting/glyphs"
)

// pngScale is the PNG's pixels per CSS pixel: sharp on today's screens.
const pngScale = 2

// png draws the scene with gonum's image canvas, one point to a CSS pixel.
func (s *scene) png() ([]byte, error) {
	s = s.legible()
	c := vgimg.NewWith(
		vgimg.UseWH(vg.Length(s.w), vg.Length(s.h)),
		vgimg.UseDPI(72*pngScale), // a point is 1/72 inch
		vgimg.UseBackgroundColor(white))
	s.draw(c)
	var b bytes.Buffer
	err := png.Encode(&b, c.Image())
	return b.Bytes(), err
}

// pdf draws the scene with gonum's PDF canvas. A CSS pixel is 0.75 point, so
// the figure has the size on paper that it has on screen.
func (s *scene) pdf() ([]byte, error) {
	s = s.legible()
	const k = 0.75
	c := pdfCanvas{vgpdf.New(vg.Length(s.w*k), vg.Length(s.h*k))}
	c.EmbedFonts(false) // text is drawn as outlines
	c.Push()
	c.Scale(k, k)
	s.draw(c)
	c.Pop()
	var b bytes.Buffer
	_, err := c.WriteTo(&b)
	return b.Bytes(), err
}

// pdfCanvas mends gonum's PDF canvas, which takes the channels of translucent
// colours as they are, where Go's interface gives them multiplied by alpha:
// they would come out dark.
type pdfCanvas struct{ *vgpdf.Canvas }

func (c pdfCanvas) SetColor(v imgcolor.Color) {
	c.Canvas.SetColor(straight(imgcolor.NRGBAModel.Convert(v).(color)))
}

// straight is a colour whose channels are not multiplied by alpha.
type straight color

func (s straight) RGBA() (r, g, b, a uint32) {
	wide := func(v uint8) uint32 { return uint32(v) * 0x101 }
	return wide(s.R), wide(s.G), wide(s.B), wide(s.A)
}

func (s *scene) draw(c vg.Canvas) {
	for _, m := range s.marks {
		m.draw(c, s.h)
	}
}

// at turns scene coordinates, y down, into gonum's, y up.
func at(x, y, h float64) vg.Point { return vg.Point{X: vg.Length(x), Y: vg.Length(h - y)} }

func (b box) draw(c vg.Canvas, h float64) {
	if b.fill.A == 0 {
		return
	}
	c.SetColor(b.fill)
	c.Fill(vg.Rectangle{Min: at(b.x, b.y+b.h, h), Max: at(b.x+b.w, b.y, h)}.Path())
}

func (p path) draw(c vg.Canvas, h float64) {
	if len(p.pts) == 0 {
		return
	}
	var v vg.Path
	v.Move(at(p.pts[0].x, p.pts[0].y, h))
	for _, q := range p.pts[1:] {
		v.Line(at(q.x, q.y, h))
	}
	if p.fill.A > 0 {
		v.Close()
		c.SetColor(p.fill)
		c.Fill(v)
	}
	if p.stroke.A > 0 {
		dash := make([]vg.Length, len(p.dash))
		for i, d := range p.dash {
			dash[i] = vg.Length(d)
		}
		c.SetColor(p.stroke)
		c.SetLineWidth(vg.Length(p.width))
		c.SetLineDash(dash, 0)
		c.Stroke(v)
	}
}

func (d dot) draw(c vg.Canvas, h float64) {
	if d.fill.A == 0 {
		return
	}
	var v vg.Path
	o := at(d.x, d.y, h)
	v.Move(vg.Point{X: o.X + vg.Length(d.r), Y: o.Y})
	v.Arc(o, vg.Length(d.r), 0, 2*math.Pi)
	v.Close()
	c.SetColor(d.fill)
	c.Fill(v)
}

// draw fills the outlines of the glyphs: gonum's PDF canvas writes strings in
// a one-byte code page, which has neither "Ġ" nor "−".
func (t text) draw(c vg.Canvas, h float64) {
	if foreign(t.s) {
		if d := glyphs.Get(); d != nil {
			t.set(c, h, d.Line(t.s, t.size, t.bold))
			return
		}
	}
	f := face(t.size, t.bold)
	var buf sfnt.Buffer
	em := fixed.I(int(f.Face.UnitsPerEm()))
	k := t.size / float64(f.Face.UnitsPerEm()) / 64 // a 26.6 unit in pixels
	var out vg.Path
	pen := 0.0
	put := func(p fixed.Point26_6) vg.Point {
		return vg.Point{X: vg.Length(pen + float64(p.X)*k), Y: vg.Length(-float64(p.Y) * k)}
	}
	for _, r := range t.s {
		g, err := f.Face.GlyphIndex(&buf, r)
		if err != nil || g == 0 {
			continue // never a box
		}
		segments, err := f.Face.LoadGlyph(&buf, g, em, nil)
		if err != nil {
			continue // a glyph that the font cannot draw
		}
		for i, s := range segments {
			switch s.Op {
			case sfnt.SegmentOpMoveTo:
				if i > 0 {
					out.Close()
				}
				out.Move(put(s.Args[0]))
			case sfnt.SegmentOpLineTo:
				out.Line(put(s.Args[0]))
			case sfnt.SegmentOpQuadTo:
				out.QuadTo(put(s.Args[0]), put(s.Args[1]))
			case sfnt.SegmentOpCubeTo:
				out.CubeTo(put(s.Args[0]), put(s.Args[1]), put(s.Args[2]))
			}
		}
		if len(segments) > 0 {
			out.Close()
		}
		if adv, err := f.Face.GlyphAdvance(&buf, g, em, xfont.HintingNone); err == nil {
			pen += float64(adv) * k
		}
	}
	t.place(c, h, pen, out, nil)
}

// place fills outlines that begin at the origin where the text stands, and draws
// the pictures among them.
func (t text) place(c vg.Canvas, h, width float64, out vg.Path, pictures []glyphs.Picture) {
	c.Push()
	defer c.Pop()
	c.Translate(at(t.x, t.y, h))
	if t.up {
		c.Rotate(math.Pi / 2)
	}
	c.Translate(vg.Point{X: vg.Length(-width * [...]float64{0, 0.5, 1}[t.anchor])})
	c.SetColor(t.fill)
	if len(out) > 0 {
		c.Fill(out)
	}
	for _, p := range pictures {
		c.DrawImage(vg.Rectangle{Min: dotted(p.Min), Max: dotted(p.Max)}, p.Image)
	}
}

// set draws a line of type in other fonts than our own.
func (t text) set(c vg.Canvas, h float64, l glyphs.Line) {
	var out vg.Path
	for _, s := range l.Outlines {
		p := [3]vg.Point{dotted(s.Pts[0]), dotted(s.Pts[1]), dotted(s.Pts[2])}
		switch s.Op {
		case glyphs.MoveTo:
			if len(out) > 0 {
				out.Close()
			}
			out.Move(p[0])
		case glyphs.LineTo:
			out.Line(p[0])
		case glyphs.QuadTo:
			out.QuadTo(p[0], p[1])
		case glyphs.CubeTo:
			out.CubeTo(p[0], p[1], p[2])
		}
	}
	if len(out) > 0 {
		out.Close()
	}
	t.place(c, h, l.Width, out, l.Pictures)
}

func dotted(p glyphs.Point) vg.Point { return vg.Point{X: vg.Length(p.X), Y: vg.Length(p.Y)} }

// draw enlarges the raster first, each cell a block: the canvases would blur it.
func (p picture) draw(c vg.Canvas, h float64) {
	b := p.img.Bounds()
	kx := max(1, int(math.Round(p.w*pngScale/float64(b.Dx()))))
	ky := max(1, int(math.Round(p.h*pngScale/float64(b.Dy()))))
	big := image.NewRGBA(image.Rect(0, 0, b.Dx()*kx, b.Dy()*ky))
	for y := range b.Dy() {
		for x := range b.Dx() {
			r := image.Rect(x*kx, y*ky, (x+1)*kx, (y+1)*ky)
			draw.Draw(big, r, &image.Uniform{C: imgcolor.RGBAModel.Convert(p.img.At(b.Min.X+x, b.Min.Y+y))}, image.Point{}, draw.Src)
		}
	}
	c.DrawImage(vg.Rectangle{Min: at(p.x, p.y+p.h, h), Max: at(p.x+p.w, p.y, h)}, big)
}
