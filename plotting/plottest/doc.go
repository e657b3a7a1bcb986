// Package plottest compares figures with golden files.
//
// A test calls SVG or PNG with the figure and a name; the golden file is
// testdata/NAME.svg or testdata/NAME.png in the test's folder. Running the
// test with -regen writes the golden files instead, to be looked at before
// they are committed:
//
//	go test ./plotting -run Golden -regen
//
// SVG is the stricter of the two: it holds every label and hover title. Two
// documents are equal when their text is and their numbers differ by at most
// Tolerance. PNG compares what a reader sees, pixel by pixel, with gonum's
// perceptual measure. A mismatch leaves testdata/NAME.got.svg, or
// testdata/NAME.got.png and testdata/NAME.diff.png, where differing pixels are
// bright.
package plottest
