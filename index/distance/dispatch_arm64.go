package distance

import (
	"unsafe"
)

// compiled are the kernels that this architecture has, slowest first.
func compiled() []kernel { return []kernel{portable, neon} }

// runs says whether this processor can run a kernel: every arm64 has NEON.
func (kernel) runs() bool { return true }

// squaredL2 and its siblings call assembly directly, not through a table of
// functions, so that callers may keep out and q on their stack.
func squaredL2(k kernel, out, q, rows []float32, stride int, at []uint32) {
	switch {
	case k == neon && len(out) > 0:
		squaredL2NEON(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		squaredL2Portable(out, q, rows, stride, at)
	}
}

func dot(k kernel, out, q, rows []float32, stride int, at []uint32) {
	switch {
	case k == neon && len(out) > 0:
		dotNEON(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		dotPortable(out, q, rows, stride, at)
	}
}

func manhattan(k kernel, out, q, rows []float32, stride int, at []uint32) {
	switch {
	case k == neon && len(out) > 0:
		manhattanNEON(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		manhattanPortable(out, q, rows, stride, at)
	}
}

func squaredL2Batch(k kernel, out, q *[batchQueries][]float32, rows []float32, stride int) {
	switch {
	case k == neon && len(out[0]) > 0:
		squaredL2BatchNEON(out, q, len(out[0]), len(q[0]), unsafe.SliceData(rows), stride)
	default:
		squaredL2BatchPortable(out, q, rows, stride)
	}
}

func dotBatch(k kernel, out, q *[batchQueries][]float32, rows []float32, stride int) {
	switch {
	case k == neon && len(out[0]) > 0:
		dotBatchNEON(out, q, len(out[0]), len(q[0]), unsafe.SliceData(rows), stride)
	default:
		dotBatchPortable(out, q, rows, stride)
	}
}

func squaredL2U8(k kernel, out []uint32, q, rows []uint8, stride int, at []uint32) {
	switch {
	case k == neon && len(out) > 0:
		squaredL2U8NEON(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		squaredL2U8Portable(out, q, rows, stride, at)
	}
}

func dotU8(k kernel, out []uint32, q, rows []uint8, stride int, at []uint32) {
	switch {
	case k == neon && len(out) > 0:
		dotU8NEON(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		dotU8Portable(out, q, rows, stride, at)
	}
}

func dotI8(k kernel, out []int32, q, rows []int8, stride int, at []uint32) {
	switch {
	case k == neon && len(out) > 0:
		dotI8NEON(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		dotI8Portable(out, q, rows, stride, at)
	}
}

func hamming(k kernel, out []uint32, q, rows []uint64, stride int, at []uint32) {
	switch {
	case k == neon && len(out) > 0:
		hammingNEON(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		hammingPortable(out, q, rows, stride, at)
	}
}

// The assembly: n >= 1 rows of dim >= 0 elements, stride in elements, at the list of
// rows or nil.

//go:noescape
func squaredL2NEON(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)

//go:noescape
func dotNEON(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)

//go:noescape
func manhattanNEON(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)

//go:noescape
func squaredL2BatchNEON(out, q *[batchQueries][]float32, n, dim int, rows *float32, stride int)

//go:noescape
func dotBatchNEON(out, q *[batchQueries][]float32, n, dim int, rows *float32, stride int)

//go:noescape
func squaredL2U8NEON(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)

//go:noescape
func dotU8NEON(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)

//go:noescape
func dotI8NEON(out *int32, n int, q *int8, dim int, rows *int8, stride int, at *uint32)

//go:noescape
func hammingNEON(out *uint32, n int, q *uint64, dim int, rows *uint64, stride int, at *uint32)
