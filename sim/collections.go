package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
)

// catalogueTimeout is the deadline of one attempt to create or drop a collection.
const catalogueTimeout = 5 * time.Second

// create makes a collection, again and again until it is there, and then calls done.
func (l *workload) create(name string, done func()) {
	s := l.w.scenario
	req := &flow.CreateCollectionRequest{Name: name, Dim: s.Dim, Metric: s.Metric, Timeout: catalogueTimeout}
	l.insist(req, flow.AlreadyExists, func(error) { done() })
}

// insist sends a catalogue request until it is answered with success or with the
// kind that says it was done before, which done is told.
func (l *workload) insist(req flow.Request, enough flow.Kind, done func(error)) {
	again := func() { l.w.after(200*time.Millisecond, func() { l.insist(req, enough, done) }) }
	h := l.w.anyHost(hash(l.w.scenario.Seed, purposeOperation, uint64(l.w.now)))
	if h == nil {
		again()
		return
	}
	l.w.calls.do(h, req, catalogueTimeout, func(resp flow.Response, _ bool) {
		if resp == nil {
			again()
			return
		}
		if err := resp.Error(); err != nil && flow.KindOf(err) != enough {
			l.w.checks.allowed(h, req, resp, "")
			again()
			return
		}
		l.w.trace.remark(l.w.now, h.number(), "catalogue", fmt.Sprintf("%T answered: %v", req, resp.Error()))
		done(resp.Error())
	})
}

// former lists the collections that had the name of a read's collection before and that
// it may still see, by what its level promises: any and session, an old copy of the
// catalogue; bounded, one whose drop was acknowledged too lately.
func (l *workload) former(req flow.Request) (names []string) {
	o := linearizability.ReadOptionsOf(req)
	if linearizability.CollectionOf(req) != fleetingCollection || o.Level == flow.Linearizable {
		return nil
	}
	for g := l.generation - 1; g >= 1; g-- {
		if o.Level == flow.Bounded && l.dropped[g] < l.w.since(l.w.now, o.MaxStaleness) {
			break
		}
		names = append(names, fmt.Sprintf("%s@%d", fleetingCollection, g))
	}
	return names
}

// planRecreations spreads the drops of the fleeting collection over the run.
func (l *workload) planRecreations() {
	n := time.Duration(l.w.scenario.Recreate)
	for i := range n {
		l.w.after(l.w.scenario.Run*(i+1)/(n+1), l.recreate)
	}
}

// recreate drops the fleeting collection and makes it again. Clients stay away
// from its name meanwhile, long enough for every request under way to have ended,
// so that each generation's history stands alone.
func (l *workload) recreate() {
	if !l.running || !l.fleetingOpen {
		return
	}
	l.fleetingOpen = false
	l.w.trace.remark(l.w.now, 0, "catalogue", l.recorded(fleetingCollection)+" is closed")
	again := func() {
		l.create(fleetingCollection, func() {
			l.generation++
			l.recreated++
			l.fleetingOpen = true
			l.w.trace.remark(l.w.now, 0, "catalogue", l.recorded(fleetingCollection)+" is open")
		})
	}
	l.whenDrained(func() {
		answered := false
		l.insist(&flow.DropCollectionRequest{Name: fleetingCollection, Timeout: catalogueTimeout}, flow.NotFound, func(err error) {
			answered = true
			l.dropped[l.generation] = l.w.now
			if err != nil { // an earlier attempt did it, and another may still be on its way
				l.w.after(drainOnPause, again)
				return
			}
			l.probeDropped(again)
		})
		l.besiege(0, func() bool { return answered })
	})
}

// The rounds of requests around a drop: the pause between two doubles up to a limit, to
// hit the moment in clusters that are fast and in slow ones.
const (
	firstSiegePause = time.Millisecond
	lastSiegePause  = 128 * time.Millisecond
	maxSieges       = 16
)

