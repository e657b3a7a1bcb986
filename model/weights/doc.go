// Package weights reads and writes safetensors files, one or many shards,
// over a memory map.
//
// Opening a file reads its header and nothing else. A [View] is a tensor as it
// lies in the file, in one of the types of safetensors or in the quantized blocks
// of GGUF files (see package internal/gguf); [View.Read] decodes any part of it,
// again and again, so that weights can stay in the file until they are run.
// [View.Float32] gives its values, without a copy where they
// are float32 already. Values that are not finite are refused, with the name
// of the tensor and the index: a model with NaN weights computes nothing but
// NaN, and the earlier that is said, the better.
//
// Every fault of a file is an error that names the file and the fault, and what
// the file is if it is no weights at all ([Mistaken]). Why headers and blocks are
// read here is told in ADR/formats.md. Shards
// are looked for in the folder of the index only. A file must not shrink while
// it is mapped: the operating system then ends the process.
package weights
