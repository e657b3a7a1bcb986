package content

import (
	"crypto/sha256"
	"encoding/hex"
	"unsafe"
)

// A Name is the SHA-256 of a tensor's values, as little-endian float32.
type Name [sha256.Size]byte

// String is the name in hexadecimal.
func (n Name) String() string { return hex.EncodeToString(n[:]) }

// NameOf is the name of a tensor.
func NameOf(values []float32) Name { return sha256.Sum256(Bytes(values)) }

// Bytes are the values' memory, which the processors that golens runs on hold
// little-endian.
func Bytes(values []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), 4*len(values))
}

// Hash is the SHA-256 of a value's content, in hexadecimal.
func Hash(value any) (string, error) {
	data, _, err := Encode(value)
	if err != nil {
		return "", err
	}
	return HashBytes(data), nil
}

// HashBytes is [Hash] of a value that was encoded already.
func HashBytes(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
