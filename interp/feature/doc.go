// Package feature reads the features of sparse dictionaries, and finds circuits of
// them.
//
// [Read] makes pages: where a feature fires most and at every strength, how often,
// which tokens it raises and lowers, which features, neurons and heads are like it.
// [Active] are the features that fire on a prompt, by token. [Strengths] is a table
// of what a model writes when a feature is set to multiples of its largest value.
//
// [Attribute] scores features, and edges between features of several dictionaries,
// by gradients (Marks et al. 2024); [Exact] is the yardstick. With transcoders of
// all MLPs, [Trace] makes an attribution graph of one prompt (Ameisen et al. 2025):
// the model with its attention patterns and norms as they were and its MLPs replaced,
// in which every edge is exact.
//
// None of this says that a feature means one thing: look at its weak examples too.
package feature
