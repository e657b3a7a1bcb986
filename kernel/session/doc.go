// Package session is a Jupyter client in Go: it starts a kernel and runs cells
// in it, without Jupyter or Python.
package session
