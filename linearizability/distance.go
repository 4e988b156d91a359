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
