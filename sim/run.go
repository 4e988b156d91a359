package sim

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

const (
	// enoughTried is from how many operations on that began in a calm a run has a floor on
	// those that succeed: one in floorPart.
	enoughTried, floorPart = 50, 5
)

// resolveTimeout is how long a healthy cluster has for a repeated write, at least.
const resolveTimeout = 5 * time.Second

// Report is what a run showed.
type Report struct {
	Scenario Scenario
	// Failure is nil when every check passed.
	Failure *Failure
	// Hash is the hash of the whole trace, Events the number of its events.
	Hash   uint64
	Events uint64
	// Formed is the virtual time at which the cluster had formed and the load began.
	Formed time.Duration
	// Simulated is the virtual time that passed, Wall the real time it took.
	Simulated, Wall time.Duration
	// Tape is what Options asked to be recorded, or nil.
	Tape *Tape
	// Tried counts the clients' operations that began when every node ran and the network was
	// well, Served those of them that succeeded.
	Tried, Served int
	// Marks counts the situations the world got into.
	Marks map[Mark]int
	// Bites counts, by position in the schedule, what each fault really changed.
	Bites []int
	// Text describes operations, comparisons and figures, some lines.
	Text string
}

// Run runs a scenario from its beginning to the first failure or to the end of all checks.
func Run(s Scenario, o Options) Report { return newWorld(s, o).run() }

func (w *World) run() Report {
	defer w.closeStores()
	if w.sabotage != nil {
		w.sabotage(w)
	}
	for _, phase := range []func(){w.form, w.stress, w.survive, w.heal, w.resolve, w.verify, w.judge} {
		if w.failure == nil {
			phase()
		}
	}
	return w.report()
}

// form makes the cluster and its collections, without faults.
func (w *World) form() {
	formed := false
	for i, h := range w.members() {
		w.after(time.Duration(i)*20*time.Millisecond, func() { w.reviveHost(h) })
	}
	w.awaitHealthy(func() {
		w.load.create(stableCollection, func() {
			w.load.create(fleetingCollection, func() {
				w.load.generation, w.load.fleetingOpen, formed = 1, true, true
			})
		})
	})
	done := func() bool { return formed }
	if w.runUntil(formWithin, done) {
		return
	}
	w.fail(OracleForm, "the cluster of %d nodes did not form in %v: %s", len(w.hosts), formWithin, w.unwell)
	// If that oracle is blind, the clients need their collections all the same.
	if w.failure == nil && !w.runUntil(formWithin+healWithin, done) {
		w.fail(OracleLiveness, "the cluster of %d nodes did not form in %v: %s", len(w.hosts), w.now, w.unwell)
	}
}

// stress lets clients and faults go for the length of the run.
func (w *World) stress() {
	w.formed = w.now
	end := w.now + w.scenario.Run
	w.load.start()
	w.planFaults()
	for _, h := range w.hosts {
		if h.absent {
			w.after(within(hash(w.scenario.Seed, purposeNode, uint64(h.index)), w.scenario.Run), func() { w.enter(h) })
		}
	}
	w.runUntil(end, func() bool { return false })
	w.now = max(w.now, end)
	if w.tried >= enoughTried && w.served < w.tried/floorPart {
		w.fail(OracleFloor, "of %d operations that began when every node ran and the network was well only %d succeeded", w.tried, w.served)
	}
}

// enter lets a host that was not there join the cluster.
func (w *World) enter(h *host) {
	h.absent = false
	w.trace.note(w.now, h.number(), "enter", 0, 0, nil)
	w.reviveHost(h)
}

// heal ends all faults and waits until the clients have their answers and the
// cluster is healthy.
func (w *World) heal() {
	w.healAll()
	w.load.running = false
	healed, healthy, over := w.now, false, w.now
	for _, h := range w.core() {
		over = max(over, h.jobsEnd) // what a job could not read under faults shows when it ends
	}
	w.after(over-w.now, func() { w.awaitHealthy(func() { healthy = true }) })
	done := func() bool {
		return w.now >= over && (healthy || len(w.core()) < len(w.members())) && w.load.pending == 0
	}
	if !w.runUntil(w.now+healWithin, done) {
		w.fail(OracleLiveness, "%v after all faults ended: %d operations wait, cluster: %s", w.now-healed, w.load.pending, w.unwell)
		return
	}
	w.healing = w.now - healed
	for _, open := range w.calls.open {
		for _, k := range slices.Clone(open) {
			if k.host.gone {
				continue
			}
			done := func() bool { return k.replied || k.host.incarnation != k.incarnation }
			// By a clock that was set back, and stands, a request's time is longer.
			if !w.runUntil(w.now+callGrace+catalogueTimeout+k.host.clock.stands(), done) {
				w.fail(OracleLiveness, "%s never answered a %T sent %v ago, and did not restart since", k.host.name, k.req, w.now-k.begun)
			}
		}
	}
}

