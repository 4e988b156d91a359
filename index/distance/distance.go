// Package distance holds the kernels that compare queries with many rows: squared
// L2, dot product and Manhattan over float32; squared L2 and dot product over 8-bit
// codes; Hamming over bits. The portable Go code is their definition and every
// other kernel equals it bit for bit. It knows nothing of points, metrics or order,
// and never allocates.
//
// Rows lie at a stride in one slice: row i is rows[i*stride : i*stride+len(q)]. A
// kernel takes one query and the first len(out) rows, or (...At) the rows a list
// names, or (...Batch) four queries and the first rows. It panics when a row does
// not fit, since assembly has no bounds checks.
//
// Definition of the kernels over float32: element i belongs to lane i mod 32. Each lane starts
// at +0 and adds its terms in the order of i, every term rounded to float32 before
// it is added (no fused multiply-add). Then the lanes are halved until one is
// left: for w = 16, 8, 4, 2, 1, lane l becomes lane l + lane l+w for l < w.
// Infinities and denormals are treated as IEEE 754 says; where the result is not a
// number, only that fact is defined, not the bits. The kernels over integers are
// exact, so that any order is the definition.
package distance

import (
	"fmt"
	"math"
	"slices"
)

// lanes is how many partial sums a kernel keeps: four registers of AVX2, two of
// AVX-512, eight of NEON. It is part of the definition: another number gives other bits.
const lanes = 32

// SquaredL2 sets out[i] to the squared Euclidean distance between q and row i, for
// every i below len(out).
func SquaredL2(out, q, rows []float32, stride int) {
	check(len(out), len(q), len(rows), stride)
	squaredL2(*active, out, q, rows, stride, nil)
}

// Dot sets out[i] to the dot product of q and row i, for every i below len(out).
func Dot(out, q, rows []float32, stride int) {
	check(len(out), len(q), len(rows), stride)
	dot(*active, out, q, rows, stride, nil)
}

// Manhattan sets out[i] to the sum of the absolute differences of q and row i, for
// every i below len(out).
func Manhattan(out, q, rows []float32, stride int) {
	check(len(out), len(q), len(rows), stride)
	manhattan(*active, out, q, rows, stride, nil)
}

// SquaredL2At sets out[i] to the squared Euclidean distance between q and row at[i],
// for every i below len(at). It asks the memory for the rows ahead of their turn.
// Checking at costs about a quarter of a nanosecond a row.
func SquaredL2At(out, q, rows []float32, stride int, at []uint32) {
	checkAt(len(out), len(q), len(rows), stride, at)
	squaredL2(*active, out[:len(at)], q, rows, stride, at)
}

// DotAt sets out[i] to the dot product of q and row at[i]; see SquaredL2At.
func DotAt(out, q, rows []float32, stride int, at []uint32) {
	checkAt(len(out), len(q), len(rows), stride, at)
	dot(*active, out[:len(at)], q, rows, stride, at)
}

// ManhattanAt sets out[i] to the sum of the absolute differences of q and row
// at[i]; see SquaredL2At.
func ManhattanAt(out, q, rows []float32, stride int, at []uint32) {
	checkAt(len(out), len(q), len(rows), stride, at)
	manhattan(*active, out[:len(at)], q, rows, stride, at)
}

// SquaredL2Pair returns the squared Euclidean distance of two vectors of one length.
func SquaredL2Pair(a, b []float32) float32 {
	checkPair(a, b)
	var out [1]float32
	squaredL2(*active, out[:], a, b, len(a), nil)
	return out[0]
}

// DotPair returns the dot product of two vectors of one length.
func DotPair(a, b []float32) float32 {
	checkPair(a, b)
	var out [1]float32
	dot(*active, out[:], a, b, len(a), nil)
	return out[0]
}

// ManhattanPair returns the sum of the absolute differences of two vectors of one length.
func ManhattanPair(a, b []float32) float32 {
	checkPair(a, b)
	var out [1]float32
	manhattan(*active, out[:], a, b, len(a), nil)
	return out[0]
}

// Norm returns the Euclidean length of v. Products of two float32 are exact in
// float64 and are added from first to last, so that every machine gets the same bits;
// no finite v overflows or underflows.
func Norm(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	return math.Sqrt(sum)
}

// Normalize sets dst to v divided by its Norm, each component rounded once to
// float32. A zero vector stays zero. dst may be v; their lengths must be equal.
func Normalize(dst, v []float32) {
	checkPair(dst, v)
	norm := Norm(v)
	if norm == 0 {
		clear(dst)
		return
	}
	for i, x := range v {
		dst[i] = float32(float64(x) / norm)
	}
}

// check panics when a kernel would read outside rows: the assembly has no bounds checks.
func check(n, dim, rows, stride int) {
	if n == 0 {
		return
	}
	// Divided, not multiplied: a product could wrap around.
	if stride < dim || rows < dim || stride > 0 && (rows-dim)/stride < n-1 {
		panic(fmt.Sprintf("distance: %d rows of %d components at stride %d do not fit %d",
			n, dim, stride, rows))
	}
}

// checkAt panics when there is no room for the results, or a row of at is not there.
func checkAt(out, dim, rows, stride int, at []uint32) {
	if out < len(at) {
		panic(fmt.Sprintf("distance: room for %d results of %d", out, len(at)))
	}
	if len(at) > 0 {
		check(int(slices.Max(at))+1, dim, rows, stride)
	}
}

func checkPair(a, b []float32) {
	if len(a) != len(b) {
		panic(fmt.Sprintf("distance: vectors of %d and %d components", len(a), len(b)))
	}
}
