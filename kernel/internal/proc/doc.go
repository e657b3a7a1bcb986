// Package proc holds the few operating-system calls that keep a kernel's
// processes together: process groups, the signal sent at a parent's death
// (Linux), and file locks that end with their process.
package proc
