package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

// kill cuts off the node that leads most shards, while every shard it leads is probed,
// and then looks for each write that was acknowledged.
func (d *demo) kill(ctx context.Context, _ string) error {
	if err := d.client.CreateCollection(ctx, demoProbes, probeDim, flow.Euclid); err != nil {
		return err
	}
	shards, err := d.client.Shards(ctx)
	if err != nil {
		return err
	}
	victim, led := leadsMost(shards.Shards)
	at, err := d.cluster.index(victim)
	if err != nil {
		return err
	}
	d.report.Killed, d.report.KilledLed = victim, len(led)
	p, err := newProber(ctx, d, led)
	if err != nil {
		return err
	}
	stop := p.start(ctx)
	defer stop()
	if err := sleep(ctx, demoQuiet); err != nil {
		return err
	}
	killed := time.Now()
	d.cluster.servers[at].Kill()
	d.say("kill", "%s cut off without warning; it led %d of %s", victim, len(led), count(len(shards.Shards), "shard"))
	for begin := time.Now(); time.Since(begin) < demoAfter || !p.allSince(killed); {
		if time.Since(begin) > demoMaxGap {
			d.broken("not all of what %s led is served %v after it went", victim, demoMaxGap)
			break
		}
		if err := sleep(ctx, probeEvery); err != nil {
			return err
		}
	}
	stop()
	d.report.Probes = p.reports()
	for _, r := range d.report.Probes {
		errs := "no error"
		if r.Errors > 0 {
			errs = count(r.Errors, "error")
			d.broken("%s: %s, the first: %s", r.What, errs, r.FirstError)
		}
		d.say("", " %-34s longest gap %4.0f ms, %s of %s answers", r.What+":", r.LongestGapMs, errs, thousands(r.Answers))
	}
	return d.checkAcknowledged(ctx, p.chains)
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
func (d *demo) checkAcknowledged(ctx context.Context, chains []*chain) error {
	for _, c := range chains {
		value, version, err := c.value(ctx)
		if err != nil {
			return err
		}
		acknowledged := c.acknowledged.Load()
		d.report.Acknowledged += int(acknowledged)
		if value != acknowledged || version != c.version {
			d.report.Lost++
			d.broken("point %v is at write %d of version %d, but write %d of version %d was acknowledged", c.id, value, version, acknowledged, c.version)
		}
	}
	if d.report.Lost == 0 {
		d.say("", " all %s acknowledged writes are there, each once: every one demanded the version before", thousands(d.report.Acknowledged))
	}
	return nil
}

// restart brings the killed node back and waits until its replicas are equal again.
func (d *demo) restart(ctx context.Context, _ string) error {
	ctx, cancel := context.WithTimeout(ctx, demoStepLimit)
	defer cancel()
	at, err := d.cluster.index(d.report.Killed)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := d.cluster.restart(ctx, at); err != nil {
		return err
	}
	ready := time.Since(begin)
	if _, err := waitHealthy(ctx, d.client, demoNodes); err != nil {
		return err
	}
	for {
		v, err := d.client.Verify(ctx, demoStepLimit)
		if err == nil && v.Equal {
			break
		}
		if ctx.Err() != nil {
			d.broken("%s is not equal %v after its restart", d.report.Killed, demoStepLimit)
			return nil
		}
		if err := sleep(ctx, healthPollEvery); err != nil {
			continue // the limit is reached; the check above says so
		}
	}
	d.report.EqualSeconds = time.Since(begin).Seconds()
	d.say("restart", "%s answers after %.0f ms, healthy and equal again after %.1f s", d.report.Killed, millis(ready), d.report.EqualSeconds)
	return nil
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

// sleep waits for d or for the end of the context, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
