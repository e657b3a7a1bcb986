package keep

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// Reports and results are lists of texts, each after its length, and of lengths
// of lists: every program links what writes them, so that it has to be little.

func (r Report) encode() []byte {
	out := binary.AppendUvarint(nil, uint64(len(r.Kept)))
	for _, name := range slices.Sorted(maps.Keys(r.Kept)) {
		k := r.Kept[name]
		out = text(text(out, []byte(name)), []byte(k.Key))
		out = binary.AppendUvarint(out, uint64(k.Size))
		for _, list := range [][]string{k.Group, k.Dynamic} {
			out = binary.AppendUvarint(out, uint64(len(list)))
			for _, s := range list {
				out = text(out, []byte(s))
			}
		}
	}
	out = binary.AppendUvarint(out, uint64(len(r.WhyNot)))
	for _, name := range slices.Sorted(maps.Keys(r.WhyNot)) {
		out = text(text(out, []byte(name)), []byte(r.WhyNot[name]))
	}
	return out
}

// ReadReport reads a report file.
func ReadReport(data []byte) (r Report, err error) {
	defer damaged(&err)
	r = Report{Kept: map[string]Kept{}, WhyNot: map[string]string{}}
	in := &reader{data}
	for range in.uint() {
		name := string(in.text())
		k := Kept{Key: string(in.text()), Size: int(in.uint())}
		for _, list := range []*[]string{&k.Group, &k.Dynamic} {
			for range in.uint() {
				*list = append(*list, string(in.text()))
			}
		}
		r.Kept[name] = k
	}
	for range in.uint() {
		name := string(in.text())
		r.WhyNot[name] = string(in.text())
	}
	return r, nil
}

func encodeResult(list []map[string][]byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(list)))
	for _, forms := range list {
		out = binary.AppendUvarint(out, uint64(len(forms)))
		for _, mime := range slices.Sorted(maps.Keys(forms)) {
			out = text(text(out, []byte(mime)), forms[mime])
		}
	}
	return out
}

// ReadResult reads a result file: for each value its forms by MIME type.
func ReadResult(data []byte) (list []map[string][]byte, err error) {
	defer damaged(&err)
	in := &reader{data}
	for range in.uint() {
		forms := map[string][]byte{}
		for range in.uint() {
			mime := string(in.text())
			forms[mime] = in.text()
		}
		list = append(list, forms)
	}
	return list, nil
}

// damaged makes a panic of a reader an error.
func damaged(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
}
