package main

import (
	"fmt"
	"math"
	"runtime"

	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

// speed is how fast something was: by CPU time, and by the clock with all threads.
type speed struct {
	QPSPerCore float64 `json:"qps_per_core"`
	QPS        float64 `json:"qps"`
}

// indexRow is what searches with one ef measured.
type indexRow struct {
	EF     int     `json:"ef"`
	Recall float64 `json:"recall"`
	speed
	// Distances and Hops are of the walks, Scanned counts the rows that were compared one
	// by one because that was cheaper; all a query.
	Distances float64 `json:"distances"`
	Hops      float64 `json:"hops"`
	Scanned   float64 `json:"scanned"`
	// Ratio is QPSPerCore over that of one index, with --against-one.
	Ratio float64 `json:"ratio,omitempty"`
}

// exactRow is what exact scans measured.
type exactRow struct {
	QueriesAPass int     `json:"queries_a_pass"`
	Recall       float64 `json:"recall"`
	speed
}

// recallRow is the speed at a recall, between the two rows around it.
type recallRow struct {
	Recall     float64 `json:"recall"`
	QPSPerCore float64 `json:"qps_per_core"`
}

// indexReport is what bench index measured.
type indexReport struct {
	BuildCPUSeconds   float64      `json:"build_cpu_seconds"`
	BuildSeconds      float64      `json:"build_seconds"`
	BytesPerVector    float64      `json:"bytes_per_vector"`
	BytesBeyondFloats float64      `json:"bytes_per_vector_beyond_floats"`
	Rows              []indexRow   `json:"rows"`
	AtRecall          []recallRow  `json:"at_recall"`
	Exact             []exactRow   `json:"exact"`
	Vectors           int          `json:"vectors"`
	Dim               int          `json:"dim"`
	Queries           int          `json:"queries"`
	K                 int          `json:"k"`
	Metric            string       `json:"metric"`
	Quantization      string       `json:"quantization"`
	M                 int          `json:"m"`
	EfConstruct       int          `json:"ef_construct"`
	Threads           int          `json:"threads"`
	Shards            int          `json:"shards"`
	Kernel            string       `json:"kernel"`
	Processors        int          `json:"processors"`
	OneShard          *indexReport `json:"one_shard,omitempty"`
}

func (b *indexBench) newReport() *indexReport {
	return &indexReport{Vectors: b.rows, Dim: b.config.Dim, Queries: len(b.queries), K: b.k, Metric: b.config.Metric.String(),
		Quantization: b.config.Quantization.String(), M: b.config.M, EfConstruct: b.config.EfConstruct, Threads: b.threads,
		Shards: len(b.indexes), Kernel: distance.Kernel(), Processors: runtime.GOMAXPROCS(0), AtRecall: []recallRow{}}
}

// summarise gives the speed at the usual recalls, as far as the rows reach around them.
func (r *indexReport) summarise() {
	for _, recall := range []float64{.95, .99, .995} {
		if qps, ok := r.speedAt(recall); ok {
			r.AtRecall = append(r.AtRecall, recallRow{recall, qps})
		}
	}
}

// speedAt returns the speed at a recall: on the line between the fastest row that has
// it and the row before, whose recall is less.
func (r *indexReport) speedAt(recall float64) (float64, bool) {
	for i, hi := range r.Rows {
		if hi.Recall < recall {
			continue
		}
		if i == 0 {
			return hi.QPSPerCore, hi.Recall == recall
		}
		lo := r.Rows[i-1]
		return lo.QPSPerCore + (hi.QPSPerCore-lo.QPSPerCore)*(recall-lo.Recall)/(hi.Recall-lo.Recall), true
	}
	return 0, false
}

// compare sets the ratios of the rows to those of one index.
func (r *indexReport) compare(one *indexReport) {
	r.OneShard = one
	for i := range r.Rows {
		r.Rows[i].Ratio = r.Rows[i].QPSPerCore / one.Rows[i].QPSPerCore
	}
}

func (a *app) printIndexBench(r *indexReport) error {
	return a.print(r, func(t *table) {
		t.row("vectors", fmt.Sprintf("%s of %d components, %s", thousands(r.Vectors), r.Dim, r.Metric))
		t.row("graph", fmt.Sprintf("m %d, ef_construct %d, quantization %s, shards %d", r.M, r.EfConstruct, r.Quantization, r.Shards))
		t.row("build", fmt.Sprintf("%.1f CPU s, %.1f s on %d threads", r.BuildCPUSeconds, r.BuildSeconds, r.Threads))
		t.row("memory", fmt.Sprintf("%.0f bytes a vector, %.0f more than its floats", r.BytesPerVector, r.BytesBeyondFloats))
		t.row("kernel", r.Kernel)
		t.gap()
		r.table(t)
		if one := r.OneShard; one != nil {
			t.gap()
			t.row("one index of all", fmt.Sprintf("build %.1f CPU s, %.0f bytes a vector", one.BuildCPUSeconds, one.BytesPerVector))
			t.gap()
			one.table(t)
		}
	})
}

// table prints the rows.
func (r *indexReport) table(t *table) {
	header := []any{"EF", fmt.Sprintf("RECALL@%d", r.K), "QPS PER CORE", "QPS", "DISTANCES", "HOPS", "SCANNED"}
	if r.OneShard != nil {
		header = append(header, "OF ONE INDEX")
	}
	t.row(header...)
	for _, row := range r.Rows {
		cells := []any{row.EF, fmt.Sprintf("%.4f", row.Recall), whole(row.QPSPerCore), whole(row.QPS), whole(row.Distances), whole(row.Hops), whole(row.Scanned)}
		if r.OneShard != nil {
			cells = append(cells, fmt.Sprintf("%.2fx", row.Ratio))
		}
		t.row(cells...)
	}
	for _, row := range r.Exact {
		t.row(fmt.Sprintf("exact, %d a pass", row.QueriesAPass), fmt.Sprintf("%.4f", row.Recall), whole(row.QPSPerCore), whole(row.QPS), "-", "-", whole(float64(r.Vectors)))
	}
	for _, row := range r.AtRecall {
		t.row("at recall", row.Recall, whole(row.QPSPerCore), "-", "-", "-", "-")
	}
}

func whole(x float64) string { return thousands(int64(math.Round(x))) }