// resolve asks again, with the same request id, for the writes whose clients gave
// up: each is applied now or answered as it was the first time.
func (w *World) resolve() {
	if hash(w.scenario.Seed, purposeScenario, 1)%4 == 0 {
		return // these worlds keep their unknown outcomes
	}
	again := w.load.unresolved
	w.load.unresolved = nil
	for _, u := range again {
		if u.recorded != w.load.recorded(u.req.Collection) || u.recorded != stableCollection && !w.load.fleetingOpen {
			continue
		}
		w.load.pending++
		req := *u.req // with time enough: what is unknown again could still be applied during the last reads
		req.Timeout = max(req.Timeout, resolveTimeout)
		u.req = &req
		u.attempts, u.patient, u.again, u.then = 0, false, true, func() { w.load.pending-- }
		u.attempt()
	}
	if !w.runUntil(w.now+healWithin, func() bool { return w.load.pending == 0 }) {
		w.fail(OracleLiveness, "%d repeated writes were not answered in a healthy cluster", w.load.pending)
	}
}

// verify reads everything through every host; each answer must come and be right.
func (w *World) verify() {
	level := flow.ReadOptions{Timeout: 5 * time.Second}
	names := []string{stableCollection}
	if w.load.fleetingOpen {
		names = append(names, fleetingCollection)
	}
	if w.scenario.Ending != Lost {
		w.serveAll(w.core())
	}
	last := w.checks.lastChanges()
	pending := 0
	for _, h := range w.core() {
		for _, name := range names {
			get := &flow.GetRequest{Collection: name, WithVector: true, WithPayload: true, Read: level}
			for i := range w.scenario.IDs {
				get.IDs = append(get.IDs, pointID(i))
			}
			reads := []flow.Request{get, &flow.CountRequest{Collection: name, Read: level},
				&flow.ScrollRequest{Collection: name, Limit: w.scenario.IDs + 1, WithVector: true, Read: level}}
			var answers []flow.Response
			for _, req := range reads {
				pending++
				w.load.send(nil, h, req, level.Timeout, func(resp flow.Response) {
					pending--
					if resp == nil || resp.Error() != nil {
						w.fail(OracleLiveness, "%s did not answer a %T in a healthy cluster: %v", h.name, req, resp)
						return
					}
					if got, ok := resp.(*flow.GetResponse); ok {
						w.checks.keeps(h, w.load.recorded(name), get, got, last)
					}
					if answers = append(answers, resp); len(answers) == len(reads) {
						w.agree(h, name, answers)
					}
				})
			}
		}
	}
	w.showTokens(level.Timeout, &pending)
	if len(w.core()) == len(w.members()) {
		pending++
		w.askVerdict(func() { pending-- })
	}
	w.runUntil(w.now+healWithin, func() bool { return pending == 0 })
	if pending > 0 {
		w.fail(OracleLiveness, "%d final reads were not answered", pending)
	}
	w.runUntil(w.now+healWithin, func() bool { return w.unequal() == "" })
	if why := w.unequal(); why != "" {
		w.fail(OracleDigest, "replicas are not equal in a quiet cluster: %s", why)
	}
	w.searchAll(names)
	if !w.groupless {
		w.cutLogs()
		w.checks.compareStored(w.core())
		w.endStreams()
		w.checks.tidyStores(w.core())
		if len(w.core()) == len(w.members()) {
			w.checks.hosted(w.core())
		}
	}
}

// agreed checks a verdict that was given under load: the replicas that answered were
// asked about one index.
func (w *World) agreed(h *host, resp flow.Response) {
	v, ok := resp.(*flow.VerifyResponse)
	if !ok || w.groupless {
		return
	}
	for _, s := range v.Shards {
		first, seen := uint64(0), false
		for _, id := range slices.Sorted(maps.Keys(s.Digests)) {
			if d := s.Digests[id]; seen && d != first {
				w.fail(OracleDigest, "%s verified %v at index %d under load: digests %v", h.name, s.Shard, s.Index, s.Digests)
			} else {
				first, seen = d, true
			}
		}
	}
}

// showTokens shows each client's token of under load again, to any host: tokens do not expire.
func (w *World) showTokens(timeout time.Duration, pending *int) {
	for _, c := range w.load.clients {
		if c.shownToken == nil {
			continue
		}
		h := w.core()[c.number%len(w.core())]
		get := &flow.GetRequest{Collection: stableCollection, IDs: []flow.PointID{pointID(0), pointID(1)},
			Read: flow.ReadOptions{Level: flow.Session, Token: c.shownToken, Timeout: timeout}}
		*pending++
		w.load.send(nil, h, get, timeout, func(resp flow.Response) {
			*pending--
			if resp == nil || resp.Error() != nil {
				w.fail(OracleLiveness, "%s did not answer a session read in a healthy cluster, with token %v: %v", h.name, get.Read.Token, resp)
			}
		})
	}
}

