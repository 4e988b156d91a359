package linearizability

import (
	"cmp"
	"math"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// distance returns the distance of two vectors by the definition of flow.Hit, in
// float64, and the scale its rounding error grows with: the sum of the absolute
// values of its terms, 1 for Cosine. Vectors of different lengths are infinitely far.
func distance(m flow.Metric, a, b flow.Vector) (d, scale float64) {
	if len(a) != len(b) {
		return math.Inf(1), 0
	}
	var sum, abs, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		term := x * y
		switch m {
		case flow.Euclid:
			term = (x - y) * (x - y)
		case flow.Manhattan:
			term = math.Abs(x - y)
		}
		sum += term
		abs += math.Abs(term)
		aa += x * x
		bb += y * y
	}
	switch m {
	case flow.Cosine:
		return 1 - sum/math.Sqrt(aa*bb), 1
	case flow.Dot:
		return -sum, abs
	}
	return sum, abs
}

// close says whether a distance is the exact one within the tolerance.
func (p *partition) close(got, exact, scale float64) bool {
	return math.Abs(got-exact) <= cmp.Or(p.o.DistanceTolerance, DefaultDistanceTolerance)*scale
}

// maxWhole bounds the components and the distances of whole vectors that float32
// arithmetic gets right in whatever order it adds.
const maxWhole = 1 << 20

// whole says whether all components are small whole numbers.
func whole(v flow.Vector) bool {
	for _, x := range v {
		if x != float32(math.Trunc(float64(x))) || math.Abs(float64(x)) > maxWhole {
			return false
		}
	}
	return true
}

// allAt says whether all vectors are at exactly a distance, by arithmetic that rounds
// nothing: so must be whatever the index computes.
func allAt(q flow.Vector, vectors []flow.Vector, m flow.Metric, at float32) bool {
	if m == flow.Cosine || !whole(q) {
		return false
	}
	for _, v := range vectors {
		d, scale := distance(m, q, v)
		if !whole(v) || scale > maxWhole || d != float64(at) {
			return false
		}
	}
	return len(vectors) > 0
}
