package distance

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

// minCodesAVX2 is how many codes the AVX2 kernels over codes need: one register of them.
const minCodesAVX2 = 32

// compiled are the kernels that this architecture has, slowest first.
func compiled() []kernel { return []kernel{portable, avx2, avx512} }

// runs says whether this processor can run a kernel. cpuid reports what needs wide
// registers only when the operating system saves them too.
func (k kernel) runs() bool {
	wide := cpuid.CPU.Supports(cpuid.AVX, cpuid.AVX2, cpuid.FMA3, cpuid.POPCNT)
	switch k {
	case avx2:
		return wide
	case avx512:
		return wide && cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VNNI)
	}
	return true
}

// squaredL2 and its siblings call assembly directly, not through a table of
// functions, so that callers may keep out and q on their stack.
func squaredL2(k kernel, out, q, rows []float32, stride int, at []uint32) {
	switch {
	case k == avx512 && len(out) > 0:
		squaredL2AVX512(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	case k == avx2 && len(out) > 0:
		squaredL2AVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		squaredL2Portable(out, q, rows, stride, at)
	}
}

func dot(k kernel, out, q, rows []float32, stride int, at []uint32) {
	switch {
	case k == avx512 && len(out) > 0:
		dotAVX512(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	case k == avx2 && len(out) > 0:
		dotAVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		dotPortable(out, q, rows, stride, at)
	}
}

func manhattan(k kernel, out, q, rows []float32, stride int, at []uint32) {
	switch {
	case k == avx512 && len(out) > 0:
		manhattanAVX512(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	case k == avx2 && len(out) > 0:
		manhattanAVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		manhattanPortable(out, q, rows, stride, at)
	}
}

func squaredL2Batch(k kernel, out, q *[batchQueries][]float32, rows []float32, stride int) {
	switch {
	case k == avx512 && len(out[0]) > 0:
		squaredL2BatchAVX512(out, q, len(out[0]), len(q[0]), unsafe.SliceData(rows), stride)
	case k == avx2 && len(out[0]) > 0:
		squaredL2BatchAVX2(out, q, len(out[0]), len(q[0]), unsafe.SliceData(rows), stride)
	default:
		squaredL2BatchPortable(out, q, rows, stride)
	}
}

func dotBatch(k kernel, out, q *[batchQueries][]float32, rows []float32, stride int) {
	switch {
	case k == avx512 && len(out[0]) > 0:
		dotBatchAVX512(out, q, len(out[0]), len(q[0]), unsafe.SliceData(rows), stride)
	case k == avx2 && len(out[0]) > 0:
		dotBatchAVX2(out, q, len(out[0]), len(q[0]), unsafe.SliceData(rows), stride)
	default:
		dotBatchPortable(out, q, rows, stride)
	}
}

func squaredL2U8(k kernel, out []uint32, q, rows []uint8, stride int, at []uint32) {
	switch {
	case k == avx512 && len(out) > 0:
		squaredL2U8AVX512(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	case k == avx2 && len(out) > 0 && len(q) >= minCodesAVX2:
		squaredL2U8AVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		squaredL2U8Portable(out, q, rows, stride, at)
	}
}

func dotU8(k kernel, out []uint32, q, rows []uint8, stride int, at []uint32) {
	switch {
	case k == avx512 && len(out) > 0:
		dotU8AVX512(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	case k == avx2 && len(out) > 0 && len(q) >= minCodesAVX2:
		dotU8AVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		dotU8Portable(out, q, rows, stride, at)
	}
}

func dotI8(k kernel, out []int32, q, rows []int8, stride int, at []uint32) {
	switch {
	case k == avx512 && len(out) > 0:
		dotI8AVX512(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	case k == avx2 && len(out) > 0 && len(q) >= minCodesAVX2:
		dotI8AVX2(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		dotI8Portable(out, q, rows, stride, at)
	}
}

func hamming(k kernel, out []uint32, q, rows []uint64, stride int, at []uint32) {
	switch {
	case k != portable && len(out) > 0:
		hammingPOPCNT(&out[0], len(out), unsafe.SliceData(q), len(q), unsafe.SliceData(rows), stride, unsafe.SliceData(at))
	default:
		hammingPortable(out, q, rows, stride, at)
	}
}

// The assembly: n >= 1 rows of dim >= 0 elements, stride in elements, at the list of
// rows or nil.

//go:noescape
func squaredL2AVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)

//go:noescape
func dotAVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)

//go:noescape
func manhattanAVX2(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)

//go:noescape
func squaredL2BatchAVX2(out, q *[batchQueries][]float32, n, dim int, rows *float32, stride int)

//go:noescape
func dotBatchAVX2(out, q *[batchQueries][]float32, n, dim int, rows *float32, stride int)

//go:noescape
func squaredL2U8AVX2(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)

//go:noescape
func dotU8AVX2(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)

//go:noescape
func dotI8AVX2(out *int32, n int, q *int8, dim int, rows *int8, stride int, at *uint32)

//go:noescape
func hammingPOPCNT(out *uint32, n int, q *uint64, dim int, rows *uint64, stride int, at *uint32)

//go:noescape
func squaredL2AVX512(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)

//go:noescape
func dotAVX512(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)

//go:noescape
func manhattanAVX512(out *float32, n int, q *float32, dim int, rows *float32, stride int, at *uint32)

//go:noescape
func squaredL2BatchAVX512(out, q *[batchQueries][]float32, n, dim int, rows *float32, stride int)

//go:noescape
func dotBatchAVX512(out, q *[batchQueries][]float32, n, dim int, rows *float32, stride int)

//go:noescape
func squaredL2U8AVX512(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)

//go:noescape
func dotU8AVX512(out *uint32, n int, q *uint8, dim int, rows *uint8, stride int, at *uint32)

//go:noescape
func dotI8AVX512(out *int32, n int, q *int8, dim int, rows *int8, stride int, at *uint32)
