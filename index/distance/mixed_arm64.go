package distance

import "unsafe"

func squaredL2Mixed(k kernel, out, q []float32, rows []uint8, stride int, at []uint32) {
	switch {
	case k != portable && len(out) > 0:
		squaredL2MixedNEON(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		squaredL2MixedPortable(out, q, rows, stride, at)
	}
}

func dotMixed(k kernel, out, q []float32, rows []uint8, stride int, at []uint32) {
	switch {
	case k != portable && len(out) > 0:
		dotMixedNEON(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		dotMixedPortable(out, q, rows, stride, at)
	}
}

//go:noescape
func squaredL2MixedNEON(out *float32, n int, q *float32, dim int, rows *uint8, stride int, at *uint32)

//go:noescape
func dotMixedNEON(out *float32, n int, q *float32, dim int, rows *uint8, stride int, at *uint32)
