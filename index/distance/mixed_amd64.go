package distance

import "unsafe"

// minMixedAVX2 is how many components the AVX2 kernels over bytes and floats need. They serve
// processors with AVX-512 too.
const minMixedAVX2 = 8

func squaredL2Mixed(k kernel, out, q []float32, rows []uint8, stride int, at []uint32) {
	switch {
	case k != portable && len(out) > 0 && len(q) >= minMixedAVX2:
		squaredL2MixedAVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		squaredL2MixedPortable(out, q, rows, stride, at)
	}
}

func dotMixed(k kernel, out, q []float32, rows []uint8, stride int, at []uint32) {
	switch {
	case k != portable && len(out) > 0 && len(q) >= minMixedAVX2:
		dotMixedAVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		dotMixedPortable(out, q, rows, stride, at)
	}
}

//go:noescape
func squaredL2MixedAVX2(out *float32, n int, q *float32, dim int, rows *uint8, stride int, at *uint32)

//go:noescape
func dotMixedAVX2(out *float32, n int, q *float32, dim int, rows *uint8, stride int, at *uint32)
