package hub

import "errors"

// What can be told apart by [errors.Is].
var (
	// ErrNotCached: the cache does not hold the model, or not all of it.
	ErrNotCached = errors.New("not in the Hugging Face cache")
	// ErrOffline: the network would be needed, and the environment forbids it.
	ErrOffline = errors.New("HF_HUB_OFFLINE keeps golens off the network")
	// ErrRepository: the Hub has no such model, or hides it from who asks.
	ErrRepository = errors.New("no such model")
	// ErrRevision: the model has no such branch, tag or commit.
	ErrRevision = errors.New("no such revision")
	// ErrFile: the model has no such file.
	ErrFile = errors.New("no such file")
	// ErrAccess: the model is gated or private, or the token is not accepted.
	ErrAccess = errors.New("no access")
	// ErrFormat: the model is not published in a form that golens reads.
	ErrFormat = errors.New("not published as safetensors")
	// ErrChecksum: what came is not what the Hub announced.
	ErrChecksum = errors.New("wrong checksum")
)
