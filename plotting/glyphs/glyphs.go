// Package glyphs is how package plotting, in PNG and PDF, draws signs that its own
// font lacks: package fonts registers a drawer, as image formats register codecs.
package glyphs

import (
	"image"
	"sync"
)

// Point is in pixels, to the right of where a line of type begins and above its
// baseline.
type Point struct{ X, Y float64 }

// Op is what a Segment does.
type Op uint8

// The ops take one point, one, two and three.
const (
	MoveTo Op = iota
	LineTo
	QuadTo
	CubeTo
)

// Segment is a piece of an outline.
type Segment struct {
	Op  Op
	Pts [3]Point
}

// Picture is a sign that is a picture, such as an emoji.
type Picture struct {
	Image    image.Image
	Min, Max Point
}

// Line is a line of type: outlines to fill, pictures, and how wide it is.
type Line struct {
	Outlines []Segment
	Pictures []Picture
	Width    float64
}

// Drawer sets lines of type.
type Drawer interface {
	// Has says whether some font has the sign.
	Has(r rune) bool
	// Line sets s, whose signs are all there.
	Line(s string, size float64, bold bool) Line
}

var (
	mu      sync.Mutex
	drawer  Drawer
	factory func() Drawer
)

// Register takes what makes a Drawer when one is first needed.
func Register(f func() Drawer) {
	mu.Lock()
	defer mu.Unlock()
	drawer, factory = nil, f
}

// Get returns the drawer, nil if none was registered.
func Get() Drawer {
	mu.Lock()
	defer mu.Unlock()
	if drawer == nil && factory != nil {
		drawer = factory()
	}
	return drawer
}
