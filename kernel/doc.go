// Package kernel is the Jupyter kernel of golens and the renderer built on it.
//
// The package itself holds only this overview; the work is in its folders:
//
//	wire        Jupyter messages on the wire: signatures, connection files; ZeroMQ in zmtp
//	proxy       the message proxy between Jupyter's ports and gonb's
//	supervisor  the process that Jupyter starts: proxy + gonb + model host
//	host        the model host process: HTTP on a unix socket, one per kernel
//	toolchain   finds the golens sources and builds gonb, gopls and the host
//	shim        the "go" and "gopls" programs that gonb finds on its PATH
//	cell        reads cells as Go and makes programs of them; see CELLS.md
//	build       compiles and links these programs
//	gopls       asks gonb's language server for completions and descriptions
//	nb          all that a cell needs: Show, Must, Progress; below it keep, by which
//	            programs keep their variables and show their last value
//	notebook    reading and writing .ipynb files
//	session     a client that starts a kernel and runs a notebook
//	render      notebook in, executed notebook and one self-contained HTML out
//	kernelspec  installing and removing the kernel in Jupyter's folders
//	kerneltest  conversations with a kernel, as txtar scripts, for tests
//
// # Invariants
//
//   - Killing any one process leaves no other process of the kernel behind, and
//     no file that the next start does not sweep.
//   - The sockets belong to the user alone: mode 0600 in folders of mode 0700.
//   - Nothing here links cgo or the graph library; only cmd/golens-host does.
//   - A kernel answers kernel_info, heartbeat and interrupts at all times, also
//     while its programs are being built or a cell is running.
package kernel