// askVerdict has the cluster itself compare its replicas, through one host.
func (w *World) askVerdict(then func()) {
	h := w.hosts[w.scenario.Seed%uint64(len(w.hosts))]
	w.calls.do(h, &flow.VerifyRequest{Timeout: catalogueTimeout}, catalogueTimeout, func(resp flow.Response, _ bool) {
		then()
		v, ok := resp.(*flow.VerifyResponse)
		if w.groupless {
			return
		}
		if !ok || v.Err != nil {
			w.fail(OracleLiveness, "%s did not verify a healthy cluster: %v", h.name, resp)
			return
		}
		for _, s := range v.Shards {
			if !s.Equal {
				w.fail(OracleDigest, "%s verified %v at index %d: digests %v, not asked %v", h.name, s.Shard, s.Index, s.Digests, s.Missing)
			}
		}
	})
}

// agree compares a get of every id, a count and a scroll of one quiet collection.
func (w *World) agree(h *host, name string, answers []flow.Response) {
	var got, scrolled int
	var count uint64
	for _, a := range answers {
		switch r := a.(type) {
		case *flow.GetResponse:
			got = len(r.Points)
		case *flow.CountResponse:
			count = r.Count
		case *flow.ScrollResponse:
			scrolled = len(r.Points)
		}
	}
	if uint64(got) != count || got != scrolled {
		w.fail(OracleDurability, "%s: collection %q has %d points by get, %d by count, %d by scroll", h.name, name, got, count, scrolled)
	}
}

// judge hands the clients' history to the checkers.
func (w *World) judge() {
	starts := ring.Starts(w.scenario.Shards)
	o := linearizability.Options{
		ShardOf: func(id flow.PointID) flow.ShardID {
			return flow.ShardID(ring.Find(starts, ring.Hash(id)) + 1)
		},
		Since:  w.sinceAt,
		Pass:   passer(),
		Record: w.checks.record(&w.load.history),
	}
	v := linearizability.Check(&w.load.history, o)
	if !v.OK {
		w.shown, w.shownBy = v.Shown, v.Check
		w.fail(OracleHistory, "%v", v)
		return
	}
	w.judgeRecall(o)
}

func (w *World) report() Report {
	for _, h := range w.hosts {
		w.trace.note(w.now, h.number(), "disk", h.disk.sum(), 0, nil)
	}
	r := Report{Scenario: w.scenario, Failure: w.failure, Hash: w.trace.hash, Events: w.trace.events, Formed: w.formed,
		Simulated: w.now, Wall: w.elapsed(), Tried: w.tried, Served: w.served}
	w.tape.finish(w)
	w.marks.hit("answer after the client left", w.calls.late > 0)
	w.marks.hit("collection made again", w.load.recreated > 0)
	r.Marks = w.marks.counted()
	r.Tape = w.tape
	var b strings.Builder
	byKind := map[FaultKind]int{}
	for _, f := range w.faults {
		r.Bites = append(r.Bites, f.bites)
		byKind[f.Label()] += f.bites
	}
	for k := linearizability.Write; k <= linearizability.Search; k++ {
		o := w.load.byKind[k]
		fmt.Fprintf(&b, "%v: %d ok, %d failed, %d unknown, %d retries\n", k, o.ok, o.failed, o.unknown, o.retried)
	}
	b.WriteString("faults that bit:")
	for _, k := range slices.Sorted(maps.Keys(byKind)) {
		if byKind[k] > 0 {
			fmt.Fprintf(&b, " %s %d", k, byKind[k])
		}
	}
	c := w.counts
	fmt.Fprintf(&b, "\n%d digests seen, %d compared with another node's; %d entries, %d committed ones, %d results, %d stored rows and %d graphs compared; collection made again %d times\n",
		w.checks.observed, w.checks.comparisons, w.checks.entries, w.checks.commits, w.checks.results, w.checks.rows, w.checks.graphs, w.load.recreated)
	fmt.Fprintf(&b, "%d turns, %d frames (%d bytes), %d batches (%d synced), %d jobs, %d starts, %d crashes, %d deaths; healed in %v\n",
		c.turns, c.frames, c.frameBytes, c.batches, c.syncs, c.jobs, c.starts, c.crashes, c.deaths, w.healing)
	if w.scenario.Disk != "" {
		n := w.realCounts()
		fmt.Fprintf(&b, "over real stores: %d reads compared with the model's, %d openings, %d batches lost in them\n", n.reads, n.openings, n.lost)
	}
	fmt.Fprintf(&b, "graphs found %d of %d hits, %d of %d at the end\n", w.recall.found, w.recall.wanted, w.recallAtEnd.found, w.recallAtEnd.wanted)
	rate := w.now.Seconds() / math.Max(r.Wall.Seconds(), 1e-9)
	fmt.Fprintf(&b, "%.1f simulated seconds in %.2fs, %.0f a second, %d events", w.now.Seconds(), r.Wall.Seconds(), rate, w.trace.events)
	r.Text = b.String()
	return r
}
