package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

const (
	failoverNodes = 3
	maxRuns       = 100
	// failoverQuiet is how long each run loads data and probes before the kill.
	failoverQuiet = 2 * time.Second
	// spreadWithin bounds the wait for shards to be led by more than one node.
	spreadWithin = 10 * time.Second
	// startWithin bounds the wait for a cluster that takes writes.
	startWithin = time.Minute
	// loadDim and loadBatch are of the points that are written all the time beside the probes.
	loadDim   = 784
	loadBatch = 10
)

const (
	writesOfLoad   = "writes of the load"
	failoverAnchor = "etcd (3 members; 104 to 130 requests failed) and Weaviate (3 nodes; 725 to 1,089 failed): measured on 2 cores (AMD Zen 3), not here"
)

// failoverAnchors are published figures: the longest gap of writes after kill -9 of the
// leader, and the time from the start of three processes to the first replicated write.
var failoverAnchors = []failoverRow{
	{System: "etcd 3.7.1", MedianMs: 1175, MaxMs: 1671, FirstWrite: "0.55-2.4 s"},
	{System: "Weaviate 1.39", MedianMs: 7800, MaxMs: 13700, FirstWrite: "7.7 s"},
}

// failoverRow is a published figure.
type failoverRow struct {
	System     string  `json:"system"`
	MedianMs   float64 `json:"medianMs"`
	MaxMs      float64 `json:"maxMs"`
	FirstWrite string  `json:"firstWrite"`
}

// failoverReport is what bench failover measured.
type failoverReport struct {
	Nodes int `json:"nodes"`
	// FirstWriteSeconds is the time from the start of the first process to the first
	// acknowledged write while each shard has all its replicas.
	FirstWriteSeconds float64       `json:"firstWriteSeconds"`
	Runs              []failoverRun `json:"runs"`
	WriteGap          spread        `json:"writeGapMs"`
	ReadGap           spread        `json:"readGapMs"`
	LoadGap           spread        `json:"loadGapMs"`
	EqualAgain        spread        `json:"equalAgainMs"`
	// Failed is the number of requests that were answered with an error, Lost that of
	// acknowledged writes that are not there.
	Failed  int           `json:"failed"`
	Lost    int           `json:"lost"`
	Anchors []failoverRow `json:"anchors"`
	// Broken names the promises that were not kept.
	Broken []string `json:"broken"`
}

// failoverRun is one kill.
type failoverRun struct {
	outageReport
	// Leaders is how many nodes led shards before the kill.
	Leaders int `json:"leaders"`
	// LoadAcknowledged is the number of points whose write was acknowledged to the load, and
	// LoadCounted how many of them are there.
	LoadAcknowledged int64  `json:"loadAcknowledged"`
	LoadCounted      uint64 `json:"loadCounted"`
	Failed           int    `json:"failed"`
}

// spread is the median and the maximum of all runs, in milliseconds.
type spread struct {
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// spreadOf returns the spread of a figure of all runs; of an even number the lower median.
func spreadOf(runs []failoverRun, of func(r *failoverRun) float64) spread {
	var all []float64
	for i := range runs {
		all = append(all, of(&runs[i]))
	}
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	return spread{Median: all[(len(all)-1)/2], Max: all[len(all)-1]}
}

// failoverBench kills leaders of a cluster of processes.
type failoverBench struct {
	*app
	runs, load int
	verbose    bool
	fleet      processes
	client     *client.Client
	vectors    []flow.Vector
	report     failoverReport
}

func (a *app) benchFailover() *cobra.Command {
	b := &failoverBench{app: a}
	cmd := &cobra.Command{
		Use:   "failover",
		Short: "Kill leaders of three processes under load and measure the gaps",
		Long: fmt.Sprintf(`Start three processes of this very binary, each with the command line that a person would type and data in
a temporary folder, and measure the time to the first replicated write. Then, in each run: write points of
%d components all the time, probe every shard that the node with most leaders leads (a write and a
linearizable read, each %v after the last one's answer), and kill -9 that node. Prints the longest time between two
answers, the requests that failed, and how long after its restart the node was equal again by digest.

A write is retried with its request id on the other nodes, so that none fails; and each probe's write demands
the version that the one before was acknowledged with, so that none is lost unseen.

Exit code: 0 when no request failed and no acknowledged write was lost, 1 otherwise.`, loadDim, probeEvery),
		Example: `  ruvector-flow bench failover
  ruvector-flow bench failover --runs 20 --format json`,
		Args: args(0, 0, ""),
	}
	cmd.Flags().IntVar(&b.runs, "runs", 5, "how often to kill a leader")
	cmd.Flags().IntVar(&b.load, "load", 4, "clients that write points all the time beside the probes; 0 for none")
	cmd.Flags().BoolVar(&b.verbose, "verbose", false, "show what the nodes log")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case b.runs < 1 || b.runs > maxRuns:
			return usagef(cmd, "--runs is %d; it must be 1 to %d", b.runs, maxRuns)
		case b.load < 0 || b.load > maxImportConcurrency:
			return usagef(cmd, "--load is %d; it must be 0 to %d", b.load, maxImportConcurrency)
		case cmd.Flags().Changed("endpoint"):
			return usagef(cmd, "--endpoint makes no sense here: bench failover starts nodes of its own")
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context()) }
	return cmd
}

