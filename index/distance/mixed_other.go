//go:build !amd64 && !arm64

package distance

func squaredL2Mixed(_ kernel, out, q []float32, rows []uint8, stride int, at []uint32) {
	squaredL2MixedPortable(out, q, rows, stride, at)
}

func dotMixed(_ kernel, out, q []float32, rows []uint8, stride int, at []uint32) {
	dotMixedPortable(out, q, rows, stride, at)
}