// besiege sends requests for the fleeting collection through every host while it is
// dropped: reads, which the history judges by what it held, and writes under conditions
// that no point meets, so that it still holds just that.
func (l *workload) besiege(round int, over func() bool) {
	if round == maxSieges || !l.running || over() {
		return
	}
	for _, h := range l.w.hosts {
		r := stream(l.w.scenario.Seed, purposeProbe, uint64(l.w.now), uint64(h.index))
		get := &flow.GetRequest{Collection: fleetingCollection, WithVector: true, Read: flow.ReadOptions{Timeout: time.Second}}
		for i := range min(l.w.scenario.IDs, maxBatchOps) {
			get.IDs = append(get.IDs, pointID(i))
		}
		l.send(nil, h, get, get.Read.Timeout, func(flow.Response) {})
		write := l.probe(r, r.IntN(l.w.scenario.IDs), noVersion)
		l.w.calls.do(h, write, write.Timeout, func(resp flow.Response, _ bool) {
			if resp != nil {
				l.w.checks.allowed(h, write, resp, l.recorded(fleetingCollection))
				l.w.marks.hit("write to a dropped collection refused", flow.KindOf(resp.Error()) == flow.NotFound)
			}
		})
	}
	l.w.after(min(firstSiegePause<<round, lastSiegePause), func() { l.besiege(round+1, over) })
}

// noVersion is a version that no point has.
const noVersion = 1 << 40

// probe is a write to the fleeting collection that clients do not make: of one point, if
// it has a version.
func (l *workload) probe(r *rand.Rand, id int, version uint64) *flow.WriteRequest {
	req := &flow.WriteRequest{ID: drawRequestID(r, l.now()), Collection: fleetingCollection, Timeout: time.Second, Ops: []flow.Op{{Kind: flow.Upsert, ID: pointID(id),
		Vector: make(flow.Vector, l.w.scenario.Dim), Payload: []byte(`{"w":"dropped"}`), If: version > 0, IfVersion: version}}}
	req.Ops[0].Vector[0] = 1
	return req
}

// whenDrained waits until no client waits for the fleeting collection, and then as
// long as a request that its client has given up may still be served.
func (l *workload) whenDrained(then func()) {
	if l.fleetingPending > 0 {
		l.w.after(100*time.Millisecond, func() { l.whenDrained(then) })
		return
	}
	l.w.after(drainOnPause, then)
}

// probeDropped writes to the dropped collection through every host, and counts its
// points: none may acknowledge the one, or answer the other.
func (l *workload) probeDropped(then func()) {
	pending := 2 * len(l.w.hosts)
	ended := func() {
		if pending--; pending == 0 {
			l.w.after(drainOnPause, then)
		}
	}
	for _, h := range l.w.hosts {
		write := l.probe(stream(l.w.scenario.Seed, purposeProbe, uint64(l.w.now), uint64(h.index)), 0, 0)
		l.w.calls.do(h, write, write.Timeout, func(resp flow.Response, _ bool) {
			if answer, ok := resp.(*flow.WriteResponse); ok && answer.Err == nil {
				l.w.fail(OracleCatalogue, "%s acknowledged a write to collection %q after its drop was acknowledged", h.name, fleetingCollection)
			}
			ended()
		})
		count := &flow.CountRequest{Collection: fleetingCollection, Read: flow.ReadOptions{Timeout: time.Second}}
		l.w.calls.do(h, count, time.Second, func(resp flow.Response, _ bool) {
			if answer, ok := resp.(*flow.CountResponse); ok && answer.Err == nil {
				l.w.fail(OracleCatalogue, "%s counted %d points of collection %q after its drop was acknowledged", h.name, answer.Count, fleetingCollection)
			}
			ended()
		})
	}
}

// The rows of a data shard that name a collection, by the first byte of their keys; the
// collection follows. The last says that it is dropped.
const (
	rowsOfCollection = "cgirt"
	rowDropped       = 'x'
	collectionSize   = 8
)

// dropsWhole checks that a state holds no row of a collection that its log has dropped.
func (c *checks) dropsWhole(h *host, g *writtenGroup) {
	if g.shard == systemGroup {
		return
	}
	dropped, held := map[string]bool{}, map[string]bool{}
	prefix := g.statePrefix()
	h.disk.rows.root.visit(prefix, disk.After(prefix), func(key, _ []byte) bool {
		row := key[len(prefix):]
		if len(row) < 1+collectionSize {
			return true
		}
		switch id := string(row[1 : 1+collectionSize]); {
		case row[0] == rowDropped:
			dropped[id] = true
		case strings.IndexByte(rowsOfCollection, row[0]) >= 0:
			held[id] = true
		}
		return true
	})
	for _, id := range slices.Sorted(maps.Keys(held)) {
		if dropped[id] {
			c.w.fail(OracleCatalogue, "%s stores rows of collection %x in %v, whose log has dropped it", h.name, id, g.shard)
		}
	}
}
