package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/cmd/ruvector-flow/dataset"
	"github.com/ruvector-flow/ruvector-flow/embed"
	"github.com/ruvector-flow/ruvector-flow/index"
)

const (
	// buildStep is how many rows are linked between two looks at the other shards.
	buildStep = 4096
	// measureCPU is how much CPU time a measurement takes at least: the queries are repeated.
	measureCPU = 200 * time.Millisecond
	// warmQueries are searched before a measurement, with its ef.
	warmQueries = 200
	// scanQueries and batchQueries are how many queries exact scans are measured on.
	scanQueries, batchQueries = 128, 512
	// passQueries is how many queries share a pass of an exact scan.
	passQueries = 64
)

// indexBench builds indexes and searches them.
type indexBench struct {
	config  index.Config
	k       int
	efs     []int
	threads int
	queries []flow.Vector
	truth   *dataset.Truth
	rows    int
	indexes []*index.Index
	targets []index.Target
	// bridges join the graphs of several shards.
	bridges *index.Bridges
}

// load deals the rows of a file to new indexes: row i to index i mod shards.
func (b *indexBench) load(r *dataset.Reader, shards int) error {
	b.rows, b.indexes, b.targets, b.bridges = 0, nil, nil, nil
	b.config.Dim = len(b.queries[0])
	for range shards {
		x, err := index.New(b.config)
		if err != nil {
			return err
		}
		b.indexes = append(b.indexes, x)
	}
	var row dataset.Row
	for {
		if err := r.Next(&row); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if len(row.Vector) != b.config.Dim {
			return fmt.Errorf("row %d has %d components, the queries have %d", b.rows, len(row.Vector), b.config.Dim)
		}
		b.rows++
		b.indexes[(b.rows-1)%shards].Insert(uint64(b.rows), flow.NumberID(uint64(b.rows-1)), row.Vector)
	}
	if b.rows < max(b.k, shards) {
		return fmt.Errorf("%d rows are fewer than -k or --shards", b.rows)
	}
	b.look()
	return nil
}

// look takes new views of the indexes.
func (b *indexBench) look() {
	b.targets = b.targets[:0]
	for _, x := range b.indexes {
		b.targets = append(b.targets, index.Target{View: x.View()})
	}
}

// computeTruth finds the nearest of every query by comparing all rows.
func (b *indexBench) computeTruth() {
	found := make([][]uint32, len(b.queries))
	b.parallel((len(b.queries)+passQueries-1)/passQueries, func(i int, s *index.Scratch) {
		from := i * passQueries
		to := min(from+passQueries, len(b.queries))
		for j, answer := range index.SearchBatch(b.targets, b.queries[from:to], b.k, s) {
			for _, c := range answer {
				found[from+j] = append(found[from+j], uint32(c.Slot-1))
			}
		}
	})
	b.truth = dataset.NewTruth(b.k, found)
}

// parallel runs do(0..n-1) on the threads, each with a Scratch, and adds up their Stats.
func (b *indexBench) parallel(n int, do func(i int, s *index.Scratch)) index.Stats {
	var next atomic.Int64
	scratches := make([]index.Scratch, min(b.threads, n))
	var workers sync.WaitGroup
	for t := range scratches {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i, &scratches[t])
			}
		})
	}
	workers.Wait()
	var sum index.Stats
	for i := range scratches {
		sum.Distances += scratches[i].Stats.Distances
		sum.Hops += scratches[i].Stats.Hops
		sum.Scanned += scratches[i].Stats.Scanned
	}
	return sum
}

// build makes the graphs, each on all threads.
func (b *indexBench) build(r *indexReport) {
	var run index.Runner
	if b.threads > 1 {
		run = func(n int, do func(i int)) { b.parallel(n, func(i int, _ *index.Scratch) { do(i) }) }
	}
	start, cpu := time.Now(), embed.ProcessorTime()
	for _, x := range b.indexes {
		x.Cut(1)
		builder := x.Builder(1)
		for !builder.Step(buildStep, run) {
		}
		if !x.Attach(builder.Built()) {
			panic("bench index: a graph just built was not attached")
		}
	}
	b.look()
	b.join()
	r.BuildCPUSeconds = (embed.ProcessorTime() - cpu).Seconds()
	r.BuildSeconds = time.Since(start).Seconds()
	runtime.GC()
	bytes := b.bridges.Bytes()
	for _, x := range b.indexes {
		bytes += x.Bytes()
	}
	r.BytesPerVector = float64(bytes) / float64(b.rows)
	r.BytesBeyondFloats = r.BytesPerVector - float64(4*b.config.Dim)
}

