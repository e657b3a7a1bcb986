// Package hub brings models from the Hugging Face Hub and finds them in its
// cache. It is the only part of golens that uses the network, beside the
// command that gets an engine.
//
//	ref, err := hub.Parse("EleutherAI/pythia-70m@step3000")
//	dir, err := hub.Get(ctx, ref, hub.Config{})
//
// # Cache
//
// The cache is that of Python's huggingface_hub, file by file, so that a model
// which Python has fetched is found here, and the other way round:
//
//	models--EleutherAI--pythia-70m/
//	    refs/step3000                    the commit that a branch or tag meant
//	    snapshots/COMMIT/config.json     -> ../../blobs/ETAG
//	    blobs/ETAG                       content, named by its hash
//	    blobs/ETAG.incomplete            a download that will be resumed
//	    .no_exist/COMMIT/vocab.txt       a file that this commit does not have
//	.locks/models--EleutherAI--pythia-70m/ETAG.lock
//
// A blob appears whole and checked, or not at all: large files are named by
// their SHA-256, the others by git's SHA-1. A branch is written to refs when
// all its files are there, so what the cache had stays usable until then. Where
// links cannot be made, snapshots hold the files themselves.
//
// Only what a model needs is fetched: its configuration, its tokenizer, and its
// weights as safetensors.
//
// # Environment
//
//	HF_HUB_CACHE    the cache; else the folder hub in HF_HOME
//	HF_HOME         ~/.cache/huggingface
//	HF_TOKEN        sent to the Hub, and to no other host; else what the file
//	                HF_TOKEN_PATH, or token in HF_HOME, holds
//	HF_ENDPOINT     https://huggingface.co, or a mirror of it
//	HF_HUB_OFFLINE  1 keeps this package off the network
//
// The older names that Python still reads are read too: HUGGINGFACE_HUB_CACHE,
// HUGGING_FACE_HUB_TOKEN, TRANSFORMERS_OFFLINE.
package hub
