// Package plotting draws figures of labelled data.
package plotting
