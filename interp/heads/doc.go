// Package heads scores what attention heads do: where they look on sequences
// made for the purpose ([Induction], [PreviousToken], [DuplicateToken], or any
// [Target]), whether they copy what they look at ([Copying]), and what that
// does for the model ([InContext]).
//
// A score says what a head does on the tokens that were run. It does not show
// that the model makes use of it: knock the head out (package patch) to see.
package heads
