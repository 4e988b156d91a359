package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/ring"
	"go.etcd.io/raft/v3/raftpb"
)

// Ending is what becomes of a world's hosts when its faults end.
type Ending string

// The endings.
const (
	// Whole: every host is well again.
	Whole Ending = ""
	// Core: some hosts, as many as the cluster promises to do without, stay broken
	// until the rest has proved that it is well; then every host is.
	Core Ending = "core"
	// Lost: they are gone for good, with their disks.
	Lost Ending = "lost"
)

// drawEnding draws how a seed's world ends.
func drawEnding(seed uint64) Ending {
	switch hash(seed, purposeEnding) % 10 {
	case 0, 1, 2:
		return Core
	case 3, 4, 5:
		return Lost
	}
	return Whole
}

// survive breaks hosts that the cluster promises to do without, ends the faults of
// the others, and waits until these have answered what was asked and are well.
func (w *World) survive() {
	if w.scenario.Ending == Whole || w.groupless {
		return
	}
	r := stream(w.scenario.Seed, purposeEnding, 1)
	broken := w.dispensable(r)
	if len(broken) == 0 {
		return
	}
	for _, h := range broken {
		w.breakHost(h, r)
	}
	w.healAll()
	w.load.running = false
	ended := w.now
	done := func() bool { return w.load.pending == 0 && w.unequalAmong(w.core()) == "" }
	for !done() {
		if w.failure != nil {
			return
		}
		if w.now > ended+healWithin {
			w.fail(OracleLiveness, "%v after the faults ended for all but %v: %d operations wait, the others: %s", w.now-ended, names(broken), w.load.pending, w.unequalAmong(w.core()))
			return
		}
		w.runUntil(w.now+pollEvery, func() bool { return false })
		w.now = max(w.now, w.nextAt(ended+healWithin))
	}
	w.surviving = w.now - ended
	w.serveAll(w.core())
	if w.scenario.Ending == Lost {
		return
	}
	for _, h := range broken {
		if h.up() {
			h.crash("mended")
		}
		h.gone, h.cut = false, false
	}
}

// core is the hosts of the cluster that are not gone.
func (w *World) core() []*host {
	return slices.DeleteFunc(w.members(), func(h *host) bool { return h.gone })
}

func names(hosts []*host) []string {
	var list []string
	for _, h := range hosts {
		list = append(list, h.name)
	}
	return list
}

// breakHost breaks a host for good; how is drawn.
func (w *World) breakHost(h *host, r *rand.Rand) {
	h.gone = true
	how := r.IntN(4)
	if w.scenario.Ending == Lost || !h.up() {
		how = 0
	}
	w.trace.remark(w.now, h.number(), "broken", fmt.Sprint(how))
	switch how {
	case 0:
		if h.up() {
			h.crash("gone for good")
		}
	case 1:
		h.cut = true
	case 2:
		h.pausedUntil = time.Duration(math.MaxInt64) / 2
	case 3:
		h.disk.behave(0, true, false)
	}
}

// dispensable draws hosts that the cluster promises to do without: a minority of the
// voters of every group, by every membership that some replica goes by.
func (w *World) dispensable(r *rand.Rand) (gone []*host) {
	sets := w.memberships()
	hosts := w.members()
	most := 1 + r.IntN(max(len(hosts)/2, 1))
	r.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	for _, h := range hosts {
		if len(gone) == most {
			break
		}
		more := append(slices.Clone(gone), h)
		if h.id != 0 && !slices.ContainsFunc(sets, func(s voterSet) bool { return !w.minority(s, more) }) {
			gone = more
		}
	}
	return gone
}

// membership decodes the membership of the applied record.
func (g *writtenGroup) membership() *raftpb.ConfState {
	_, conf := parseApplied(g.appliedRecord)
	return conf
}

// serveAll writes a point through each of some hosts: all must answer.
func (w *World) serveAll(hosts []*host) {
	pending := len(hosts)
	for i, h := range hosts {
		w.serveOne(h, i, w.now+healWithin, func() { pending-- })
	}
	if !w.runUntil(w.now+healWithin, func() bool { return pending == 0 }) {
		w.fail(OracleLiveness, "%d of %d hosts of a healthy cluster did not write a point", pending, len(hosts))
	}
}

// serveOne writes through a host to every shard that an id in use belongs to, with one
// request id, until it is answered.
func (w *World) serveOne(h *host, i int, until time.Duration, done func()) {
	l := w.load
	r := stream(w.scenario.Seed, purposeEnding, 2, uint64(w.now), uint64(i))
	req := &flow.WriteRequest{Collection: stableCollection, Timeout: time.Second, ID: drawRequestID(r, l.now())}
	starts, covered := ring.Starts(w.scenario.Shards), map[int]bool{}
	for n := range w.scenario.IDs {
		id := pointID(n)
		if s := ring.Find(starts, ring.Hash(id)); !covered[s] {
			covered[s] = true
			req.Ops = append(req.Ops, flow.Op{Kind: flow.Upsert, ID: id, Vector: drawVector(r, w.scenario), Payload: fmt.Appendf(nil, `{"w":"end-%d-%d"}`, w.now, i)})
		}
	}
	var attempt func()
	attempt = func() {
		token := l.history.Begin(0, l.now(), req)
		w.calls.do(h, req, req.Timeout, func(resp flow.Response, _ bool) {
			answer, _ := resp.(*flow.WriteResponse)
			if answer == nil {
				l.history.End(token, l.now(), nil)
			} else {
				l.history.End(token, l.now(), answer)
				w.checks.allowed(h, req, answer, stableCollection)
			}
			if answer != nil && answer.Err == nil {
				done()
			} else if w.now < until {
				w.after(joinRetry, attempt)
			}
		})
	}
	attempt()
}