// run starts the cluster, kills and reports, and cleans up.
func (b *failoverBench) run(ctx context.Context) (err error) {
	// When whoever reads the output is gone, writing fails instead of ending this
	// process, so that the nodes are stopped in any case.
	signal.Ignore(syscall.SIGPIPE)
	if b.fleet.binary, err = os.Executable(); err != nil {
		return err
	}
	if b.fleet.dir, err = os.MkdirTemp("", "ruvector-flow-failover-"); err != nil {
		return err
	}
	defer func() {
		b.fleet.stop()
		err = errors.Join(err, os.RemoveAll(b.fleet.dir))
	}()
	if b.verbose {
		b.fleet.logTo = b.err
	}
	b.report = failoverReport{Nodes: failoverNodes, Anchors: failoverAnchors, Broken: []string{}}
	for range loadBatch {
		v := make(flow.Vector, loadDim)
		for i := range v {
			v[i] = rand.Float32()
		}
		b.vectors = append(b.vectors, v)
	}
	if err := b.start(ctx); err != nil {
		return b.explain(ctx, "start", err)
	}
	defer b.client.Close()
	for i := range b.runs {
		if err := b.once(ctx, i+1); err != nil {
			return b.explain(ctx, fmt.Sprintf("run %d", i+1), err)
		}
	}
	b.sumUp()
	if err := b.print(b.report, b.report.table); err != nil {
		return err
	}
	if n := len(b.report.Broken); n > 0 {
		return fmt.Errorf("bench failover: %s broken: %s", count(n, "promise"), strings.Join(b.report.Broken, "; "))
	}
	return nil
}

// explain says at what an error ended the benchmark.
func (b *failoverBench) explain(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return fmt.Errorf("bench failover, %s: %w", step, err)
}

// start runs the processes, and takes the time until a write is acknowledged by a
// majority of the replicas, all of which are there.
func (b *failoverBench) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	begin := time.Now()
	if err := b.fleet.start(ctx, failoverNodes); err != nil {
		return err
	}
	b.client = client.New(b.fleet.endpoints()...)
	if _, err := waitHealthy(ctx, b.client, failoverNodes); err != nil {
		return errors.Join(err, b.fleet.check())
	}
	if err := createProbes(ctx, b.client); err != nil {
		return err
	}
	first := []flow.Point{{ID: flow.NumberID(0), Vector: make(flow.Vector, probeDim)}}
	if _, err := b.client.Upsert(ctx, probeCollection, first, client.WriteOptions{}); err != nil {
		return err
	}
	b.report.FirstWriteSeconds = time.Since(begin).Seconds()
	b.progress("%s took their first replicated write after %.2f s", count(failoverNodes, "node"), b.report.FirstWriteSeconds)
	return b.client.DropCollection(ctx, probeCollection)
}

// progress tells what goes on, beside the report.
func (b *failoverBench) progress(format string, args ...any) {
	fmt.Fprintf(b.err, format+"\n", args...)
}

// once kills the node that leads most shards.
func (b *failoverBench) once(ctx context.Context, n int) error {
	run := failoverRun{}
	var err error
	if run.Leaders, err = b.waitSpread(ctx); err != nil {
		return err
	}
	if err := createProbes(ctx, b.client); err != nil {
		return err
	}
	load := &loader{client: b.client, collection: fmt.Sprintf("load-%d", n), vectors: b.vectors}
	if err := b.client.CreateCollection(ctx, flow.CreateCollectionRequest{Name: load.collection, Dim: loadDim, Metric: flow.Euclid}); err != nil {
		return err
	}
	o := &outage{client: b.client, fleet: &b.fleet, quiet: failoverQuiet, killed: func(int) {}}
	o.broken = func(format string, args ...any) {
		b.report.Broken = append(b.report.Broken, fmt.Sprintf("run %d: ", n)+fmt.Sprintf(format, args...))
	}
	o.more = func(p *prober) {
		for range b.load {
			p.add(writesOfLoad, load.write)
		}
	}
	if err := o.cut(ctx); err != nil {
		return err
	}
	if err := run.count(ctx, load, o); err != nil {
		return err
	}
	if err := o.bringBack(ctx, failoverNodes); err != nil {
		return err
	}
	for _, collection := range []string{load.collection, probeCollection} {
		if err := b.client.DropCollection(ctx, collection); err != nil {
			return err
		}
	}
	run.outageReport = o.report
	for _, p := range o.report.Probes {
		run.Failed += p.Errors
	}
	b.report.Runs = append(b.report.Runs, run)
	b.progress("run %d: %s killed, it led %d shards; longest gap of writes %.0f ms, of reads %.0f ms; equal again after %.1f s", n, run.Killed, run.KilledLed,
		run.writeGap(), run.readGap(), run.EqualSeconds)
	return b.fleet.check()
}

