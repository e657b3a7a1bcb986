// Package graph is which parts of a transformer can read which others through the
// residual stream: the graph in which circuits of edges are found and drawn. It is pure: it knows
// the shape of a model and runs nothing.
//
//	g := graph.Of(m.Config())              // 32,491 edges in GPT-2 small
//	best, err := g.Top(scores, 200, graph.Size)  // scores [sender, receiver]
//	best = best.Prune()                    // without what hangs in the air
//
// # Overview
//
// A [Part] is a component of a model: the embeddings, a head, an MLP, the logits.
// What writes to the residual stream is a sender; what reads it is a [Receiver]:
// the query of each head, the key and the value of each key-value head, the input
// of each MLP, and the logits. A [Graph] lists both in the order of a forward pass
// and says which pairs are edges. A [Set] is some of the edges, a bit for each.
//
// # Conventions
//
// Edges are counted by the indices of their sender and receiver, and scores are an
// array [sender, receiver]; what is no edge is NaN in [Graph.Scores] and is never
// read. The order is that of EAP-IG: in each layer all queries, all keys, all
// values, then the MLP.
//
// Heads of a layer do not read each other. The MLP of a layer reads its heads,
// unless the blocks run both side by side. Where query heads share a key head,
// they share the receiver.
//
// # Invariants
//
// The counts are those of the papers: 32,491 edges in GPT-2 small (Hanna et al.
// 2024), and 32,923 with the edges inside heads that Conmy et al. 2023 count too
// ([ACDC]).
package graph
