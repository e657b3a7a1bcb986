// Package plan says what a job must compute, before anything is computed. It is
// pure: no graph, no weights, no activation.
package plan
