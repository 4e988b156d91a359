package distance

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

// kernels returns what this processor can run, slowest first.
func kernels() []kernel {
	ks := []kernel{portable}
	// cpuid reports AVX only when the operating system saves its registers too.
	if cpuid.CPU.Supports(cpuid.AVX, cpuid.AVX2) {
		ks = append(ks, avx2)
	}
	return ks
}

// squaredL2 and its siblings call assembly directly, not through a table of
// functions, so that callers may keep out and q on their stack.
func squaredL2(k kernel, out, q, rows []float32, stride int, at []uint32) {
	switch {
	case k == avx2 && len(out) > 0 && at == nil:
		squaredL2AVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride)
	default:
		squaredL2Portable(out, q, rows, stride, at)
	}
}

func dot(k kernel, out, q, rows []float32, stride int, at []uint32) {
	switch {
	case k == avx2 && len(out) > 0 && at == nil:
		dotAVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride)
	default:
		dotPortable(out, q, rows, stride, at)
	}
}

func manhattan(k kernel, out, q, rows []float32, stride int, at []uint32) {
	switch {
	case k == avx2 && len(out) > 0 && at == nil:
		manhattanAVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride)
	default:
		manhattanPortable(out, q, rows, stride, at)
	}
}

func squaredL2Batch(_ kernel, out, q *[batchQueries][]float32, rows []float32, stride int) {
	squaredL2BatchPortable(out, q, rows, stride)
}

func dotBatch(_ kernel, out, q *[batchQueries][]float32, rows []float32, stride int) {
	dotBatchPortable(out, q, rows, stride)
}

func squaredL2U8(_ kernel, out []uint32, q, rows []uint8, stride int, at []uint32) {
	squaredL2U8Portable(out, q, rows, stride, at)
}

func dotU8(_ kernel, out []uint32, q, rows []uint8, stride int, at []uint32) {
	dotU8Portable(out, q, rows, stride, at)
}

func dotI8(_ kernel, out []int32, q, rows []int8, stride int, at []uint32) {
	dotI8Portable(out, q, rows, stride, at)
}

func hamming(_ kernel, out []uint32, q, rows []uint64, stride int, at []uint32) {
	hammingPortable(out, q, rows, stride, at)
}

// The assembly: n >= 1 rows of dim >= 0 floats, stride in floats.

//go:noescape
func squaredL2AVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int)

//go:noescape
func dotAVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int)

//go:noescape
func manhattanAVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int)
