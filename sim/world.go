// Package sim runs whole clusters inside one goroutine, from a seed: virtual time,
// a network, disks, clocks and workers that fail on schedule, clients that load the
// cluster, and checks that judge it from outside. The nodes are the production
// node code, unchanged. A run is a function of its Scenario: it never reads the
// real clock to decide anything, and two runs of one scenario have one trace hash.
package sim

import (
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// World is one simulated cluster with its clients, faults and checks. It is used
// by one goroutine; different worlds may run at the same time.
type World struct {
	scenario Scenario
	now      time.Duration // since the world began
	queue    eventQueue
	hosts    []*host
	byID     map[flow.NodeID]*host
	network  *network
	calls    *calls
	load     *workload
	checks   *checks
	faults   []*activeFault // by position in the schedule
	trace    trace
	counts   counts
	deaths   []string
	// sets are the memberships on the hosts' disks, stored the copies, as of event setsAt.
	stored  []copyOf
	sets    []voterSet
	setsAt  uint64
	failure *Failure
	// unwell says why the last poll did not find the cluster healthy; healing is how
	// long it took to be so after the faults.
	unwell  string
	healing time.Duration
	// recall is what searches by graphs found; quiet is when the searches at the end
	// began, and recallAtEnd what those found.
	recall, recallAtEnd recall
	quiet               flow.Time
	// tried counts the operations that began in a calm, served those of them that succeeded.
	tried, served int
	// surviving is how long it took those to be well that were to do without the others.
	surviving time.Duration
	// tape records for a person; nil when nobody asked.
	tape  *Tape
	marks *marker
	// stop is the event at which to end; shown the operations that the verdict names.
	stop    uint64
	shown   []int
	shownBy string // the check
	// formed is when the load began.
	formed  time.Duration
	elapsed func() time.Duration
	// lookedAt is the real time when spent was last asked, worked what it said.
	lookedAt, worked time.Duration
	blind            []Oracle
	// boot makes the process of a host from what its disk holds.
	boot func(h *host) (Machine, error)
	// reviveHost gets a host going whose process is down.
	reviveHost func(h *host)
	// groupless worlds hold no groups of replicas to compare.
	groupless bool
	// openStore opens the real stores of a scenario that asks for them.
	openStore func() (Store, error)
	// sabotage lets a test corrupt the world itself, to prove that the checks see it.
	sabotage func(w *World)
}

// Options are what a run may be given beside its scenario.
type Options struct {
	// Trace receives a line an event; nil for none.
	Trace io.Writer
	// Elapsed tells how much real time the run has taken, for its limit and its
	// report; it decides nothing else. With nil there is no limit.
	Elapsed func() time.Duration
	// Blind names oracles that say nothing, to show which others would have found it.
	Blind []Oracle
	// Tape asks for a tape in the report.
	Tape bool
	// OpenStore opens an empty real store for a node's disk (see Store), for a scenario that
	// has real ones. What they keep in a crash is their own choice, so such a run is not
	// repeated bit for bit.
	OpenStore func() (Store, error)
	// Stop ends the run at the event of that number, with a dump of every node; 0 for never.
	Stop uint64
}

// counts are figures for the report.
type counts struct {
	events                           uint64
	frames, frameBytes, misaddressed uint64
	turns, batches, syncs, jobs      uint64
	starts, crashes, deaths          int
	longestMailbox                   int
}

var quietRandom sync.Once

// zeroes stands in for crypto/rand.Reader. etcd/raft draws its own randomized
// election timeout from it, which the node replaces by its own; a constant is
// deterministic and the same for worlds that run side by side.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// newWorld builds a world of the scenario's shape with nothing running yet. It
// replaces crypto/rand.Reader for the whole process, for good.
func newWorld(s Scenario, o Options) *World {
	quietRandom.Do(func() { rand.Reader = zeroes{} })
	w := &World{scenario: s, byID: map[flow.NodeID]*host{}, openStore: o.OpenStore}
	w.trace.out, w.blind, w.stop = o.Trace, o.Blind, o.Stop
	if o.Tape {
		w.tape = &Tape{}
		w.trace.tape = w.tape
	}
	if w.elapsed = o.Elapsed; w.elapsed == nil {
		w.elapsed = func() time.Duration { return 0 }
	}
	w.boot, w.reviveHost = bootNode, w.revive
	w.network = &network{w: w, links: make([]link, s.Nodes*s.Nodes)}
	for i := range s.Nodes {
		r := stream(s.Seed, purposeNode, uint64(i))
		offset := time.Duration(0)
		if s.ClockOffset > 0 {
			offset = between(r, 0, 2*s.ClockOffset) - s.ClockOffset
		}
		drift := s.ClockDrift * (2*r.Float64() - 1)
		h := &host{w: w, index: i, name: fmt.Sprintf("node%d", i+1), effects: unlimited, turnFactor: 1, tickFactor: 1,
			region: fmt.Sprintf("region%d", i%max(s.Regions, 1)+1), watched: map[flow.ShardID]watchedReplica{}, damaged: map[copyOf]damage{}, newest: map[flow.ShardID]flow.ReplicaID{}}
		h.absent = i >= s.Nodes-s.LateJoins
		h.format = flow.NewestFormat
		if slices.Contains(s.Former, h.number()) {
			h.format = formerFormat
		}
		h.clock = newClock(w, offset, drift)
		h.disk = w.newDisk(h)
		w.hosts = append(w.hosts, h)
	}
	w.calls = &calls{w: w, open: make([][]*call, s.Nodes)}
	w.checks, w.marks = newChecks(w), newMarker(w)
	w.load = newWorkload(w)
	w.armFaults()
	return w
}

// at plans a call at a virtual time, which is not in the past.
func (w *World) at(t time.Duration, run func()) { w.queue.push(max(t, w.now), run) }

// after plans a call.
func (w *World) after(d time.Duration, run func()) { w.at(w.now+d, run) }

func (w *World) hostOf(id flow.NodeID) *host { return w.byID[id] }

// adopt notes which host carries a node id.
func (w *World) adopt(h *host, id flow.NodeID) {
	if o := w.byID[id]; o != nil && o != h {
		w.fail(OracleIdentity, "%s and %s both got the node id %v", o.name, h.name, id)
	}
	h.id = id
	w.byID[id] = h
}

// runUntil runs events until the condition holds, and says whether it did by the deadline.
func (w *World) runUntil(deadline time.Duration, holds func() bool) bool {
	for !holds() {
		if w.failure != nil || w.queue.len() == 0 || w.queue.heap[0].at > deadline {
			w.now = max(w.now, min(deadline, w.nextAt(deadline)))
			return w.failure == nil && holds()
		}
		e := w.queue.pop()
		w.now = e.at
		e.run()
		if w.stop > 0 && w.trace.events >= w.stop {
			w.fail(OracleStop, "stopped at event %d\n%s", w.trace.events, w.dump())
		}
		w.counts.checkCaps(w)
	}
	return w.failure == nil
}

func (w *World) nextAt(otherwise time.Duration) time.Duration {
	if w.queue.len() == 0 {
		return otherwise
	}
	return w.queue.heap[0].at
}

// checkCaps stops a run that a bug keeps busy: a failure by itself.
func (c *counts) checkCaps(w *World) {
	c.events++
	if c.events > maxEvents {
		w.fail(OracleCap, "the world went past %d events after %.1f simulated seconds", maxEvents, w.now.Seconds())
	}
	if c.events%8192 == 0 && w.spent() > maxWall {
		w.fail(OracleCap, "the world ran for %v of real time and reached %.1f simulated seconds", maxWall, w.now.Seconds())
	}
}

// spent is the real time that the world has taken. What lies between two looks counts for
// longestLook at most: in more than that the machine, or this process, has stood still.
func (w *World) spent() time.Duration {
	now := w.elapsed()
	w.worked += min(now-w.lookedAt, longestLook)
	w.lookedAt = now
	return w.worked
}
