package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/spf13/cobra"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

const (
	// kvPoints is how many ids the benchmark writes and reads.
	kvPoints = 1000
	// usageSettle is longer than the interval at which nodes measure and report
	// their processor time, so that a reading holds all that went before.
	usageSettle  = 2 * time.Second
	kvLoadBatch  = 250
	kvDropWithin = 30 * time.Second
)

// etcdAnchor is a published figure of etcd 3.7.1: three members, values of 3,136
// bytes (784 float32), all members and the client on the same 2 cores (AMD Zen 3).
// Requests a second, by number of clients.
var etcdAnchor = map[string]map[int]int{
	"put": {1: 308, 16: 1006, 64: 2059},
	"get": {1: 880, 16: 3405, 64: 5616},
}

const etcdAnchorDim = 784

const etcdAnchorText = "etcd 3.7.1: 3 members and the client on 2 cores (AMD Zen 3), values of 3,136 bytes, linearizable gets; measured on that kind of machine, not here"

func (a *app) benchKV() *cobra.Command {
	var concurrency string
	var read readFlags
	b := &kvBench{}
	cmd := &cobra.Command{
		Use:   "kv",
		Short: "Measure puts and linearizable gets of single points",
		Long: fmt.Sprintf(`Put and get single points of a collection made for the purpose and dropped at the end. Prints requests a
second, latency, and the processor time of all nodes per request, beside what etcd reaches. Each client
sends one request after the other, to a point chosen at random among %d.`, kvPoints),
		Example: `  ruvector-flow bench kv --concurrency 1,16,64 --duration 5s
  ruvector-flow bench kv --level any --endpoint http://127.0.0.1:8080,http://127.0.0.1:8081`,
		Args: args(0, 0, ""),
	}
	cmd.Flags().StringVar(&concurrency, "concurrency", "1,16,64", "numbers of clients, one measurement each")
	cmd.Flags().DurationVar(&b.duration, "duration", 5*time.Second, "how long each measurement takes")
	cmd.Flags().IntVar(&b.dim, "dim", 784, "number of components of the vectors")
	cmd.Flags().StringVar(&read.level, "level", flow.Linearizable.String(), "read level of the gets: linearizable, bounded or any")
	cmd.Flags().DurationVar(&read.staleness, "max-staleness", 0, "oldest answer accepted, for --level bounded")
	timeoutFlag(cmd, defaultBenchTimeout, "how long to try each request, failovers included")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if b.duration <= 0 {
			return usagef(cmd, "--duration must be more than 0")
		}
		if b.dim < 1 || b.dim > flow.MaxDim {
			return usagef(cmd, "--dim is %d; it must be 1 to %d", b.dim, flow.MaxDim)
		}
		if b.concurrency, err = parseConcurrency(cmd, concurrency); err != nil {
			return err
		}
		b.read, err = read.options(cmd)
		return err
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		b.client, b.timeout = a.client(), a.timeout
		defer b.client.Close()
		r, err := b.run(cmd.Context())
		if err != nil {
			return err
		}
		return a.printKV(r)
	}
	return cmd
}

// kvBench measures single-point requests.
type kvBench struct {
	client      *client.Client
	collection  string
	concurrency []int
	duration    time.Duration
	dim         int
	read        flow.ReadOptions
	timeout     time.Duration
	vectors     []flow.Vector
}

// kvReport is what bench kv measured.
type kvReport struct {
	Dim    int     `json:"dim"`
	Level  string  `json:"level"`
	Rows   []kvRow `json:"rows"`
	Anchor string  `json:"anchor"`
}

