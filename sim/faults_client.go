package sim

import (
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// clientFaults are what clients do that makes a database's life hard. They last, and
// count the operations that they changed.
var clientFaults = []*faultSpec{
	// The part Rate of the operations is on one id.
	{kind: HotIDs, draw: drawClients},
	// The part Rate of the writes holds every id, with payloads of up to Bytes.
	{kind: HugeBatches, draw: func(d *drawing, f *Fault) {
		drawClients(d, f)
		f.Rate, f.Bytes = f.Rate/2, int64(16)<<d.IntN(11)
	}},
	// The part Rate of the requests gives the cluster no more than Delay.
	{kind: TinyTimeouts, draw: func(d *drawing, f *Fault) {
		drawClients(d, f)
		f.Rate, f.Delay = f.Rate/2, d.between(time.Millisecond, 60*time.Millisecond)
	}},
	// The part Rate of the attempts is given up by its client after Delay, while the
	// cluster still works on it.
	{kind: Abandon, draw: func(d *drawing, f *Fault) {
		drawClients(d, f)
		f.Delay = d.between(100*time.Microsecond, 100*time.Millisecond)
	}},
	// The part Rate of the writes is sent through two hosts at once, with one request id.
	{kind: RepeatWrites, draw: drawClients},
	// The part Rate of the session reads carries a token of long ago, or none.
	{kind: StaleTokens, draw: drawClients},
	// Clients do not pause after the part Rate of their operations.
	{kind: Burst, draw: drawClients},
	// After the part Rate of the writes their request ids are used for other ones.
	{kind: ReuseIDs, apart: true, draw: drawClients},
	// Node is asked for so many points at a time as no node can take.
	{kind: Flood, node: true, draw: func(*drawing, *Fault) {}, begin: func(f *activeFault) { f.w.load.flood(f) }},
}

func drawClients(d *drawing, f *Fault) {
	f.For, f.Rate = d.between(time.Second, 10*time.Second), float64(10+d.IntN(90))/100
}

// clientFault returns the fault of a kind in force whose turn an operation is, or
// nil. key names the operation's choice.
func (w *World) clientFault(kind FaultKind, key uint64) *activeFault {
	for _, f := range w.faults {
		if f.on && f.Kind == kind && chance(hash(key, purposeMisuse), f.Rate) {
			f.bit()
			return f
		}
	}
	return nil
}

const (
	// floodRequests is how many requests a flood has: more than drawn limits allow.
	floodRequests = 300
	// floodTimeout bounds each.
	floodTimeout = 500 * time.Millisecond
)

// flood sends many reads to a host at once.
func (l *workload) flood(f *activeFault) {
	h := f.host()
	if !h.up() || l.w.groupless {
		return
	}
	for i := range floodRequests {
		req := &flow.GetRequest{Collection: stableCollection, IDs: []flow.PointID{pointID(i % l.w.scenario.IDs)}, Read: flow.ReadOptions{Timeout: floodTimeout}}
		l.w.calls.do(h, req, floodTimeout, func(resp flow.Response, _ bool) {
			if resp != nil && flow.KindOf(resp.Error()) == flow.ResourceExhausted {
				f.bit()
			}
		})
	}
}
