package main

import (
	"context"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

const (
	// maxOutage is the longest that a promise to serve on may be suspended.
	maxOutage = 10 * time.Second
	// probeAfter is how long the probes run at least after the kill.
	probeAfter = 3 * time.Second
	// recoveryLimit bounds the wait for a node that came back to be equal.
	recoveryLimit = 30 * time.Second
)

// fleet is the nodes of a cluster, any of which can be killed and started again.
type fleet interface {
	// index returns the position of the node of that name.
	index(name string) (int, error)
	// kill ends a node without warning, and returns when it has ended.
	kill(i int) error
	// restart runs a killed node again on its data and its port, and returns when it
	// answers.
	restart(ctx context.Context, i int) error
}

// outage is one experiment: the node that leads most shards is killed while every shard
// it leads is probed, each write that was acknowledged is looked for, and the node
// is brought back.
type outage struct {
	client *client.Client
	fleet  fleet
	// quiet is how long the probes run before the kill.
	quiet time.Duration
	// more adds probes beside those of the victim's shards.
	more func(p *prober)
	// killed is told at the kill how many shards the victim led, of how many.
	killed func(shards int)
	// broken is told of each promise that was not kept.
	broken func(format string, args ...any)
	report outageReport
}

// outageReport is what was seen of an outage.
type outageReport struct {
	// Killed is the node that was killed while it led so many shards.
	Killed    string        `json:"killed"`
	KilledLed int           `json:"killedLed"`
	Probes    []probeReport `json:"probes"`
	// Acknowledged is the number of writes acknowledged to the writing probes, Lost the
	// number of points that do not end with their last one.
	Acknowledged int `json:"acknowledged"`
	Lost         int `json:"lost"`
	// AnswersSeconds and EqualSeconds are how long after its restart the node answered,
	// and was healthy with all replicas equal by digest.
	AnswersSeconds float64 `json:"answersSeconds"`
	EqualSeconds   float64 `json:"equalSeconds"`
}

// probes returns the report of the probes of that name, zero if there are none.
func (r *outageReport) probes(what string) probeReport {
	for _, p := range r.Probes {
		if p.What == what {
			return p
		}
	}
	return probeReport{What: what}
}

// cut kills the node that leads most shards and probes what becomes of them. The
// collection of the probes must exist.
func (o *outage) cut(ctx context.Context) error {
	shards, err := o.client.Shards(ctx)
	if err != nil {
		return err
	}
	victim, led := leadsMost(shards.Shards)
	at, err := o.fleet.index(victim)
	if err != nil {
		return err
	}
	o.report.Killed, o.report.KilledLed = victim, len(led)
	p, err := newProber(ctx, o.client, led)
	if err != nil {
		return err
	}
	o.more(p)
	stop := p.start(ctx)
	defer stop()
	if err := sleep(ctx, o.quiet); err != nil {
		return err
	}
	begin := time.Now()
	if err := o.fleet.kill(at); err != nil {
		return err
	}
	o.killed(len(shards.Shards))
	for time.Since(begin) < probeAfter || !p.allSince(begin) {
		if time.Since(begin) > maxOutage {
			o.broken("not all of what %s led is served %v after it went", victim, maxOutage)
			break
		}
		if err := sleep(ctx, probeEvery); err != nil {
			return err
		}
	}
	stop()
	o.report.Probes = p.reports()
	for _, r := range o.report.Probes {
		if r.Errors > 0 {
			o.broken("%s: %s, the first: %s", r.What, count(r.Errors, "error"), r.FirstError)
		}
	}
	return o.checkAcknowledged(ctx, p.chains)
}

// leadsMost returns the node that leads most shards, and which. Ties go to the smaller name.
func leadsMost(shards []client.Shard) (node string, led []int) {
	of := map[string][]int{}
	for _, s := range shards {
		if s.NodeID != "" {
			of[s.NodeID] = append(of[s.NodeID], s.ID)
		}
	}
	for name, ids := range of {
		if len(ids) > len(led) || len(ids) == len(led) && name < node {
			node, led = name, ids
		}
	}
	return node, led
}

// checkAcknowledged looks whether every chain ends with its last acknowledged write.
func (o *outage) checkAcknowledged(ctx context.Context, chains []*chain) error {
	for _, c := range chains {
		value, version, err := c.value(ctx)
		if err != nil {
			return err
		}
		acknowledged := c.acknowledged.Load()
		o.report.Acknowledged += int(acknowledged)
		if value != acknowledged || version != c.version {
			o.report.Lost++
			o.broken("point %v is at write %d of version %d, but write %d of version %d was acknowledged", c.id, value, version, acknowledged, c.version)
		}
	}
	return nil
}

// bringBack restarts the killed node and waits until its replicas are equal again.
func (o *outage) bringBack(ctx context.Context, nodes int) error {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	at, err := o.fleet.index(o.report.Killed)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := o.fleet.restart(ctx, at); err != nil {
		return err
	}
	o.report.AnswersSeconds = time.Since(begin).Seconds()
	if _, err := waitHealthy(ctx, o.client, nodes); err != nil {
		return err
	}
	for {
		v, err := o.client.Verify(ctx, recoveryLimit)
		if err == nil && v.Equal {
			break
		}
		if ctx.Err() != nil {
			o.broken("%s is not equal %v after its restart", o.report.Killed, recoveryLimit)
			return nil
		}
		if err := sleep(ctx, healthPollEvery); err != nil {
			continue // the limit is reached; the check above says so
		}
	}
	o.report.EqualSeconds = time.Since(begin).Seconds()
	return nil
}

// createProbes makes the collection of the probes.
func createProbes(ctx context.Context, c *client.Client) error {
	return c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: probeCollection, Dim: probeDim, Metric: flow.Euclid})
}

// sleep waits for d or for the end of the context, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
