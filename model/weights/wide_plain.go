//go:build !(goexperiment.simd && amd64)

package weights

func allFinite([]float32) int { return 0 }

func turnWide([]float32, int, []float32, int, int) int { return 0 }

func wideBF16([]float32, []byte) int { return 0 }

func wideF16([]float32, []byte) int { return 0 }
