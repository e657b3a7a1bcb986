// Package supervisor is the process that Jupyter starts as the kernel. It owns
// three things: the message proxy, a gonb and a model host.
//
//	Jupyter --ports--> proxy --unix sockets--> gonb --> a process per cell
//	                                                        |
//	                      model host <----- unix socket ----+
//
// How each end is met, so that nothing is left behind:
//
//   - The supervisor ends in order: gonb's process group and the host are ended,
//     the folders removed.
//   - The supervisor is killed: the host sees the end of its standard input,
//     ends gonb's group and removes the folders (host.Guard). On Linux gonb also
//     gets SIGTERM at once.
//   - gonb is killed: the supervisor ends its group (the cell, a build, a shell)
//     and itself, and Jupyter starts a new kernel. gopls dies with gonb.
//   - The host is killed: cells that talked to it fail with an error, and a new
//     host is started on the same socket, which the supervisor holds.
//   - All are killed at once: the next start sweeps the folders.
package supervisor
