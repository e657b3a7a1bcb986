// Package ship makes the files of a shipped model from its parts, and reads
// them back.
package ship
