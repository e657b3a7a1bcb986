//go:build !(goexperiment.simd && amd64)

package tally

func above(count []uint8, values []float32, over float32) bool { return count1(count, values, over) }
