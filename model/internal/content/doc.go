// Package content writes values as bytes that say all that they hold and
// nothing else, so that the bytes can be hashed as well as sent.
//
// Every value carries a tag of its type, every string and list its length, and
// every field its name. Values of equal content therefore have equal bytes and
// values of other content have others, whatever they hold: NaN with its bits,
// infinities, an empty list where nil means another thing. Where a value lies
// in memory, or which buffer it is a view of, makes no difference. Fields of
// zero are left out, so that a new field does not change the hash of what was
// asked before it existed.
//
// Long lists of float32 (tensors) are written by name: the hash of their
// content. [Encode] gives them beside the bytes, so that they travel once and
// are hashed once; [Decode] asks for them by name.
package content
