// Package wire reads and writes Jupyter messages as they travel over ZeroMQ.
//
// A message is a list of frames:
//
//	identities... "<IDS|MSG>" signature header parent_header metadata content buffers...
//
// The signature is the hex HMAC-SHA256, under the key of the connection file,
// of the four JSON frames. The JSON frames are kept as raw bytes, so that
// relaying a message never loses a field that this package does not know.
//
// Decode accepts any frames, however malformed, and returns an error rather
// than panicking: the frames come from a network port.
package wire
