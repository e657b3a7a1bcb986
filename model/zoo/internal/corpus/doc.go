// Package corpus makes a training text of the prose that ships with Go: the doc
// comments of the standard library's packages, in a fixed order, cleaned.
//
// The text depends only on the Go release. Its SHA-256 is part of what a model
// card says, and training warns when it differs.
package corpus
