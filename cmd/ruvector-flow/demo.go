package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/cmd/ruvector-flow/dataset"
)

const (
	demoNodes       = 3
	demoShards      = 16
	demoReplication = 3
	demoCollection  = "fashion"
	demoK           = 10
	// demoMinRecall is what exact searches must reach: all of it.
	demoMinRecall = 1.0
	demoStepLimit = 30 * time.Second
	// demoQuiet is how long the probes run before the kill.
	demoQuiet = 500 * time.Millisecond
)

// demo is one run of the demonstration.
type demo struct {
	*app
	story   io.Writer
	data    demoFiles
	keep    bool
	verbose bool
	cluster demoCluster
	client  *client.Client
	outage  *outage
	began   time.Time
	report  demoReport
}

// demoReport is what the demo measured.
type demoReport struct {
	Nodes             int     `json:"nodes"`
	Shards            int     `json:"shards"`
	ReplicationFactor int     `json:"replicationFactor"`
	HealthySeconds    float64 `json:"healthySeconds"`
	// Load and Search are as of vector import and bench search; SearchAgain is the
	// same searches after the node came back.
	Load        importReport `json:"load"`
	Search      searchReport `json:"search"`
	SearchAgain searchReport `json:"searchAgain"`
	outageReport
	Replicas int     `json:"replicas"`
	Groups   int     `json:"groups"`
	Equal    bool    `json:"equal"`
	Seconds  float64 `json:"seconds"`
	// Broken names the promises that were not kept.
	Broken []string `json:"broken"`
}

func (a *app) demoCommand() *cobra.Command {
	d := &demo{app: a}
	var data string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start three nodes, load real vectors, search, kill a node, and check every promise",
		Long: `Start three nodes in this process (real TCP on loopback, real Pebble in a temporary folder), load
5,000 images of Fashion-MNIST, and search them. Then cut off the node that leads most shards, without
warning, while writes and reads are probed every 10 ms; bring it back; compare every replica's digest.

Exit code: 0 when every promise was kept, 1 otherwise.`,
		Example: `  ruvector-flow demo
  ruvector-flow demo --keep                 # go on serving, to try the other commands
  ruvector-flow demo --data vectors.fvecs   # your own vectors`,
		Args: args(0, 0, ""),
	}
	cmd.Flags().StringVar(&data, "data", "", "a file of vectors ("+dataset.Formats+") or a folder of base, query and truth files")
	cmd.Flags().BoolVar(&d.keep, "keep", false, "keep serving until Ctrl-C")
	cmd.Flags().BoolVar(&d.verbose, "verbose", false, "show what the nodes log")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d.story = a.out
		if a.format == formatJSON {
			d.story = a.err
		}
		return d.run(cmd.Context(), data)
	}
	return cmd
}

// run plays the whole demonstration and cleans up.
func (d *demo) run(ctx context.Context, data string) (err error) {
	d.began = time.Now()
	dir, err := os.MkdirTemp("", "ruvector-flow-demo-")
	if err != nil {
		return err
	}
	defer func() {
		d.cluster.stop()
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if d.data, err = prepareDemoData(data, filepath.Join(dir, "data")); err != nil {
		return err
	}
	d.report = demoReport{Nodes: demoNodes, Shards: demoShards, ReplicationFactor: demoReplication, Broken: []string{}}
	d.say("", "ruvector-flow demo: %d nodes in this process, %d shards, %d replicas of each, TCP on loopback, Pebble in %s", demoNodes,
		demoShards, demoReplication, dir)
	d.say("", "")
	for _, step := range []struct {
		name string
		play func(ctx context.Context, dir string) error
	}{
		{"start", d.start}, {"load", d.load}, {"search", d.search}, {"kill", d.kill}, {"restart", d.restart}, {"verify", d.verify},
	} {
		if err := step.play(ctx, dir); err != nil {
			if ctx.Err() != nil {
				err = errors.New("interrupted")
			}
			return fmt.Errorf("demo, %s: %w", step.name, err)
		}
	}
	return d.conclude(ctx)
}

// say writes one line of the story; the step is named in the margin.
func (d *demo) say(step, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if step != "" || strings.HasPrefix(line, " ") {
		line = fmt.Sprintf("%-9s%s", step, strings.TrimPrefix(line, " "))
	}
	fmt.Fprintln(d.story, line)
}

// broken notes a promise that was not kept.
func (d *demo) broken(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.report.Broken = append(d.report.Broken, text)
	d.say("", " BROKEN: %s", text)
}

func (d *demo) start(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, demoStepLimit)
	defer cancel()
	begin := time.Now()
	if d.verbose {
		d.cluster.logTo = d.err
	}
	if err := d.cluster.start(ctx, dir); err != nil {
		return err
	}
	d.client = client.New(d.cluster.endpoints()...)
	if _, err := waitHealthy(ctx, d.client, demoNodes); err != nil {
		return err
	}
	d.report.HealthySeconds = time.Since(begin).Seconds()
	d.say("start", "%s healthy after %.1f s: %s", count(demoNodes, "node"), d.report.HealthySeconds, strings.Join(d.cluster.endpoints(), "  "))
	return nil
}

func (d *demo) load(ctx context.Context, _ string) error {
	im := &importer{client: d.client, collection: demoCollection, metric: flow.Euclid, files: []string{d.data.base}, fields: dataset.Fields{
		Vector: dataset.DefaultFields().Vector}, batch: defaultImportBatch, concurrency: defaultImportConcurrency, timeout: demoStepLimit}
	if err := im.prepare(ctx, true); err != nil {
		return err
	}
	r, err := im.run(ctx)
	if err != nil {
		return err
	}
	d.report.Load = r
	d.say("load", "%s vectors of %d components (%s) in %.1f s: %s/s, each on a majority's disks", thousands(r.Points), im.dim, d.data.what,
		r.Seconds, thousands(int64(r.VectorsPerSecond)))
	counted, err := d.client.Count(ctx, flow.CountRequest{Collection: demoCollection})
	if err != nil {
		return err
	}
	if counted.Count != uint64(r.Points) {
		d.broken("count is %d, not %d", counted.Count, r.Points)
	}
	return nil
}