// join builds the bridges between the shards' graphs, as a node does.
func (b *indexBench) join() {
	views := make([]*index.View, len(b.targets))
	for i := range b.targets {
		views[i] = b.targets[i].View
	}
	b.bridges = nil
	if bridging := index.NewBridging(nil, views, index.BridgedRows); bridging != nil {
		for !bridging.Step(buildStep) {
		}
		b.bridges = bridging.Bridges()
	}
}

// measure searches with every ef, and exactly.
func (b *indexBench) measure(r *indexReport) {
	for _, ef := range b.efs {
		r.Rows = append(r.Rows, b.walks(ef))
	}
	r.Exact = append(r.Exact, b.scans(1, scanQueries), b.scans(passQueries, batchQueries))
	r.summarise()
}

// walks measures the searches with one ef.
func (b *indexBench) walks(ef int) indexRow {
	answers := make([][]index.Candidate, len(b.queries))
	search := func(i int, s *index.Scratch) {
		q := index.Query{Vector: b.queries[i], K: b.k, EF: ef, Bridges: b.bridges}
		answers[i] = index.SearchAll(answers[i][:0], b.targets, q, s)
	}
	b.parallel(min(warmQueries, len(b.queries)), search)
	row := indexRow{EF: ef}
	var stats index.Stats
	row.speed = b.timed(len(b.queries), len(b.queries), func(n int) { stats = b.parallel(n, search) })
	row.Recall = b.recall(answers)
	row.Distances = float64(stats.Distances) / float64(len(b.queries))
	row.Hops = float64(stats.Hops) / float64(len(b.queries))
	row.Scanned = float64(stats.Scanned) / float64(len(b.queries))
	return row
}

// scans measures exact scans of all rows, a number of queries a pass.
func (b *indexBench) scans(pass, limit int) exactRow {
	queries := b.queries[:min(limit, len(b.queries))]
	answers := make([][]index.Candidate, len(queries))
	row := exactRow{QueriesAPass: pass}
	row.speed = b.timed(len(queries), (len(queries)+pass-1)/pass, func(n int) {
		b.parallel(n, func(i int, s *index.Scratch) {
			if pass == 1 {
				q := index.Query{Vector: queries[i], K: b.k, Exact: true}
				answers[i] = index.SearchAll(answers[i][:0], b.targets, q, s)
				return
			}
			to := min((i+1)*pass, len(queries))
			copy(answers[i*pass:to], index.SearchBatch(b.targets, queries[i*pass:to], b.k, s))
		})
	})
	row.Recall = b.recall(answers)
	return row
}

// timed runs a job of some queries, in n parts, until enough CPU time has passed.
func (b *indexBench) timed(queries, n int, job func(n int)) speed {
	start, cpu := time.Now(), embed.ProcessorTime()
	done := 0
	for done == 0 || embed.ProcessorTime()-cpu < measureCPU {
		job(n)
		done += queries
	}
	// A clock of the operating system may be too coarse for a tiny file.
	spent := max(embed.ProcessorTime()-cpu, time.Microsecond)
	return speed{QPSPerCore: float64(done) / spent.Seconds(), QPS: float64(done) / time.Since(start).Seconds()}
}

// recall returns which part of the true neighbours the answers hold.
func (b *indexBench) recall(answers [][]index.Candidate) float64 {
	found := 0
	for i, answer := range answers {
		wanted := b.truth.Row(i)[:b.k]
		for _, c := range answer {
			if slices.Contains(wanted, uint32(c.Slot-1)) {
				found++
			}
		}
	}
	return float64(found) / float64(len(answers)*b.k)
}
