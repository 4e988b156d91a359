package graph

import (
	"runtime"
	"unsafe"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/index/memory"
)

const (
	// exactSum is the least sum of whole numbers that a float32 may not hold.
	exactSum = 1 << 24
	// maxNarrowBytes is the longest query that a scan makes bytes of.
	maxNarrowBytes = 4096
)

// Vectors is what rows there were in a Rows at one moment. Who keeps
// a Vectors keeps the memory of the rows.
type Vectors struct {
	block  *memory.Block
	metric flow.Metric
	dim    int
	stride int       // in components
	bytes  []uint8   // the rows, or nil
	floats []float32 // the rows, if bytes is nil
}

// Vector copies a row into dst, which has the dimension of the rows.
func (v *Vectors) Vector(dst flow.Vector, row int) {
	dst = dst[:v.dim]
	if v.bytes == nil {
		copy(dst, v.floats[row*v.stride:])
	} else {
		for i, c := range v.bytes[row*v.stride:][:len(dst)] {
			dst[i] = float32(c)
		}
	}
	runtime.KeepAlive(v.block)
}

// Distances sets out[i] to the distance (see Measure) between q and row first+i.
func (v *Vectors) Distances(out, q []float32, first int) {
	if len(out) == 0 {
		return
	}
	if v.bytes == nil {
		Measure(v.metric, out, q, v.floats[first*v.stride:], v.stride)
		runtime.KeepAlive(v.block)
		return
	}
	rows := v.bytes[first*v.stride:]
	var narrowed [maxNarrowBytes]uint8
	switch {
	case len(q) <= maxNarrowBytes && narrow(narrowed[:], q):
		v.wholeDistances(out, q, narrowed[:len(q)], rows)
	case v.metric == flow.Euclid:
		distance.SquaredL2Mixed(out, q, rows, v.stride)
	default:
		distance.DotMixed(out, q, rows, v.stride)
	}
	finish(v.metric, out)
	runtime.KeepAlive(v.block)
}

// wholeDistances sets out to what the kernels over float32 give. An exact sum below
// exactSum is that: all sums on the way to it are exact too.
func (v *Vectors) wholeDistances(out, q []float32, narrowed, rows []uint8) {
	sums := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(out))), len(out)) // one after the other in one place
	if v.metric == flow.Euclid {
		distance.SquaredL2U8(sums, narrowed, rows, v.stride)
	} else {
		distance.DotU8(sums, narrowed, rows, v.stride)
	}
	for i, x := range sums {
		switch {
		case x < exactSum:
			out[i] = float32(x)
		case v.metric == flow.Euclid:
			distance.SquaredL2Mixed(out[i:i+1], q, rows[i*v.stride:], v.stride)
		default:
			distance.DotMixed(out[i:i+1], q, rows[i*v.stride:], v.stride)
		}
	}
}

// DistancesAt sets out[i] to the distance (see Measure) between q and row at[i].
func (v *Vectors) DistancesAt(out, q []float32, at []uint32) {
	switch {
	case v.bytes == nil:
		MeasureAt(v.metric, out, q, v.floats, v.stride, at)
		runtime.KeepAlive(v.block)
		return
	case v.metric == flow.Euclid:
		distance.SquaredL2MixedAt(out, q, v.bytes, v.stride, at)
	default:
		distance.DotMixedAt(out, q, v.bytes, v.stride, at)
	}
	finish(v.metric, out[:len(at)])
	runtime.KeepAlive(v.block)
}

// Rows returns rows first to first+n-1 as floats, at a stride: the memory of the rows,
// or the buffer, which has room for n of them, when they are bytes. Who reads them
// keeps the Vectors.
func (v *Vectors) Rows(buffer []float32, first, n int) (rows []float32, stride int) {
	if v.bytes == nil {
		return v.floats[first*v.stride:], v.stride
	}
	for i := range n {
		distance.Widen(buffer[i*v.dim:][:v.dim], v.bytes[(first+i)*v.stride:][:v.dim])
	}
	runtime.KeepAlive(v.block)
	return buffer, v.dim
}
