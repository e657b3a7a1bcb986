// Package render runs a notebook and writes what came out: the executed
// notebook, and one HTML file that holds everything that it shows.
//
// The HTML needs no network and no script: figures are inline, styles are
// inside, code is coloured by the writer. It carries a provenance block that
// says what made it. A notebook that fails is written as far as it ran, with
// the error at its place.
//
// Outputs are shown in their best form. "text/html" outputs and HTML in markdown
// are parsed and written balanced, without what reaches beyond their place: no
// style for the whole page, no refresh, no base (fragment.go). The page's content
// security policy lets no script run but the figures' own and nothing be
// fetched, whatever an output holds.
package render
