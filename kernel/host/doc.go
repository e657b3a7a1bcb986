// Package host is the model host: the process of a kernel that keeps models in
// memory and answers the cells' requests, as HTTP on a unix socket.
//
// It lives as long as its standard input stays open: the supervisor holds the
// other end of that pipe, so however the supervisor ends, the host ends too.
// When the supervisor was killed, the host ends what is left of the kernel and
// removes its folders (see Guard) before it goes.
//
// The package holds the process's life, not the models: what is answered is the
// handler that cmd/golens-host gives to Main. So the supervisor can share its
// code without linking the graph library.
//
// A client that drops its connection cancels its request: the handler sees it
// as the end of the request's context.
package host
