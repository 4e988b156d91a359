package graph

import (
	"fmt"
	"math"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

// Measure sets out[i] to the distance between q and row i, rows[i*stride:][:len(q)]:
// squared L2, Manhattan, 1-cosine (of vectors that are normalised, 0 to 2), or -dot.
// It is never NaN or infinite: beyond the range of float32 it is ±math.MaxFloat32.
// These are the distances of answers, whatever a search was guided by.
func Measure(metric flow.Metric, out, q, rows []float32, stride int) {
	switch metric {
	case flow.Euclid:
		distance.SquaredL2(out, q, rows, stride)
	case flow.Manhattan:
		distance.Manhattan(out, q, rows, stride)
	case flow.Cosine, flow.Dot:
		distance.Dot(out, q, rows, stride)
	default:
		panic(fmt.Sprintf("graph: measure under metric %d", metric))
	}
	finish(metric, out)
}

// MeasureAt sets out[i] to the distance (see Measure) between q and row at[i].
func MeasureAt(metric flow.Metric, out, q, rows []float32, stride int, at []uint32) {
	switch metric {
	case flow.Euclid:
		distance.SquaredL2At(out, q, rows, stride, at)
	case flow.Manhattan:
		distance.ManhattanAt(out, q, rows, stride, at)
	case flow.Cosine, flow.Dot:
		distance.DotAt(out, q, rows, stride, at)
	default:
		panic(fmt.Sprintf("graph: measure under metric %d", metric))
	}
	finish(metric, out)
}

// MeasureBatch sets out[j][i] to the distance (see Measure) between q[j] and row i. The
// four queries have one length, and so have the four results.
func MeasureBatch(metric flow.Metric, out, q *[4][]float32, rows []float32, stride int) {
	switch metric {
	case flow.Euclid:
		distance.SquaredL2Batch(out, q, rows, stride)
	case flow.Cosine, flow.Dot:
		distance.DotBatch(out, q, rows, stride)
	default:
		for j := range q {
			Measure(metric, out[j], q[j], rows, stride)
		}
		return
	}
	for j := range out {
		finish(metric, out[j])
	}
}

// finish turns what the kernels of a metric give into distances.
func finish(metric flow.Metric, out []float32) {
	switch metric {
	case flow.Cosine:
		for i, d := range out {
			// Rounding can make the cosine of two unit vectors a little more than 1.
			out[i] = bounded(1-d, 0, 2)
		}
	case flow.Dot:
		for i, d := range out {
			// 0-d and not -d: the distance must not be -0.
			out[i] = bounded(0-d, -math.MaxFloat32, math.MaxFloat32)
		}
	default:
		for i, d := range out {
			out[i] = bounded(d, 0, math.MaxFloat32)
		}
	}
}

// bounded returns d kept between lo and hi. What is not a number (lanes that overflowed
// with opposite signs) is hi, the farthest: NaN would have no place in the order.
func bounded(d, lo, hi float32) float32 {
	if d < lo {
		return lo
	}
	if d <= hi {
		return d
	}
	return hi
}
