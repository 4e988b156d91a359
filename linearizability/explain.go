package linearizability

import (
	"fmt"
	"slices"
	"sort"

	"github.com/anishathalye/porcupine"
)

// maxTrimmed is the largest number of events of which explain tries to leave out
// each one, to show only those that matter.
const maxTrimmed = 200

// explain returns the verdict on a point whose events no order explains: the
// shortest prefix that fails, without the reads that do not matter.
func (p *partition) explain(ph *pointHistory, es []event, maxSteps int) Verdict {
	illegal := func(es []event) bool {
		legal, exceeded := explainable(es, maxSteps)
		return !legal && !exceeded
	}
	var rets []int64
	for _, e := range es {
		if e.ret != forever {
			rets = append(rets, e.ret)
		}
	}
	slices.Sort(rets)
	cut := sort.Search(len(rets), func(i int) bool { return illegal(prefix(es, rets[i])) })
	reason, culprit := "no order of these operations explains their answers", event{}
	if cut < len(rets) {
		es = prefix(es, rets[cut])
		last := slices.IndexFunc(es, func(e event) bool { return e.ret == rets[cut] })
		culprit = es[last]
		reason = fmt.Sprintf("no order of these operations explains their answers; without the answer to %q there is one", lineOf(p.h, culprit.op(), ph.point))
		reason += p.hint(ph, slices.Delete(slices.Clone(es), last, last+1), culprit)
	}
	if len(es) <= maxTrimmed {
		es = trim(es, culprit, illegal)
	}
	ops := make([]*Operation, len(es))
	for i, e := range es {
		ops[i] = e.op()
	}
	return p.verdict(ph, "point", reason, ops)
}

// prefix returns the events as they stood just after a position: reads that had
// not returned are left out, changes that had not are still under way.
func prefix(es []event, at int64) []event {
	var out []event
	for _, e := range es {
		switch {
		case e.call > at:
		case e.ret <= at:
			out = append(out, e)
		case e.change != nil && (e.change.open || e.change.version != 0):
			pending := *e.change
			pending.open = true
			out = append(out, event{change: &pending, call: e.call, ret: forever})
		}
	}
	return out
}

// trim leaves out, one after another, the events that changed nothing and are not
// needed for the contradiction.
func trim(es []event, culprit event, illegal func([]event) bool) []event {
	for i := len(es) - 1; i >= 0; i-- {
		if es[i] == culprit || es[i].change != nil && (es[i].change.open || es[i].change.version != 0) {
			continue
		}
		if less := slices.Delete(slices.Clone(es), i, i+1); illegal(less) {
			es = less
		}
	}
	return es
}

// hint says what is wrong with the culprit in particular: for a get, what the
// interval check finds; else what an order of the others leaves.
func (p *partition) hint(ph *pointHistory, others []event, culprit event) string {
	if l := culprit.lookup; l != nil {
		if s := ph.judge(p.window(l.op, ph), l.seen); s != "" {
			return ": " + s
		}
	}
	m := newModel(others, DefaultMaxSteps)
	if ok, info := porcupine.CheckOperationsVerbose(m.porcupine(), operations(others), 0); ok == porcupine.Ok {
		states := []state{{}}
		for _, o := range longest(info) {
			var next []state
			for _, s := range states {
				next = append(next, m.step(s, o.Input.(event))...)
			}
			states = next
		}
		return "; one order of the others leaves it " + states[0].String()
	}
	return ""
}

// longest returns the order that a successful check found.
func longest(info porcupine.LinearizationInfo) []porcupine.Operation {
	all := info.PartialLinearizationsOperations()
	if len(all) == 0 || len(all[0]) == 0 {
		return nil
	}
	return all[0][0]
}

// String describes the state for a person.
func (s state) String() string {
	switch {
	case !s.exists:
		return "absent"
	case s.fixed:
		return fmt.Sprintf("at v%d", s.low)
	}
	return fmt.Sprintf("at some version from v%d on", s.low)
}
