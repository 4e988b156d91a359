package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/cmd/ruvector-flow/dataset"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/index/memory/offheap"
)

const (
	maxIndexThreads = 256
	maxIndexShards  = 1024
)

// indexFlags are the flags of bench index.
type indexFlags struct {
	data, queries, truth, inputFormat string
	metric, quantization, efs         string
	m, efConstruct                    int
	threads, shards, limit            int
	againstOne                        bool
}

func (a *app) benchIndex() *cobra.Command {
	f := &indexFlags{}
	b := &indexBench{}
	cmd := &cobra.Command{
		Use:   "index",
		Short: "Build an index of a file in this process, and measure recall and speed of its searches",
		Long: `Build one index of a file of vectors, without a cluster, and search it with each ef. Printed, of one and
the same run: recall@k, queries per CPU second (of all threads together, so that a busy machine distorts it
little), distance computations and hops of the walk a query, and rows that the planner had compared one by one
instead, because that was cheaper; CPU seconds of the build; bytes of the index a vector, rows,
links, codes and ids included, and how many of them are more than the vectors as float32. Exact scans of all
vectors, one query a pass and 64 queries a pass, are measured beside them.

With --shards the rows are dealt to so many indexes, and each search goes through all of them at once.

The truth: int32 queries, int32 k, then queries*k int32 ids (row numbers), nearest first (ibin), or ivecs by
its name. Without it, it is computed by exact scans first. As many queries are used as it has.`,
		Example: `  ruvector-flow bench index --data train-images-idx3-ubyte.gz --queries t10k-images-idx3-ubyte.gz --truth gt100.i32.gz --metric l2
  ruvector-flow bench index --data base.fbin --queries q.fbin --metric cosine --quantization int8 --ef 32,64,128 --format json
  ruvector-flow bench index --data base.fvecs --queries q.fvecs --truth gt.ivecs --shards 16 --against-one --limit 1000`,
		Args: args(0, 0, ""),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.data, "data", "", "file of vectors: "+dataset.Formats+" (needed)")
	flags.StringVar(&f.queries, "queries", "", "file of queries (needed)")
	flags.StringVar(&f.truth, "truth", "", "file of true neighbours (default: computed)")
	flags.StringVar(&f.inputFormat, "input-format", "", "format of the vectors and queries (default: told from the names)")
	flags.StringVar(&f.metric, "metric", "euclid", "euclid, cosine, dot or manhattan")
	flags.IntVar(&f.m, "m", 16, "links of a row in the upper layers of the graph; twice as many in the lowest")
	flags.IntVar(&f.efConstruct, "ef-construct", 200, "candidates for the links of a new row")
	flags.StringVar(&f.quantization, "quantization", "none", "what walks compare: none (the vectors), int8 or binary")
	flags.StringVar(&f.efs, "ef", "10,16,32,64,128,200,400", "candidates of a search, a list")
	flags.IntVarP(&b.k, "k", "k", 10, "how many neighbours to find")
	flags.IntVar(&f.limit, "limit", 0, "use the first so many queries; 0 is all that the truth covers")
	flags.IntVar(&f.threads, "threads", 1, "threads that build and search")
	flags.IntVar(&f.shards, "shards", 1, "indexes the vectors are dealt to")
	flags.BoolVar(&f.againstOne, "against-one", false, "with --shards: measure one index of all vectors too, and give the ratio")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return f.check(cmd, b) }
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := f.run(b, func(what string) { fmt.Fprintln(a.err, what) })
		if err != nil {
			return err
		}
		return a.printIndexBench(r)
	}
	return required(cmd, "data", "queries")
}

