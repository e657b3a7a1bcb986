// Package sae opens, trains, judges and splices sparse dictionaries: sparse
// autoencoders and transcoders.
//
//	s := nb.Must(sae.Open(m, "jbloom/GPT2-Small-SAEs-Reformatted/blocks.8.hook_resid_pre"))
//	top := nb.Must(feature.Active(m, s, m.Tokens("The Golden Gate Bridge"), 1, 10)) // package feature
//	g := nb.Must(m.Complete(start.Complete(40).Edit(s.Steer(top.Features[0], 10*top.Max[0]))))
//
// # What can be opened
//
// [Open] takes a local folder or file, or a name of the Hugging Face Hub with the
// folder in its repository, and tells the layout by the files that are there:
//
//	SAELens, before and after 6.0        cfg.json, sae_weights.safetensors
//	Gemma Scope, transcoders included    params.npz
//	Gemma Scope 2                        config.json, params.safetensors
//	Llama Scope                          hyperparams.json, checkpoints/final.safetensors
//	dictionary_learning                  config.json, ae.pt
//	EleutherAI sparsify                  cfg.json, sae.safetensors
//	Qwen Scope, Goodfire, DeepSeek-R1    a .pt file
//	circuit-tracer's and mwhanna's       layer_N.safetensors, W_enc_N.safetensors ([OpenTranscoders])
//
// The readers are held to small files that SAELens 6.54, dictionary_learning, sparsify
// and NumPy wrote in these layouts. No published dictionary could be downloaded where
// golens is built: Gemma Scope 2, Qwen Scope, Goodfire's and DeepSeek-R1's, mwhanna's and
// the others were never opened from their own files. Look at FVU and recovered loss
// ([Judge]) before anything else is believed.
//
// A .pt file holds a Python pickle, which is a program. It is never run: a reader of
// the few operations that tensors are written with takes the tensors, and refuses
// all else.
//
// # Conventions
//
// W_enc is [d_in, feature], W_dec [feature, d_out]; x is a row. A dictionary reads
// the activation Read and writes Write, which of an autoencoder are the same. Heads
// of z count side by side.
//
// Many dictionaries were trained on weights as TransformerLens processes them. What
// the card asks for is kept in [Dictionary.Processing]; a model with other
// processing is refused, with what to do.
//
// # Splicing
//
// [Dictionary.Splice] puts a reconstruction in place of what it reconstructs;
// [Dictionary.Watch] leaves the model as it is and makes features hook points;
// [Dictionary.Steer] and [Dictionary.Change] change features and keep the error:
// x + Δf W_dec. With an unchanged feature Δf is 0, and the activation is the same to
// the last bit.
package sae
