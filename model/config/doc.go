// Package config describes a transformer: its sizes and its features.
//
// A [Config] is family-neutral. What a Hugging Face config.json says is read
// by the family's own file in model/internal/arch; here are only the words in
// which every family says it.
package config