// check reads the flags into b.
func (f *indexFlags) check(cmd *cobra.Command, b *indexBench) (err error) {
	if b.config.Metric, err = flow.ParseMetric(f.metric); err != nil {
		return usagef(cmd, "--metric: %v", errors.Unwrap(err))
	}
	if b.config.Quantization, err = flow.ParseQuantization(f.quantization); err != nil {
		return usagef(cmd, "--quantization: %v", errors.Unwrap(err))
	}
	for _, n := range []struct {
		flag              string
		value, low, limit int
	}{
		{"-k", b.k, 1, flow.MaxK}, {"--threads", f.threads, 1, maxIndexThreads}, {"--shards", f.shards, 1, maxIndexShards},
		{"--limit", f.limit, 0, math.MaxInt}, {"--m", f.m, 1, math.MaxInt}, {"--ef-construct", f.efConstruct, 1, math.MaxInt},
	} {
		if n.value < n.low || n.value > n.limit {
			return usagef(cmd, "%s is %d; it must be %d to %d", n.flag, n.value, n.low, n.limit)
		}
	}
	b.config.M, b.config.EfConstruct, b.config.Memory = f.m, f.efConstruct, &offheap.Source{}
	// The limits of m and ef_construct are the index's own.
	if _, err := index.New(index.Config{Dim: 1, M: f.m, EfConstruct: f.efConstruct, Metric: b.config.Metric, Quantization: b.config.Quantization}); err != nil {
		return usagef(cmd, "%v", errors.Unwrap(err))
	}
	for part := range strings.SplitSeq(f.efs, ",") {
		ef, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || ef < 1 || ef > flow.MaxEF {
			return usagef(cmd, "--ef: %q is not a number from 1 to %d", part, flow.MaxEF)
		}
		b.efs = append(b.efs, ef)
	}
	if f.inputFormat != "" {
		if _, err := dataset.ParseFormat(f.inputFormat); err != nil {
			return usagef(cmd, "--input-format: %v", errors.Unwrap(err))
		}
	}
	b.threads = f.threads
	return nil
}

// run reads the files, builds and measures.
func (f *indexFlags) run(b *indexBench, say func(what string)) (*indexReport, error) {
	if err := f.readQueries(b); err != nil {
		return nil, err
	}
	say("reading " + f.data)
	if err := f.fill(b, f.shards); err != nil {
		return nil, err
	}
	if f.truth == "" {
		say("computing the true neighbours")
		b.computeTruth()
	}
	if top := int64(b.truth.MaxID()); top >= int64(b.rows) {
		return nil, fmt.Errorf("%s names row %d, but %s has only %d", f.truth, top, f.data, b.rows)
	}
	r := b.newReport()
	say(fmt.Sprintf("building the graph of %s vectors", thousands(b.rows)))
	b.build(r)
	say("searching")
	b.measure(r)
	if f.againstOne && f.shards > 1 {
		say("building one index of all")
		if err := f.fill(b, 1); err != nil {
			return nil, err
		}
		one := b.newReport()
		b.build(one)
		b.measure(one)
		r.compare(one)
	}
	return r, nil
}

// readQueries reads the queries and the truth.
func (f *indexFlags) readQueries(b *indexBench) error {
	limit := math.MaxInt
	if f.limit > 0 {
		limit = f.limit
	}
	if f.truth != "" {
		truth, err := dataset.OpenTruth(f.truth)
		if err != nil {
			return err
		}
		if b.k > truth.K {
			return fmt.Errorf("-k is %d, but %s names only %d neighbours of each query", b.k, f.truth, truth.K)
		}
		b.truth, limit = truth, min(limit, truth.Len())
	}
	r, err := f.open(f.queries)
	if err != nil {
		return err
	}
	b.queries, err = readQueries(r, limit)
	return errors.Join(err, r.Close())
}

func (f *indexFlags) open(name string) (*dataset.Reader, error) {
	return dataset.Open(name, dataset.Format(f.inputFormat), dataset.Fields{Vector: dataset.DefaultFields().Vector})
}

// fill makes empty indexes and puts the rows of the file into them, in turn.
func (f *indexFlags) fill(b *indexBench, shards int) error {
	r, err := f.open(f.data)
	if err != nil {
		return err
	}
	err = b.load(r, shards)
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("%s: %w", f.data, err)
	}
	return nil
}