// kvRow is one measurement.
type kvRow struct {
	// Operation is "put" or "get".
	Operation   string  `json:"operation"`
	Concurrency int     `json:"concurrency"`
	Requests    int     `json:"requests"`
	PerSecond   float64 `json:"requestsPerSecond"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	// ServerCPU is the processor time of all nodes per request, in milliseconds.
	ServerCPU float64 `json:"serverCpuMsPerRequest"`
	// Etcd is the figure of etcd for the same request at this concurrency, 0 when there is none.
	Etcd int `json:"etcdRequestsPerSecond"`
}

func (b *kvBench) run(ctx context.Context) (r kvReport, err error) {
	b.collection = "bench-kv-" + crand.Text()
	for range kvPoints {
		v := make(flow.Vector, b.dim)
		for i := range v {
			v[i] = rand.Float32()
		}
		b.vectors = append(b.vectors, v)
	}
	if err := b.client.CreateCollection(ctx, flow.CreateCollectionRequest{Name: b.collection, Dim: b.dim, Metric: flow.Euclid}); err != nil {
		return r, err
	}
	defer func() {
		// The collection goes, whatever happened, even after Ctrl-C.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), kvDropWithin)
		defer cancel()
		if dropErr := b.client.DropCollection(ctx, b.collection); dropErr != nil {
			err = errors.Join(err, fmt.Errorf("drop collection %s: %w", b.collection, dropErr))
		}
	}()
	if err := b.load(ctx); err != nil {
		return r, err
	}
	r = kvReport{Dim: b.dim, Level: b.read.Level.String(), Anchor: etcdAnchorText}
	cpu, err := b.serverCPU(ctx)
	if err != nil {
		return r, err
	}
	for _, op := range []string{"put", "get"} {
		for _, n := range b.concurrency {
			row, err := b.measure(ctx, op, n)
			if err != nil {
				return r, fmt.Errorf("%s at concurrency %d: %w", op, n, err)
			}
			before := cpu
			if cpu, err = b.serverCPU(ctx); err != nil {
				return r, err
			}
			row.ServerCPU = 1000 * (cpu - before) / float64(row.Requests)
			r.Rows = append(r.Rows, row)
		}
	}
	return r, nil
}

// load stores every point, so that each get finds one.
func (b *kvBench) load(ctx context.Context) error {
	for at := 0; at < kvPoints; at += kvLoadBatch {
		var points []flow.Point
		for i := at; i < min(kvPoints, at+kvLoadBatch); i++ {
			points = append(points, flow.Point{ID: flow.NumberID(uint64(i)), Vector: b.vectors[i]})
		}
		if _, err := b.client.Upsert(ctx, b.collection, points, client.WriteOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (b *kvBench) measure(ctx context.Context, op string, clients int) (kvRow, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	parts := make([][]time.Duration, clients)
	var running sync.WaitGroup
	start := time.Now()
	for i := range clients {
		running.Go(func() {
			for ctx.Err() == nil && time.Since(start) < b.duration {
				begin := time.Now()
				if err := b.once(ctx, op); err != nil {
					cancel(err)
					return
				}
				parts[i] = append(parts[i], time.Since(begin))
			}
		})
	}
	running.Wait()
	seconds := time.Since(start).Seconds()
	if ctx.Err() != nil {
		return kvRow{}, context.Cause(ctx)
	}
	took := merged(parts)
	row := kvRow{Operation: op, Concurrency: clients, Requests: len(took), PerSecond: float64(len(took)) / seconds,
		P50: millis(percentile(took, 50)), P99: millis(percentile(took, 99))}
	if b.dim == etcdAnchorDim && (op == "put" || b.read.Level == flow.Linearizable) {
		row.Etcd = etcdAnchor[op][clients]
	}
	return row, nil
}

func (b *kvBench) once(ctx context.Context, op string) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	i := rand.IntN(kvPoints)
	id := flow.NumberID(uint64(i))
	if op == "put" {
		_, err := b.client.Upsert(ctx, b.collection, []flow.Point{{ID: id, Vector: b.vectors[rand.IntN(kvPoints)]}}, client.WriteOptions{})
		return err
	}
	_, err := b.client.Get(ctx, b.collection, id, b.read)
	return err
}

// serverCPU returns the processor seconds of all nodes, once their reports hold all
// that was done before.
func (b *kvBench) serverCPU(ctx context.Context) (float64, error) {
	select {
	case <-time.After(usageSettle):
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	list, err := b.client.Nodes(ctx)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, n := range list.Nodes {
		sum += n.CPUSeconds
	}
	return sum, nil
}

func (a *app) printKV(r kvReport) error {
	return a.print(r, func(t *table) {
		t.row("OPERATION", "CLIENTS", "REQ/S", "ETCD REQ/S", "RATIO", "P50", "P99", "SERVER CPU/REQ")
		for _, row := range r.Rows {
			etcd, ratio := "-", "-"
			if row.Etcd > 0 {
				etcd, ratio = thousands(row.Etcd), fmt.Sprintf("%.2f", row.PerSecond/float64(row.Etcd))
			}
			t.row(row.Operation, row.Concurrency, thousands(int64(row.PerSecond)), etcd, ratio, msNumber(row.P50), msNumber(row.P99),
				fmt.Sprintf("%.3f ms", row.ServerCPU))
		}
		t.gap()
		t.row(fmt.Sprintf("vectors of %d components; gets at level %s", r.Dim, r.Level))
		t.row(r.Anchor)
	})
}
