// Package kernelspec installs the golens kernel where Jupyter looks for
// kernels, and removes it from there.
//
// A kernel spec is a folder with a file kernel.json that says how the kernel
// is started. Each of the places is a Jupyter data folder; the spec lies in
// kernels/golens below it.
package kernelspec
