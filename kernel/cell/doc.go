// Package cell reads a notebook's cell as Go.
package cell
