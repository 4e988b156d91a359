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

// reuse sends, under the id of a write that was just settled with some results, another
// write of the same points. It is no operation of the history: were it applied, reads
// would find what nobody wrote. In a cluster that began under the newest format version
// it must be refused; in others it may be answered as the first one was.
func (w *writing) reuse(first []flow.OpResult) {
	world := w.c.l.w
	key := hash(w.c.key(), uint64(w.attempts), 1)
	if !w.c.l.running || w.req.Collection != stableCollection || world.clientFault(ReuseIDs, key) == nil {
		return
	}
	other := *w.req
	other.Timeout, other.Ops = reuseTimeout, slices.Clone(w.req.Ops)
	for i := range other.Ops {
		op := &other.Ops[i]
		if op.Kind == flow.Delete {
			op.If, op.IfVersion = true, op.IfVersion+1
			continue
		}
		op.Vector = slices.Clone(op.Vector)
		op.Vector[0] += 8
	}
	first = slices.Clone(first)
	world.calls.do(world.hosts[key%uint64(len(world.hosts))], &other, reuseTimeout, func(resp flow.Response, _ bool) {
		answer, ok := resp.(*flow.WriteResponse)
		switch {
		case !ok:
		case answer.Err != nil:
			world.marks.hit("reused request id refused", flow.KindOf(answer.Err) == flow.Conflict)
		case len(world.scenario.Former) == 0 || !sameResults(answer.Results, first):
			world.fail(OracleOnce, "request %v was used again for other operations and answered %+v; first it had %+v", other.ID, answer.Results, first)
		}
	})
}

func sameResults(a, b []flow.OpResult) bool {
	return slices.EqualFunc(a, b, func(a, b flow.OpResult) bool { return a.Status == b.Status && a.Version == b.Version })
}
