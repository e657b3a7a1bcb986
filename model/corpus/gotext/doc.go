// Package gotext makes texts of what every Go machine has: the standard library's
// doc comments ([Read]), in a fixed order, cleaned, and its code without them
// ([Code]).
//
// A text depends only on the Go release. Its SHA-256 is part of what a model card
// says, and training warns when it differs.
package gotext
