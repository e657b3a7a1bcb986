// Package notebook reads and writes Jupyter notebooks, nbformat 4.0 to 4.5.
//
// Read takes foreign bytes and returns an error for what is not a notebook,
// naming the cell. Write gives nbformat 4.5: every cell has an id, texts are
// lists of lines, and fields that a cell's type does not have are left out, so
// that the result passes nbformat's validation.
package notebook
