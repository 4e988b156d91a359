package graph

import (
	"math"
	"unsafe"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

// space measures distances the way a walk does: over the rows themselves, or over codes
// that are shorter.
type space struct {
	rows  *Rows
	codes *codes // nil: the rows themselves
}

// target is what a space compares rows with: a query, or a row. It has the form of the
// codes of the space, or, for rows of bytes, bytes if they can hold it, else floats.
type target struct {
	floats []float32
	bytes  []uint8
	ints   []int8
	words  []uint64
	scale  float32 // of the query's codes
	// Memory for a query's codes and for results. The fields above may lie in here, or
	// in the rows, which nobody must write to.
	ownBytes []uint8
	ownInts  []int8
	ownWords []uint64
	sums     []uint32
	signeds  []int32
}

// aim sets a target to a query.
func (s *space) aim(t *target, v []float32) {
	t.floats, t.bytes = v, nil
	switch {
	case s.codes != nil:
		s.codes.aim(t, v)
	case s.rows.bytes != nil:
		t.ownBytes = resized(t.ownBytes, len(v))
		if narrow(t.ownBytes, v) {
			t.bytes = t.ownBytes
		}
	}
}

// aimRow sets a target to a row.
func (s *space) aimRow(t *target, row uint32) {
	dim := s.rows.cfg.Dim
	switch {
	case s.codes != nil:
		s.codes.aimRow(t, row)
	case s.rows.bytes != nil:
		t.bytes = s.rows.bytes[int(row)*s.rows.stride:][:dim]
	default:
		t.floats = s.rows.floats[int(row)*s.rows.stride:][:dim]
	}
}

// resized returns a slice of n elements, the same one if it has room for them.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		s = make([]T, max(n, 2*cap(s)))
	}
	return s[:n]
}

// at sets out[i] to the distance between the target and row at[i].
func (s *space) at(out []float32, t *target, at []uint32) {
	switch {
	case s.codes != nil:
		s.codes.at(out, t, at)
	case s.rows.bytes == nil || t.bytes == nil:
		s.rows.DistancesAt(out, t.floats, at)
	case s.rows.cfg.Metric == flow.Euclid:
		t.sums = resized(t.sums, len(at))
		distance.SquaredL2U8At(t.sums, t.bytes, s.rows.bytes, s.rows.stride, at)
		s.whole(out, t.sums)
	default:
		t.sums = resized(t.sums, len(at))
		distance.DotU8At(t.sums, t.bytes, s.rows.bytes, s.rows.stride, at)
		s.whole(out, t.sums)
	}
}

// run sets out[i] to the distance between the target and row first+i.
func (s *space) run(out []float32, t *target, first int) {
	switch {
	case s.codes != nil:
		s.codes.run(out, t, first)
	case s.rows.bytes == nil || t.bytes == nil:
		s.rows.Distances(out, t.floats, first)
	case s.rows.cfg.Metric == flow.Euclid:
		t.sums = resized(t.sums, len(out))
		distance.SquaredL2U8(t.sums, t.bytes, s.rows.bytes[first*s.rows.stride:], s.rows.stride)
		s.whole(out, t.sums)
	default:
		t.sums = resized(t.sums, len(out))
		distance.DotU8(t.sums, t.bytes, s.rows.bytes[first*s.rows.stride:], s.rows.stride)
		s.whole(out, t.sums)
	}
}

// whole turns exact sums into distances. Below exactSum every sum on the way to it is
// exact in float32 too, so that the distance is the one that Measure gives.
func (s *space) whole(out []float32, sums []uint32) {
	switch s.rows.cfg.Metric {
	case flow.Euclid:
		for i, x := range sums {
			out[i] = float32(x)
		}
	case flow.Cosine:
		for i, x := range sums {
			out[i] = bounded(1-float32(x), 0, 2)
		}
	default:
		for i, x := range sums {
			out[i] = 0 - float32(x)
		}
	}
}

// measured says whether a distance that the space gave is the one that Measure gives.
func (s *space) measured(t *target, d float32) bool {
	return s.codes == nil && (s.rows.bytes == nil || t.bytes == nil || math.Abs(float64(d)) < exactSum)
}

// maxPrefetchBytes is how much of a row is asked for ahead: of a longer one the processor
// foresees the rest, and more requests than it can keep hold up what comes after them.
const maxPrefetchBytes = 1024

// prefetch asks the memory for rows that will be measured.
func (s *space) prefetch(at []uint32) {
	switch {
	case s.codes != nil:
		s.codes.prefetch(at)
	case s.rows.bytes != nil:
		distance.Prefetch(unsafe.Pointer(unsafe.SliceData(s.rows.bytes)), s.rows.stride, s.rows.dim, at)
	default:
		distance.Prefetch(unsafe.Pointer(unsafe.SliceData(s.rows.floats)), 4*s.rows.stride, min(4*s.rows.dim, maxPrefetchBytes), at)
	}
}

// forget drops what may lie in a query or in rows.
func (t *target) forget() { t.floats, t.bytes, t.ints, t.words = nil, nil, nil, nil }
