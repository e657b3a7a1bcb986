// Package fit has what fitting tensors needs beside a model: rates that change
// with the steps, batches drawn from a seed, and matrices with orthonormal columns
// as functions of free ones. It is pure.
package fit