func (d *demo) search(ctx context.Context, _ string) error {
	r, err := d.searchAll(ctx)
	if err != nil {
		return err
	}
	d.report.Search = r
	d.say("search", "recall@%d %.4f over %s exact searches: %.0f a second one by one, p50 %s, p99 %s", r.K, r.Recall, thousands(r.Queries), r.QPS,
		msNumber(r.P50), msNumber(r.P99))
	return nil
}

// searchAll sends every query and checks the recall.
func (d *demo) searchAll(ctx context.Context) (searchReport, error) {
	b := &searchBench{client: d.client, queries: d.data.queries, truth: d.data.truth, concurrency: 1, timeout: demoStepLimit,
		request: flow.SearchRequest{Collection: demoCollection, K: min(demoK, d.data.truth.K), Exact: true}}
	r, err := b.run(ctx)
	if err == nil && r.Recall < d.data.minRecall {
		d.broken("recall of exact searches is %.4f, not %.4f", r.Recall, d.data.minRecall)
	}
	return r, err
}

// kill cuts off the node that leads most shards, while every shard it leads is probed,
// and then looks for each write that was acknowledged.
func (d *demo) kill(ctx context.Context, _ string) error {
	if err := createProbes(ctx, d.client); err != nil {
		return err
	}
	o := &outage{client: d.client, fleet: &d.cluster, quiet: demoQuiet, more: d.probeSearches, broken: d.broken}
	o.killed = func(shards int) {
		d.say("kill", "%s cut off without warning; it led %d of %s", o.report.Killed, o.report.KilledLed, count(shards, "shard"))
	}
	d.outage = o
	err := o.cut(ctx)
	d.report.outageReport = o.report
	if err != nil {
		return err
	}
	for _, r := range o.report.Probes {
		errs := "no error"
		if r.Errors > 0 {
			errs = count(r.Errors, "error")
		}
		d.say("", " %-34s longest gap %4.0f ms, %s of %s answers", r.What+":", r.LongestGapMs, errs, thousands(r.Answers))
	}
	if o.report.Lost == 0 {
		d.say("", " all %s acknowledged writes are there, each once: every one demanded the version before", thousands(o.report.Acknowledged))
	}
	return nil
}

// probeSearches adds a probe of searches that any replica may answer.
func (d *demo) probeSearches(p *prober) {
	p.add("searches of all shards, level any", func(ctx context.Context, n int) error {
		_, err := d.client.Search(ctx, flow.SearchRequest{Collection: demoCollection, Vector: d.data.queries[n%len(d.data.queries)], K: demoK,
			Exact: true, Read: flow.ReadOptions{Level: flow.Any}})
		return err
	})
}

// restart brings the killed node back and waits until its replicas are equal again.
func (d *demo) restart(ctx context.Context, _ string) error {
	err := d.outage.bringBack(ctx, demoNodes)
	r := d.outage.report
	d.report.outageReport = r
	if err == nil && r.EqualSeconds > 0 {
		d.say("restart", "%s answers after %.0f ms, healthy and equal again after %.1f s", r.Killed, 1000*r.AnswersSeconds, r.EqualSeconds)
	}
	return err
}

// verify compares all replicas once more and counts them.
func (d *demo) verify(ctx context.Context, _ string) error {
	v, err := d.client.Verify(ctx, demoStepLimit)
	if err != nil {
		return err
	}
	var unequal []string
	for _, s := range v.Shards {
		d.report.Replicas += len(s.Replicas)
		if !s.Equal {
			unequal = append(unequal, fmt.Sprintf("%s: %s", s.Name, digests(s)))
		}
	}
	d.report.Groups, d.report.Equal = len(v.Shards), v.Equal
	if !v.Equal {
		d.broken("replicas differ: %s", strings.Join(unequal, "; "))
		return nil
	}
	d.say("verify", "%s in %s: equal by digest at the same log index", count(d.report.Replicas, "replica"), count(len(v.Shards), "group"))
	return nil
}

// conclude repeats the searches, sums up, and serves on with --keep.
func (d *demo) conclude(ctx context.Context) error {
	r, err := d.searchAll(ctx)
	if err != nil {
		return err
	}
	d.report.SearchAgain = r
	d.report.Seconds = time.Since(d.began).Seconds()
	d.say("", "")
	if len(d.report.Broken) == 0 {
		d.say("", "Every promise was kept: no acknowledged write lost, replicas equal, recall %.4f again. %.1f s in all.", r.Recall, d.report.Seconds)
	}
	if d.format == formatJSON {
		if err := d.print(d.report, nil); err != nil {
			return err
		}
	}
	if d.keep {
		d.say("", "\nStill serving until Ctrl-C. Try:\n  ruvector-flow cluster health --endpoint %s\n  ruvector-flow cluster shard list --endpoint %s\n  ruvector-flow vector count --collection %s --endpoint %s",
			d.cluster.endpoints()[0], d.cluster.endpoints()[1], demoCollection, d.cluster.endpoints()[2])
		<-ctx.Done()
	}
	if n := len(d.report.Broken); n > 0 {
		return fmt.Errorf("demo: %s broken: %s", count(n, "promise"), strings.Join(d.report.Broken, "; "))
	}
	return nil
}
