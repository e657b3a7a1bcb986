// Package render runs a notebook and writes what came out: the executed
// notebook, and one HTML file that holds everything that it shows.
//
// The HTML needs no network: figures are inline, styles are inside, code is
// coloured and math typeset by the writer. One script makes golens' figures answer
// to the pointer; the content security policy allows it by its hash, and no other,
// and without it the figures are what they are. The page carries a provenance
// block that says what made it. A notebook that fails or is interrupted is written
// as far as it ran, with the error at its place.
//
// Parameters are papermill's: a cell tagged "parameters" declares variables, and a
// run may set them. Papermill itself has no Go; its C# is: papermill -k golens
// --language .net-csharp -p n 7 in.ipynb out.ipynb.
//
// Outputs are shown in their best form. "text/html" outputs and HTML in markdown
// are parsed and written balanced, without what reaches beyond their place: no
// style for the whole page, no refresh, no base (fragment.go). The page's content
// security policy lets no script run but the figures' own and nothing be
// fetched, whatever an output holds.
package render
