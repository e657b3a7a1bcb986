// Package keep is how the program of a notebook's cell keeps its variables for
// later cells and shows its last value. The kernel writes its calls; people
// have no need of them.
//
// # Conventions
//
//   - A value is kept as its memory: all that it holds and points to, unexported
//     fields included, so that what shares memory shares it again.
//   - What is not memory alone cannot be kept: functions, channels, files,
//     sockets, and values inside of interfaces whose type another package hides.
//     An error is kept as its text.
//   - A struct outside of the standard library that has MarshalText and
//     UnmarshalText is a handle and kept by that text: a model lives in its host.
//   - Files lie in the folder that the environment variable GOLENS_CELL names.
package keep
