package index

import (
	"runtime"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

const (
	// kernelQueries is how many queries a kernel compares with a row at once.
	kernelQueries = 4
	// passQueries is how many queries share one pass over the rows.
	passQueries = 64
	// passRows is how many rows all the queries of a pass are compared with before the
	// next ones: they stay in the cache meanwhile.
	passRows = wordRows
)

// batch is the working memory of SearchBatch.
type batch struct {
	queries [][]float32 // a multiple of kernelQueries, all unit vectors under the cosine metric
	units   []float32
	tops    []top
	out     [kernelQueries][passRows]float32
	rows    []float32 // room for the rows that are compared at once
}

// SearchBatch returns, for each of many vectors, what SearchAll appends for an exact
// query of it, at a fraction of the cost: rows are read once for many queries.
func SearchBatch(targets []Target, vectors []flow.Vector, k int, s *Scratch) [][]Candidate {
	answers := make([][]Candidate, len(vectors))
	for from := 0; from < len(vectors); from += passQueries {
		to := min(from+passQueries, len(vectors))
		s.pass(answers[from:to], targets, vectors[from:to], k)
	}
	runtime.KeepAlive(targets)
	return answers
}

// pass answers the queries that share one pass over the rows.
func (s *Scratch) pass(answers [][]Candidate, targets []Target, vectors []flow.Vector, k int) {
	for _, v := range vectors {
		check(targets, len(v))
	}
	if k = min(k, s.gather(targets)); k > 0 {
		metric := targets[0].View.cfg.Metric
		s.batch.begin(metric, vectors, k)
		for i := range s.pieces {
			s.compareAll(metric, i, len(vectors))
		}
		for i := range answers {
			answers[i] = slices.Clone(s.batch.tops[i].sorted())
			clear(s.batch.tops[i].heap)
		}
	}
	s.release()
}

// begin makes queries of the vectors. The last ones are repeated so that there are
// always enough for the kernel.
func (b *batch) begin(metric flow.Metric, vectors []flow.Vector, k int) {
	dim := len(vectors[0])
	n := (len(vectors) + kernelQueries - 1) / kernelQueries * kernelQueries
	b.queries = b.queries[:0]
	b.rows = slices.Grow(b.rows[:0], passRows*dim)[:passRows*dim]
	if metric == flow.Cosine {
		b.units = slices.Grow(b.units[:0], n*dim)[:n*dim]
	}
	for i := range n {
		v := vectors[min(i, len(vectors)-1)]
		if metric == flow.Cosine {
			unit := b.units[i*dim:][:dim]
			distance.Normalize(unit, v)
			v = unit
		}
		b.queries = append(b.queries, v)
	}
	for len(b.tops) < len(vectors) {
		b.tops = append(b.tops, top{})
	}
	for i := range vectors {
		b.tops[i].reset(k)
	}
}

// compareAll offers a piece's eligible rows to the answers of all queries.
func (s *Scratch) compareAll(metric flow.Metric, at, queries int) {
	p, b := &s.pieces[at], &s.batch
	for first := 0; first < len(p.slots); first += passRows {
		word := p.word(first / passRows)
		if word == 0 {
			continue
		}
		n := min(passRows, len(p.slots)-first)
		rows, stride := p.floats(b.rows, first, n)
		for j := 0; j < queries; j += kernelQueries {
			var out [kernelQueries][]float32
			for i := range out {
				out[i] = b.out[i][:n]
			}
			graph.MeasureBatch(metric, &out, (*[kernelQueries][]float32)(b.queries[j:]), rows, stride)
			for i := range min(kernelQueries, queries-j) {
				t := &b.tops[j+i]
				for row, d := range out[i] {
					if d <= t.bound && word>>row&1 != 0 {
						t.offer(p, first+row, d)
					}
				}
			}
		}
		s.Stats.Scanned += n * queries
	}
}
