// Package shim is the "go" and the "gopls" that gonb finds on its PATH.
//
// The supervisor links them to the golens binary, which calls Main when it is
// started under one of these names. The go shim makes a cell's build fast and
// repeatable; outside a cell's folder it is the real go command, so `!go test`
// in a notebook does what it says. The gopls shim makes gopls end with gonb.
package shim
