// Package cell reads a notebook's cells as Go and makes programs of them.
//
// Split takes a cell apart into commands and Go. A State holds what the cells that
// ran have declared; Compose makes the program of the next one, of what it says
// and of what it uses, and checks it. The program is compiled and run elsewhere;
// Commit and Ended note what came of it. kernel/CELLS.md says what people may rely
// on.
//
// # Conventions
//
//   - A cell's text is never changed but by edits: small pieces that are put in, or
//     taken out, as the program is written. Line directives around them keep every
//     place what it is in the cell.
//   - An item is a declaration or statement at the top of a cell. The variables of
//     := at the top are variables of the package, as those of var are.
//   - Names that end in ʹ are the program's own. Messages lose it.
package cell
