// Package build compiles and links the programs of cells.
//
// The go command takes longer to find out that nothing has changed than a cell
// takes to compile and link. So it is asked once for the compiled packages that
// cells import, and again when a cell imports another or their sources change;
// compiler and linker are then called as it would.
package build
