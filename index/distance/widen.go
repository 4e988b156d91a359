package distance

import "fmt"

// Widen sets dst to the float32 of each byte, for who compares rows of bytes with more
// queries than pays for reading them as they are. The lengths are equal.
func Widen(dst []float32, bytes []uint8) {
	if len(dst) != len(bytes) {
		panic(fmt.Sprintf("distance: %d bytes for %d floats", len(bytes), len(dst)))
	}
	for i := widen(*active, dst, bytes); i < len(dst); i++ {
		dst[i] = float32(bytes[i])
	}
}
