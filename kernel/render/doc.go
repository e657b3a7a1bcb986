// Package render runs a notebook and writes what came out: the executed
// notebook, and one HTML file that holds everything that it shows.
//
// The HTML needs no network and no script: figures are inline, styles are
// inside, code is coloured by the writer. It carries a provenance block that
// says what made it. A notebook that fails is written as far as it ran, with
// the error at its place.
//
// Outputs are shown in their best form; "text/html" outputs are included as
// they are, so render only notebooks that you would also run.
package render
