package graph

import (
	"math"

	flow "github.com/ruvector-flow/ruvector-flow"
)

const (
	// sketchDims is how many components a sketch has.
	sketchDims = 32
	// maxSketches is how many sketches a walk compares at most on its way into a graph.
	maxSketches = 512
	// entrances is how many of the rows with the nearest sketches a walk begins at.
	entrances = 2
)

// sketches are short forms of the rows of one layer, the lowest above the rows' own with at
// most maxSketches nodes. To compare them all, one after the other in memory, costs less
// than to walk down to that layer through rows that lie anywhere. They lead to where a walk
// begins, and decide nothing else.
type sketches struct {
	layer int
	codes *codes
}

// newSketches returns the sketches of a graph, or nil if it has one layer.
func newSketches(cfg Config, rows *Rows, layers []layer) *sketches {
	l := len(layers) - 1
	if l == 0 || len(layers[l].rows) > maxSketches {
		return nil
	}
	for l > 1 && len(layers[l-1].rows) <= maxSketches {
		l--
	}
	return &sketches{layer: l, codes: newShort(cfg, rows, sketchDims, len(layers[l].rows), layers[l].row)}
}

// newShort returns codes of the sketches of n rows.
func newShort(cfg Config, rows *Rows, dims, n int, row func(i uint32) uint32) *codes {
	cfg.Dim, cfg.Quantization = dims, flow.Int8
	if cfg.Metric != flow.Dot {
		// Under the cosine metric too: the rows have one length, their sketches have not, and
		// a long one would have the greatest dot product with most queries.
		cfg.Metric = flow.Euclid
	}
	sketched := NewRows(cfg, n)
	sketched.widen()
	v, short := make([]float32, rows.dim), make([]float32, dims)
	for i := range uint32(n) {
		rows.Vector(v, int(row(i)))
		sketch(short, v)
		sketched.Add(short, 0)
	}
	return newCodes(cfg, sketched)
}

// sketch adds up as many runs of components as dst has.
func sketch(dst, v []float32) {
	from := 0
	for j := range dst {
		to := (j + 1) * len(v) / len(dst)
		var sum float32
		for _, x := range v[from:to] {
			sum += x
		}
		dst[j], from = bounded(sum, -maxSketched, maxSketched), to
	}
}

// maxSketched bounds the components of a sketch, so that they have finite distances.
const maxSketched = 1e18

// enter stands at the nodes with the sketches nearest to the query's, in their layer.
func (t *trail) enter(s *Scratch, k *sketches) {
	l := &t.part.Graph.layers[k.layer]
	k.codes.aim(&s.sketchTarget, s.sketch[:])
	s.out = resized(s.out, len(l.rows))
	k.codes.run(s.out, &s.sketchTarget, 0)
	first, second := -1, -1
	d1, d2 := float32(math.Inf(1)), float32(math.Inf(1))
	for node, d := range s.out {
		if d >= d2 {
			continue
		}
		if d < d1 {
			first, second, d1, d2 = node, first, d, d1
		} else {
			second, d2 = node, d
		}
	}
	t.layer, t.entered = k.layer, true
	t.at, t.nodes = t.at[:0], t.nodes[:0]
	for _, node := range [entrances]int{first, second} {
		if node >= 0 {
			t.nodes = append(t.nodes, uint32(node))
			t.at = append(t.at, l.rows[node])
			s.see(t.base + l.rows[node])
		}
	}
}
