// Package verify measures how far a model is from what it should compute: an
// oracle that another program recorded, or the same model on another engine.
//
//	o := nb.Must(verify.Read("oracle.safetensors", m.Config()))
//	nb.Show(nb.Must(verify.Compare(m, o, verify.Views(m.Config())...)))
//
// An oracle is a safetensors file; oracle.py beside this package writes one with
// Hugging Face transformers. It holds tokens [batch, pos] and any of logits,
// hidden_states.N, attentions.N, or activations under TransformerLens' names. The
// last hidden state is after the final norm, as Hugging Face gives it.
//
// # What it shows, and what not
//
// A table has a line for each activation that both know: the largest and the mean
// absolute difference beside the activation's own size (root mean square). Below
// stand, for every engine and processing of the weights, the KL divergence of the
// output from the oracle's, in nats, mean and largest over positions, and how
// often the likeliest token is the same. Equal numbers on some tokens are no proof
// for other tokens: windows and scaled positions show in long rows only.
package verify
