package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

const (
	// probeEvery is the pause between the answer of a probe and the next one.
	probeEvery = 10 * time.Millisecond
	// probeCollection holds the points that probes write and read.
	probeCollection = "probes"
	probeDim        = 4
	// probeTimeout bounds one probe, retries included; longer than any gap that passes.
	probeTimeout = 2 * maxOutage
	// maxProbeIDs bounds the search for an id of a shard; one in as many as there are
	// shards is.
	maxProbeIDs = 1000
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

// prober asks for one thing after the other, each kind and shard on its own, with a
// pause of probeEvery, and notes when answers came.
type prober struct {
	probes []*probe
	chains []*chain
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
}

// chain is one point whose writes each demand the version that the one before was
// acknowledged with. Had an acknowledged write been lost, or a retry been applied twice,
// the next one would be refused.
type chain struct {
	client *client.Client
	id     flow.PointID
	// version is that of the last acknowledged write; the writing probe's alone until it
	// has stopped.
	version uint64
	// acknowledged is the number of acknowledged writes, and the value of the last.
	acknowledged atomic.Int64
}

// write stores the next value on the condition that the last one is there.
func (c *chain) write(ctx context.Context, _ int) error {
	next := c.acknowledged.Load() + 1
	op := flow.Op{Kind: flow.Upsert, ID: c.id, Vector: flow.Vector{float32(next), 0, 0, 1}, If: true, IfVersion: c.version}
	r, err := c.client.Write(ctx, probeCollection, []flow.Op{op}, client.WriteOptions{Results: true})
	if err != nil {
		return err
	}
	if len(r.Results) != 1 || r.Results[0].Status != flow.Applied {
		return fmt.Errorf("write %d was answered with %v", next, r.Results)
	}
	c.version = r.Results[0].Version
	c.acknowledged.Store(next)
	return nil
}

// read looks at the point and compares it with what was acknowledged before.
func (c *chain) read(ctx context.Context, _ int) error {
	before := c.acknowledged.Load()
	value, _, err := c.value(ctx)
	if err == nil && value < before {
		err = fmt.Errorf("a linearizable read saw write %d after write %d was acknowledged", value, before)
	}
	return err
}

// value returns the point's value and version, zeros if there is no point.
func (c *chain) value(ctx context.Context) (value int64, version uint64, err error) {
	r, err := c.client.Retrieve(ctx, flow.GetRequest{Collection: probeCollection, IDs: []flow.PointID{c.id}, WithVector: true})
	if err != nil || len(r.Points) == 0 {
		return 0, 0, err
	}
	p := r.Points[0]
	if len(p.Vector) != probeDim {
		return 0, 0, fmt.Errorf("point %v has %d components instead of %d", p.ID, len(p.Vector), probeDim)
	}
	return int64(p.Vector[0]), p.Version, nil
}

// newProber makes a probe of writes and one of linearizable reads for every shard
// given.
func newProber(ctx context.Context, c *client.Client, shards []int) (*prober, error) {
	p := &prober{}
	for _, shard := range shards {
		at := &chain{client: c}
		if err := at.find(ctx, shard); err != nil {
			return nil, err
		}
		p.chains = append(p.chains, at)
		p.add("writes", at.write)
		p.add("reads, linearizable", at.read)
	}
	return p, nil
}

// add makes a probe.
func (p *prober) add(what string, ask func(ctx context.Context, n int) error) {
	p.probes = append(p.probes, &probe{what: what, ask: ask})
}

// find gives the chain the first id that belongs to a shard: a read tells which shard
// answered it.
func (c *chain) find(ctx context.Context, shard int) error {
	for n := range uint64(maxProbeIDs) {
		c.id = flow.NumberID(n)
		r, err := c.client.Retrieve(ctx, flow.GetRequest{Collection: probeCollection, IDs: []flow.PointID{c.id}})
		if err != nil {
			return err
		}
		if len(r.Shards) == 1 && r.Shards[0].Shard.UserID() == shard {
			return nil
		}
	}
	return fmt.Errorf("none of %d ids belongs to shard %d", maxProbeIDs, shard)
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
