// Package distance holds the kernels that compare one query with many rows of
// float32: squared L2, dot product and Manhattan. The portable Go code is their
// definition and every other kernel equals it bit for bit. It knows nothing of
// points, metrics or order, and never allocates.
//
// Definition of every kernel: element i belongs to lane i mod 32. Each lane starts
// at +0 and adds its terms in the order of i, every term rounded to float32 before
// it is added (no fused multiply-add). Then the lanes are halved until one is
// left: for w = 16, 8, 4, 2, 1, lane l becomes lane l + lane l+w for l < w.
// Infinities and denormals are treated as IEEE 754 says; where the result is not a
// number, only that fact is defined, not the bits.
package distance

import (
	"fmt"
	"math"
)

// lanes is how many partial sums a kernel keeps: four registers of AVX2, two of
// AVX-512, eight of NEON. It is part of the definition: another number gives other bits.
const lanes = 32

// kernel names one implementation of all the functions of this package.
type kernel uint8

const (
	portable kernel = iota
	avx2
)

var kernelNames = [...]string{portable: "portable", avx2: "avx2"}

func (k kernel) String() string { return kernelNames[k] }

// active is the kernel this processor runs best; it is chosen once and never changes.
var active = best(kernels())

// best returns the last of the kernels, which are ordered from slow to fast.
func best(ks []kernel) kernel { return ks[len(ks)-1] }

// Kernel names the kernel in use: "portable" or "avx2".
func Kernel() string { return active.String() }

// SquaredL2 sets out[i] to the squared Euclidean distance between q and row i,
// which is rows[i*stride : i*stride+len(q)], for every i below len(out). It panics
// when the rows do not reach that far or overlap (stride < len(q)).
func SquaredL2(out, q, rows []float32, stride int) {
	check(out, q, rows, stride)
	squaredL2(active, out, q, rows, stride)
}

// Dot sets out[i] to the dot product of q and row i; see SquaredL2 for the rows.
func Dot(out, q, rows []float32, stride int) {
	check(out, q, rows, stride)
	dot(active, out, q, rows, stride)
}

// Manhattan sets out[i] to the sum of the absolute differences of q and row i; see
// SquaredL2 for the rows.
func Manhattan(out, q, rows []float32, stride int) {
	check(out, q, rows, stride)
	manhattan(active, out, q, rows, stride)
}

// SquaredL2Pair returns the squared Euclidean distance of two vectors of one length.
func SquaredL2Pair(a, b []float32) float32 {
	checkPair(a, b)
	var out [1]float32
	squaredL2(active, out[:], a, b, len(a))
	return out[0]
}

// DotPair returns the dot product of two vectors of one length.
func DotPair(a, b []float32) float32 {
	checkPair(a, b)
	var out [1]float32
	dot(active, out[:], a, b, len(a))
	return out[0]
}

// ManhattanPair returns the sum of the absolute differences of two vectors of one length.
func ManhattanPair(a, b []float32) float32 {
	checkPair(a, b)
	var out [1]float32
	manhattan(active, out[:], a, b, len(a))
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
func check(out, q, rows []float32, stride int) {
	if len(out) == 0 {
		return
	}
	// Divided, not multiplied: a product could wrap around.
	if stride < len(q) || len(rows) < len(q) || stride > 0 && (len(rows)-len(q))/stride < len(out)-1 {
		panic(fmt.Sprintf("distance: %d rows of %d components at stride %d do not fit %d floats",
			len(out), len(q), stride, len(rows)))
	}
}

func checkPair(a, b []float32) {
	if len(a) != len(b) {
		panic(fmt.Sprintf("distance: vectors of %d and %d components", len(a), len(b)))
	}
}
