package sim

import (
	"fmt"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
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
		if o.Level == flow.Bounded && l.w.now-l.dropped[g] > o.MaxStaleness+l.w.clockSlack() {
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
		l.insist(&flow.DropCollectionRequest{Name: fleetingCollection, Timeout: catalogueTimeout}, flow.NotFound, func(err error) {
			l.dropped[l.generation] = l.w.now
			if err != nil { // an earlier attempt did it, and another may still be on its way
				l.w.after(drainOnPause, again)
				return
			}
			l.probeDropped(again)
		})
	})
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

// probeDropped writes to the dropped collection through every host: none may
// acknowledge it.
func (l *workload) probeDropped(then func()) {
	pending := len(l.w.hosts)
	for _, h := range l.w.hosts {
		req := &flow.WriteRequest{Collection: fleetingCollection, Timeout: time.Second,
			Ops: []flow.Op{{Kind: flow.Upsert, ID: pointID(0), Vector: make(flow.Vector, l.w.scenario.Dim), Payload: []byte(`{"w":"dropped"}`)}}}
		req.Ops[0].Vector[0] = 1
		l.w.calls.do(h, req, req.Timeout, func(resp flow.Response, _ bool) {
			if answer, ok := resp.(*flow.WriteResponse); ok && answer.Err == nil {
				l.w.fail(OracleCatalogue, "%s acknowledged a write to collection %q after its drop was acknowledged", h.name, fleetingCollection)
			}
			if pending--; pending == 0 {
				l.w.after(drainOnPause, then)
			}
		})
	}
}
