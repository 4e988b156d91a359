package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/cmd/ruvector-flow/dataset"
)

// searchFlags are the flags of bench search.
type searchFlags struct {
	queries, truth, inputFormat string
	limit, concurrency          int
	read                        readFlags
}

func (a *app) benchSearch() *cobra.Command {
	f := &searchFlags{}
	b := &searchBench{}
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Measure recall and speed of searches, together",
		Long: `Send each query once and print recall@k, queries a second, and the 50th, 95th and 99th percentile of
the latency, of one and the same run. Recall compares ids with the first k of the truth.

The truth: little-endian int32 queries, int32 k, then queries*k int32 ids, nearest first (ibin), or ivecs
by its name; either may be gzipped. It must be of the very vectors that the collection holds, stored under
their row numbers.`,
		Example: `  ruvector-flow bench search --collection photos --queries t10k-images-idx3-ubyte.gz --truth gt100.i32.gz -k 10 --exact
  ruvector-flow bench search --collection photos --queries q.fvecs --truth gt.ivecs -k 10 --limit 1000 --concurrency 16 --format json`,
		Args: args(0, 0, ""),
	}
	collectionFlag(cmd, &b.request.Collection)
	flags := cmd.Flags()
	flags.StringVar(&f.queries, "queries", "", "file of queries: "+dataset.Formats+" (needed)")
	flags.StringVar(&f.truth, "truth", "", "file of true neighbours (needed)")
	flags.StringVar(&f.inputFormat, "input-format", "", "format of the queries (default: told from the name)")
	flags.IntVarP(&b.request.K, "k", "k", 10, "how many neighbours to find")
	flags.IntVar(&f.limit, "limit", 0, "use the first so many queries; 0 is all that the truth covers")
	flags.IntVar(&f.concurrency, "concurrency", 1, "searches under way at once")
	flags.BoolVar(&b.request.Exact, "exact", false, "compare with every vector instead of using the index")
	flags.IntVar(&b.request.EF, "ef", 0, "candidates kept while graphs are searched; more finds more and takes longer (0: the node's choice)")
	f.read.add(cmd)
	timeoutFlag(cmd, defaultBenchTimeout, "how long to try each search, failovers included")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		switch {
		case b.request.K < 1 || b.request.K > flow.MaxK:
			return usagef(cmd, "-k is %d; it must be 1 to %d", b.request.K, flow.MaxK)
		case f.concurrency < 1 || f.concurrency > maxImportConcurrency:
			return usagef(cmd, "--concurrency is %d; it must be 1 to %d", f.concurrency, maxImportConcurrency)
		case f.limit < 0:
			return usagef(cmd, "--limit must not be negative")
		}
		b.concurrency = f.concurrency
		b.request.Read, err = f.read.options(cmd)
		return err
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.load(cmd, b); err != nil {
			return err
		}
		b.client, b.timeout = a.client(), a.timeout
		defer b.client.Close()
		r, err := b.run(cmd.Context())
		if err != nil {
			return err
		}
		return a.printSearchBench(r)
	}
	return required(cmd, "collection", "queries", "truth")
}

// load reads the queries and the truth.
func (f *searchFlags) load(cmd *cobra.Command, b *searchBench) error {
	var format dataset.Format
	if f.inputFormat != "" {
		var err error
		if format, err = dataset.ParseFormat(f.inputFormat); err != nil {
			return usagef(cmd, "--input-format: %v", errors.Unwrap(err))
		}
	}
	truth, err := dataset.OpenTruth(f.truth)
	if err != nil {
		return err
	}
	if b.request.K > truth.K {
		return fmt.Errorf("-k is %d, but %s names only %d neighbours of each query", b.request.K, f.truth, truth.K)
	}
	limit := truth.Len()
	if f.limit > 0 {
		limit = min(limit, f.limit)
	}
	r, err := dataset.Open(f.queries, format, dataset.Fields{Vector: dataset.DefaultFields().Vector})
	if err != nil {
		return err
	}
	b.truth = truth
	b.queries, err = readQueries(r, limit)
	return errors.Join(err, r.Close())
}

// readQueries reads at most limit rows.
func readQueries(r *dataset.Reader, limit int) ([]flow.Vector, error) {
	var all []flow.Vector
	for len(all) < limit {
		var row dataset.Row
		if err := r.Next(&row); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		all = append(all, row.Vector)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no query")
	}
	return all, nil
}

