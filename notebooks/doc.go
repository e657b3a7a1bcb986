// Package notebooks holds golens' notebooks, numbered in the order in which to
// read them, and the test that runs them from top to bottom:
//
//	01-induction-heads  find an induction head, and prove that it is one
//
// They are kept without outputs. To read one with its figures:
//
//	go run ./kernel/cmd/golens render notebooks/01-induction-heads.ipynb
package notebooks
