// Package cluster is the server of a lab that has no NATS: JetStream in this process,
// with its folder, a certificate and a token of its own.
//
// What is dealt over it is model's affair; see CLUSTER.md in the folder above.
package cluster
