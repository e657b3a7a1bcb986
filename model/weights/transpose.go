package weights

import (
	"fmt"
	"runtime"
)

const (
	// band is how many rows are read at a time to be transposed: 16 float32 fill a
	// cache line of the columns that they become.
	band = 16
	// tile is how many columns of them: whole blocks of every type, enough of a row for
	// the processor to read ahead, and few enough for it to know the pages that they
	// become. Both were found by trial.
	tile = 1024
)

// ReadTransposed writes the transpose of a matrix [rows, cols], whose rows begin in the
// tensor at the value that at says. It fails as [View.Read] does.
func (v View) ReadTransposed(dst []float32, rows, cols int, at func(row int) int) error {
	read, err := v.reader()
	if err != nil {
		return err
	}
	if len(dst) != rows*cols {
		return fmt.Errorf("%s: tensor %s %v: a matrix of %d x %d values does not go where there are %d", v.File, v.Name, v.Shape, rows, cols, len(dst))
	}
	for r := range rows {
		if from := at(r); from < 0 || from > v.Len()-cols {
			return fmt.Errorf("%s: tensor %s %v: values %d to %d are asked for, of %d", v.File, v.Name, v.Shape, from, from+cols, v.Len())
		}
	}
	part := make([]float32, band*min(tile, cols))
	var wrong error
	err = guarded(func() {
		for c := 0; c < cols && wrong == nil; c += tile {
			width := min(tile, cols-c)
			for r := 0; r < rows; r += band {
				n := min(band, rows-r)
				v.fetch(n, func(i int) (from, to int) { return at(r+i) + c, at(r+i) + c + width })
				for i := range n {
					row := part[i*width:][:width]
					read(row, at(r+i)+c)
					if bad := notFinite(row, 0, width); bad >= 0 {
						wrong = v.broken(nil, bad, row, at(r+i)+c)
						return
					}
				}
				turn(dst[c*rows+r:], rows, part, n, width)
			}
		}
	})
	if err != nil {
		return v.broken(err, -1, nil, 0)
	}
	return wrong
}

// fetch reads one byte of each line of n ranges of values: a processor waits for many
// reads at once if nothing depends on them, for few otherwise.
func (v View) fetch(n int, of func(i int) (from, to int)) {
	b, seen := v.block(), byte(0)
	for i := range n {
		from, to := of(i)
		for at, end := from/b.values*b.bytes, to/b.values*b.bytes; at < end; at += 64 {
			seen += v.Bytes[at]
		}
	}
	runtime.KeepAlive(seen)
}

// turn writes the transpose of n rows of some columns: column c goes to dst[c*stride:].
// Likewise, the lines are read before they are written.
func turn(dst []float32, stride int, from []float32, n, cols int) {
	seen := float32(0)
	for c := range cols {
		seen += dst[c*stride]
	}
	runtime.KeepAlive(seen)
	for c := turnWide(dst, stride, from, n, cols); c < cols; c++ {
		to := dst[c*stride:][:n]
		for i := range to {
			to[i] = from[i*cols+c]
		}
	}
}
