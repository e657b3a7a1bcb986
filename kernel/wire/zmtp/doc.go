// Package zmtp speaks ZMTP 3.0 (https://rfc.zeromq.org/spec/23) with the NULL
// mechanism: what a Jupyter kernel and its clients need of ZeroMQ, hardened
// against peers that are not to be trusted before they have signed anything.
//
// A Server is a ROUTER or a PUB socket. Every peer has its own goroutines and
// its own bounded queue, so that none that is silent, slow or hostile holds up
// another: a handshake has a deadline, a message a size limit that holds before
// memory is taken for it, and a peer that does not read what is sent to it is
// disconnected. On a loopback address, peers of other users are refused where
// the system tells (Linux).
//
// A Client is a DEALER or a SUB socket with one peer, which it trusts.
package zmtp
