// Package surgery changes a model's weights: parts of them taken, models merged,
// directions written in. Every function gives new weights and leaves the old ones
// alone.
package surgery