// count looks whether the points that were acknowledged to the load are there.
func (r *failoverRun) count(ctx context.Context, load *loader, o *outage) error {
	counted, err := load.client.Count(ctx, flow.CountRequest{Collection: load.collection})
	if err != nil {
		return err
	}
	r.LoadAcknowledged, r.LoadCounted = load.acknowledged.Load(), counted.Count
	if missing := r.LoadAcknowledged - int64(r.LoadCounted); missing > 0 {
		o.broken("%d points of the load were acknowledged, %d are there", r.LoadAcknowledged, r.LoadCounted)
		o.report.Lost += int(missing)
	}
	return nil
}

// waitSpread waits until more than one node leads shards, but not for long, and
// returns how many do.
func (b *failoverBench) waitSpread(ctx context.Context) (int, error) {
	for begin := time.Now(); ; {
		list, err := b.client.Leader(ctx)
		if err != nil {
			return 0, err
		}
		leaders := map[string]bool{}
		for _, s := range list.Shards {
			if s.Leader != "" {
				leaders[s.Leader] = true
			}
		}
		if len(leaders) > 1 || time.Since(begin) > spreadWithin {
			return len(leaders), nil
		}
		if err := sleep(ctx, healthPollEvery); err != nil {
			return 0, err
		}
	}
}

// loader writes points with ids of their own, a batch at a time.
type loader struct {
	client     *client.Client
	collection string
	vectors    []flow.Vector
	next       atomic.Uint64
	// acknowledged is the number of points in acknowledged batches.
	acknowledged atomic.Int64
}

// write sends the next batch. A failed one is not sent again: the failure is what
// the benchmark looks for.
func (l *loader) write(ctx context.Context, _ int) error {
	points := make([]flow.Point, loadBatch)
	first := l.next.Add(loadBatch) - loadBatch
	for i := range points {
		points[i] = flow.Point{ID: flow.NumberID(first + uint64(i)), Vector: l.vectors[i%len(l.vectors)]}
	}
	if _, err := l.client.Upsert(ctx, l.collection, points, client.WriteOptions{}); err != nil {
		return err
	}
	l.acknowledged.Add(loadBatch)
	return nil
}

func (r *failoverRun) writeGap() float64 { return r.probes("writes").LongestGapMs }
func (r *failoverRun) readGap() float64  { return r.probes("reads, linearizable").LongestGapMs }
func (r *failoverRun) loadGap() float64  { return r.probes(writesOfLoad).LongestGapMs }

// sumUp fills in what concerns all runs.
func (b *failoverBench) sumUp() {
	r := &b.report
	r.WriteGap = spreadOf(r.Runs, (*failoverRun).writeGap)
	r.ReadGap = spreadOf(r.Runs, (*failoverRun).readGap)
	r.LoadGap = spreadOf(r.Runs, (*failoverRun).loadGap)
	r.EqualAgain = spreadOf(r.Runs, func(r *failoverRun) float64 { return 1000 * r.EqualSeconds })
	for _, run := range r.Runs {
		r.Failed += run.Failed
		r.Lost += run.Lost
	}
}

// table prints the report.
func (r failoverReport) table(t *table) {
	gap := func(ms float64) string { return thousands(int64(math.Round(ms))) + " ms" }
	t.row("RUN", "KILLED", "LED", "WRITE GAP", "READ GAP", "LOAD GAP", "ACKNOWLEDGED", "FAILED", "LOST", "EQUAL AGAIN")
	for i := range r.Runs {
		run := &r.Runs[i]
		acknowledged := run.Acknowledged + int(run.LoadAcknowledged)
		t.row(i+1, run.Killed, run.KilledLed, gap(run.writeGap()), gap(run.readGap()), gap(run.loadGap()), thousands(acknowledged), run.Failed, run.Lost,
			gap(1000*run.EqualSeconds))
	}
	t.gap()
	t.row("OF ALL RUNS", "MEDIAN", "MAXIMUM")
	for _, row := range []struct {
		name string
		spread
	}{
		{"longest gap of writes", r.WriteGap}, {"longest gap of linearizable reads", r.ReadGap}, {"longest gap of the load's writes", r.LoadGap},
		{"restarted node equal again", r.EqualAgain},
	} {
		t.row(row.name, gap(row.Median), gap(row.Max))
	}
	for _, a := range r.Anchors {
		t.row("writes, "+a.System, gap(a.MedianMs), gap(a.MaxMs))
	}
	t.gap()
	t.row("first replicated write", fmt.Sprintf("%.2f s after the start of %s", r.FirstWriteSeconds, count(r.Nodes, "node")))
	for _, a := range r.Anchors {
		t.row("  "+a.System, a.FirstWrite)
	}
	t.gap()
	t.row(failoverAnchor)
}
