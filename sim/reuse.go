package sim

import (
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// withReuse adds to a schedule, in one world of four, a fault of clients that use the
// ids of their requests again. The others stay as they were drawn.
func (s *Scenario) withReuse(faults []Fault, intn func(int) int) []Fault {
	if intn(4) != 0 {
		return faults
	}
	d := &drawing{Nodes: s.Nodes, Shards: s.Shards, IntN: intn}
	faults = append(faults, d.fault(specOf(ReuseIDs), d.between(0, s.Run)))
	slices.SortStableFunc(faults, func(a, b Fault) int { return int(a.At - b.At) })
	return faults
}

// reuseTimeout is how long the cluster may take for a write under a used id.
const reuseTimeout = time.Second

// settled is a write whose results are known.
type settled struct {
	req     flow.WriteRequest
	results []flow.OpResult
}

// maxSettled is how many writes a client remembers, to use their ids again.
const maxSettled = 64

// reuse sends, under the id of a write of the client that is settled, perhaps long ago,
// another write of the same points; first are the results of the latest. It is no operation
// of the history: were it applied, reads would find what nobody wrote. In a cluster that
// began under the newest format version it must be refused; in others it may be answered
// as the first one was.
func (w *writing) reuse(first []flow.OpResult) {
	world := w.c.l.w
	key := hash(w.c.key(), uint64(w.attempts), 1)
	if w.req.Collection != stableCollection {
		return
	}
	w.c.settled = append(w.c.settled, settled{*w.req, slices.Clone(first)})
	w.c.settled = w.c.settled[max(len(w.c.settled)-maxSettled, 0):]
	if !w.c.l.running || world.clientFault(ReuseIDs, key) == nil {
		return
	}
	former := w.c.settled[mix(key)%uint64(len(w.c.settled))]
	other := former.req
	other.Timeout, other.Ops = reuseTimeout, slices.Clone(other.Ops)
	for i := range other.Ops {
		op := &other.Ops[i]
		if op.Kind == flow.Delete {
			op.If, op.IfVersion = true, op.IfVersion+1
			continue
		}
		op.Vector = slices.Clone(op.Vector)
		op.Vector[0] += 8
	}
	world.calls.do(world.hosts[key%uint64(len(world.hosts))], &other, reuseTimeout, func(resp flow.Response, _ bool) {
		answer, ok := resp.(*flow.WriteResponse)
		switch {
		case !ok:
		case answer.Err != nil:
			world.marks.hit("reused request id refused", flow.KindOf(answer.Err) == flow.Conflict)
		case len(world.scenario.Former) == 0 || !sameResults(answer.Results, former.results):
			world.fail(OracleOnce, "request %v was used again for other operations and answered %+v; first it had %+v", other.ID, answer.Results, former.results)
		}
	})
}

func sameResults(a, b []flow.OpResult) bool {
	return slices.EqualFunc(a, b, func(a, b flow.OpResult) bool { return a.Status == b.Status && a.Version == b.Version })
}
