// Package gopls asks a language server that runs already for completions and
// descriptions. Each client has files of its own, which lie nowhere but in the
// server's memory.
//
// # Conventions
//
//   - Places are byte offsets in a file's text; the protocol's UTF-16 stays
//     inside of this package.
package gopls
