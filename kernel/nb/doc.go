// Package nb is all that a notebook's cell needs to show things: Show for
// figures and values, Must for errors, Progress for long work.
//
//	var m = nb.Must(model.Open("zoo:induction"))
//	nb.Show(plotting.Attention(pattern, text))
//
// A cell needs neither at its top: an error ends it, and its last value is shown
// (kernel/CELLS.md). Functions, programs and figures in the middle of a cell do.
//
// The same code runs outside a notebook. There Show writes figures as files and
// prints the rest, Must prints the error and ends the program, and Progress
// draws on the terminal, or keeps silent if there is none.
//
// # Conventions
//
//   - A thing with a picture implements Displayer. "text/plain" is always among
//     its forms: it is what terminals, logs and screen readers get.
//   - What was shown before a cell ends is never lost: every Show waits until the
//     notebook has it.
//   - What was printed before a Show stands above it, what is printed after
//     stands below.
package nb
