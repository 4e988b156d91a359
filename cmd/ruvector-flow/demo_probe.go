package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

const (
	// probeEvery is the pause between the answer of a probe and the next one.
	probeEvery = 10 * time.Millisecond
	probeDim   = 4
	// probeTimeout bounds one probe, retries included; longer than any gap that passes.
	probeTimeout = 2 * demoMaxGap
)

// probeReport is what probes of one kind saw.
type probeReport struct {
	What    string `json:"what"`
	Answers int    `json:"answers"`
	// LongestGapMs is the longest time between two answers in a row of any one probe.
	LongestGapMs float64 `json:"longestGapMs"`
	Errors       int     `json:"errors"`
	FirstError   string  `json:"firstError,omitempty"`
}

// probeWrite is an acknowledged write.
type probeWrite struct {
	id    flow.PointID
	value float32
}

// prober asks for one thing after the other, each kind and shard on its own, with a
// pause of probeEvery, and notes when answers came.
type prober struct {
	client *client.Client
	probes []*probe
}

// probe is a sequence of requests of which one is under way at a time.
type probe struct {
	what string
	// ask sends the n-th request.
	ask func(ctx context.Context, n int) error

	// mu guards the rest.
	mu      sync.Mutex
	last    time.Time
	gap     time.Duration
	answers int
	errors  int
	first   error
	written []probeWrite
}

// newProber makes, for every shard given, a probe of writes and one of linearizable
// reads, and one of searches that any replica may answer.
func newProber(d *demo, shards []client.Shard, led []int) (*prober, error) {
	starts := make([]uint64, len(shards))
	for i, s := range shards {
		start, err := strconv.ParseUint(s.Start, 16, 64)
		if err != nil || s.ID != i {
			return nil, fmt.Errorf("shard %d begins at %q", s.ID, s.Start)
		}
		starts[i] = start
	}
	p := &prober{client: d.client}
	for _, shard := range led {
		ids := &shardIDs{starts: starts, shard: shard}
		w := &probe{what: "writes"}
		w.ask = func(ctx context.Context, n int) error {
			write := probeWrite{ids.take(), float32(n + 1)}
			point := flow.Point{ID: write.id, Vector: flow.Vector{write.value, 0, 0, 1}}
			_, err := d.client.Upsert(ctx, demoProbes, []flow.Point{point}, client.WriteOptions{})
			if err == nil {
				w.mu.Lock()
				w.written = append(w.written, write)
				w.mu.Unlock()
			}
			return err
		}
		// The read looks for a point of its own: that it is absent is an answer, too.
		id := (&shardIDs{starts: starts, shard: shard}).take()
		r := &probe{what: "reads, linearizable", ask: func(ctx context.Context, _ int) error {
			_, err := d.client.Retrieve(ctx, flow.GetRequest{Collection: demoProbes, IDs: []flow.PointID{id}})
			return err
		}}
		p.probes = append(p.probes, w, r)
	}
	p.probes = append(p.probes, &probe{what: "searches of all shards, level any", ask: func(ctx context.Context, n int) error {
		_, err := d.client.Search(ctx, flow.SearchRequest{Collection: demoCollection, Vector: d.data.queries[n%len(d.data.queries)], K: demoK,
			Exact: true, Read: flow.ReadOptions{Level: flow.Any}})
		return err
	}})
	return p, nil
}

// shardIDs makes ids that belong to one shard.
type shardIDs struct {
	starts []uint64
	shard  int
	next   uint64
}

func (s *shardIDs) take() flow.PointID {
	for {
		id := flow.NumberID(s.next)
		s.next++
		if ring.Find(s.starts, ring.Hash(id)) == s.shard {
			return id
		}
	}
}

// start runs the probes. The function it returns lets each finish the request that is
// under way, and waits for that.
func (p *prober) start(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	for _, probe := range p.probes {
		running.Go(func() { probe.run(ctx, done) })
	}
	var once sync.Once
	return func() {
		once.Do(func() { close(done) })
		running.Wait()
	}
}

func (p *probe) run(ctx context.Context, done chan struct{}) {
	p.last = time.Now()
	for n := 0; ; n++ {
		asking, cancel := context.WithTimeout(ctx, probeTimeout)
		err := p.ask(asking, n)
		cancel()
		p.note(err)
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-time.After(probeEvery):
		}
	}
}

// note counts an answer; an error is none.
func (p *probe) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if p.errors++; p.first == nil {
			p.first = err
		}
		return
	}
	now := time.Now()
	p.answers++
	p.gap = max(p.gap, now.Sub(p.last))
	p.last = now
}

// allSince says whether every probe has had an answer after that time.
func (p *prober) allSince(t time.Time) bool {
	for _, probe := range p.probes {
		probe.mu.Lock()
		last := probe.last
		probe.mu.Unlock()
		if !last.After(t) {
			return false
		}
	}
	return true
}

// reports sums up the stopped probes by what they ask for.
func (p *prober) reports() []probeReport {
	var all []probeReport
	for _, probe := range p.probes {
		i := 0
		for i < len(all) && all[i].What != probe.what {
			i++
		}
		if i == len(all) {
			all = append(all, probeReport{What: probe.what})
		}
		r := &all[i]
		r.Answers += probe.answers
		r.LongestGapMs = max(r.LongestGapMs, millis(probe.gap))
		r.Errors += probe.errors
		if r.FirstError == "" && probe.first != nil {
			r.FirstError = probe.first.Error()
		}
	}
	return all
}

// acknowledged returns the writes that the stopped probes saw acknowledged.
func (p *prober) acknowledged() []probeWrite {
	var all []probeWrite
	for _, probe := range p.probes {
		all = append(all, probe.written...)
	}
	return all
}