// searchBench sends queries and compares the answers with the truth.
type searchBench struct {
	client      *client.Client
	request     flow.SearchRequest
	queries     []flow.Vector
	truth       *dataset.Truth
	concurrency int
	timeout     time.Duration
}

// searchReport is what a run of searches measured.
type searchReport struct {
	Recall      float64 `json:"recall"`
	QPS         float64 `json:"qps"`
	P50         float64 `json:"p50_ms"`
	P95         float64 `json:"p95_ms"`
	P99         float64 `json:"p99_ms"`
	K           int     `json:"k"`
	Queries     int     `json:"queries"`
	Concurrency int     `json:"concurrency"`
	Level       string  `json:"level"`
	Exact       bool    `json:"exact"`
	Seconds     float64 `json:"seconds"`
	// Count is the number of vectors in the collection; Note says why recall cannot
	// be what it seems, if so.
	Count uint64 `json:"count"`
	Note  string `json:"note,omitempty"`
}

// run sends every query once. The first failure ends it.
func (b *searchBench) run(ctx context.Context) (searchReport, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	counted, err := b.client.Count(ctx, flow.CountRequest{Collection: b.request.Collection, Read: b.request.Read})
	if err != nil {
		return searchReport{}, err
	}
	var next, found atomic.Int64
	parts := make([][]time.Duration, b.concurrency)
	var clients sync.WaitGroup
	start := time.Now()
	for i := range b.concurrency {
		clients.Go(func() {
			for q := int(next.Add(1)) - 1; q < len(b.queries) && ctx.Err() == nil; q = int(next.Add(1)) - 1 {
				hits, took, err := b.search(ctx, q)
				if err != nil {
					cancel(fmt.Errorf("query %d: %w", q, err))
					return
				}
				found.Add(int64(hits))
				parts[i] = append(parts[i], took)
			}
		})
	}
	clients.Wait()
	if ctx.Err() != nil {
		return searchReport{}, context.Cause(ctx)
	}
	took := merged(parts)
	seconds := time.Since(start).Seconds()
	return searchReport{
		Recall: float64(found.Load()) / float64(b.request.K*len(b.queries)), QPS: float64(len(b.queries)) / seconds,
		P50: millis(percentile(took, 50)), P95: millis(percentile(took, 95)), P99: millis(percentile(took, 99)),
		K: b.request.K, Queries: len(b.queries), Concurrency: b.concurrency, Level: b.request.Read.Level.String(), Exact: b.request.Exact,
		Seconds: seconds, Count: counted.Count, Note: b.note(counted.Count),
	}, nil
}

// search sends one query and returns how many of its true neighbours came back.
func (b *searchBench) search(ctx context.Context, q int) (int, time.Duration, error) {
	r := b.request
	r.Vector = b.queries[q]
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	begin := time.Now()
	result, err := b.client.Search(ctx, r)
	took := time.Since(begin)
	if err != nil {
		return 0, took, err
	}
	wanted := make(map[flow.PointID]bool, r.K)
	for _, id := range b.truth.Row(q)[:r.K] {
		wanted[flow.NumberID(uint64(id))] = true
	}
	hits := 0
	for _, h := range result.Hits {
		if wanted[h.ID] {
			hits++
			delete(wanted, h.ID)
		}
	}
	return hits, took, nil
}

// note says when the collection cannot be the one that the truth is of.
func (b *searchBench) note(count uint64) string {
	if top := uint64(b.truth.MaxID()); count <= top {
		return fmt.Sprintf("the truth names id %d, but the collection holds only %d vectors: it is not the set the truth was computed for, and recall cannot be 1", top, count)
	}
	return ""
}

func (a *app) printSearchBench(r searchReport) error {
	return a.print(r, func(t *table) {
		how := "index"
		if r.Exact {
			how = "exact"
		}
		t.row(fmt.Sprintf("RECALL@%d", r.K), "QPS", "P50", "P95", "P99", "QUERIES", "CONCURRENCY", "LEVEL", "SEARCH", "VECTORS")
		t.row(fmt.Sprintf("%.4f", r.Recall), thousands(int64(math.Round(r.QPS))), msNumber(r.P50), msNumber(r.P95), msNumber(r.P99),
			thousands(r.Queries), r.Concurrency, r.Level, how, thousands(r.Count))
		if r.Note != "" {
			t.gap()
			t.row("note: " + r.Note)
		}
	})
}

func msNumber(m float64) string { return ms(time.Duration(m * float64(time.Millisecond))) }
