// Package render runs a notebook and writes what came out: the executed
// notebook, and one HTML file that holds everything that it shows.
//
// The HTML needs no network and no script: figures are inline, styles are
// inside, code is coloured by the writer. It carries a provenance block that
// says what made it. A notebook that fails is written as far as it ran, with
// the error at its place.
//
// Outputs are shown in their best form. "text/html" outputs and HTML in markdown
// are included as they are, but the page's content security policy lets no
// script run and nothing be fetched, whatever an output holds.
package render
