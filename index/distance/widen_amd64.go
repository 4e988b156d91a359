package distance

import "unsafe"

// widen does as much as the assembly can, and says how much.
func widen(k kernel, dst []float32, bytes []uint8) int {
	n := len(dst) &^ 7
	if k == portable || n == 0 {
		return 0
	}
	widenAVX2(unsafe.SliceData(dst), unsafe.SliceData(bytes), n)
	return n
}

//go:noescape
func widenAVX2(dst *float32, src *uint8, n int)
