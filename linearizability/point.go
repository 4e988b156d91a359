package linearizability

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// CheckPoints says whether every point of every collection, alone, is linearizable:
// its writes and its linearizable gets have an order that respects real time and
// explains every answer, with versions that rise; that no request was applied to a
// point twice; and, with ShardOf, that the Ops of one request on one shard share
// one version. Every point starts absent, and collections are not dropped: a name
// stands for one collection throughout a history.
func CheckPoints(h *History, o Options) Verdict {
	p := newPartition(h, o)
	for _, ph := range p.points {
		if ph.fault != nil {
			return p.verdict(ph, ph.fault.check, ph.fault.reason, ph.fault.ops)
		}
	}
	if v := p.checkBatches(); !v.OK {
		return v
	}
	for _, ph := range p.points {
		if v := p.checkPoint(ph); !v.OK {
			return v
		}
	}
	return Verdict{OK: true}
}

// checkBatches says whether the parts of requests kept together, shard by shard.
func (p *partition) checkBatches() Verdict {
	type part struct {
		op    *Operation
		shard flow.ShardID
	}
	at := map[part]uint64{}
	for _, ph := range p.points {
		for _, c := range ph.changes {
			if p.o.ShardOf == nil || c.version == 0 {
				continue
			}
			k := part{c.op, ph.shard}
			if v := at[k]; v != 0 && v != c.version {
				return p.verdict(nil, "point", fmt.Sprintf("%s changed shard %v at version %d and at version %d, so not in one place of its order",
					requestName(c.op), ph.shard, v, c.version), []*Operation{c.op})
			}
			at[k] = c.version
		}
	}
	return Verdict{OK: true}
}

// event is the input of the model: a change or a lookup of one point.
type event struct {
	change    *change
	lookup    *lookup
	call, ret int64
}

func (e event) op() *Operation {
	if e.change != nil {
		return e.change.op
	}
	return e.lookup.op
}

// definite says that the event happened for certain.
func (e event) definite() bool { return e.change == nil || !e.change.open }

// events returns a point's changes and linearizable gets in order of call.
func (p *pointHistory) events() []event {
	var es []event
	for _, c := range p.changes {
		es = append(es, event{change: c, call: c.call, ret: c.ret})
	}
	for _, l := range p.reads {
		es = append(es, event{lookup: l, call: l.op.call, ret: l.op.ret})
	}
	slices.SortStableFunc(es, func(a, b event) int { return cmp.Compare(a.call, b.call) })
	return es
}

// checkPoint looks for an order of one point's events that explains them.
func (p *partition) checkPoint(ph *pointHistory) Verdict {
	es := ph.events()
	limit := cmp.Or(p.o.MaxSteps, DefaultMaxSteps)
	switch legal, exceeded := explainable(es, limit); {
	case legal:
		return Verdict{OK: true}
	case exceeded:
		return p.verdict(ph, "point", fmt.Sprintf("no verdict after %d steps over %d operations; resolve unknown outcomes with a Record or raise MaxSteps", limit, len(es)), nil)
	}
	return p.explain(ph, es, limit)
}

// explainable says whether the events have an order that explains them, or
// whether the search for one gave up.
func explainable(es []event, maxSteps int) (legal, exceeded bool) {
	m := newModel(es, maxSteps)
	legal = porcupine.CheckOperations(m.porcupine(), operations(es))
	return legal && !m.exceeded(), m.exceeded()
}

func operations(es []event) []porcupine.Operation {
	ops := make([]porcupine.Operation, len(es))
	for i, e := range es {
		ops[i] = porcupine.Operation{ClientId: e.op().Client, Input: e, Call: e.call, Return: e.ret}
	}
	return ops
}

// state is the model's state of a point.
type state struct {
	value
	// low is the version of the last change if fixed, else the least it can be.
	low   uint64
	fixed bool
	// rank counts the changes with a known version that happened, definite all
	// definite events that did.
	rank, definite int
	// unseen says that the last event was one of unknown outcome.
	unseen bool
}

// model is a point as a sequential object. Versions known beforehand must be
// taken in their order, which leaves little to search; a change without one takes
// a version between its neighbours', settled when somebody sees it.
//
// An event of unknown outcome may take effect only where the next event depends
// on it, or, without effect, after all definite ones: any other place can be left
// out, since an effect that is overwritten unseen is no effect.
type model struct {
	versions []uint64 // known ones, ascending
	definite int      // number of definite events
	steps    int
	maxSteps int
}

func newModel(es []event, maxSteps int) *model {
	m := &model{maxSteps: maxSteps}
	for _, e := range es {
		if e.definite() {
			m.definite++
		}
		if e.change != nil && e.change.version != 0 {
			m.versions = append(m.versions, e.change.version)
		}
	}
	slices.Sort(m.versions)
	return m
}

// exceeded says that the search gave up; its result means nothing then.
func (m *model) exceeded() bool { return m.steps > m.maxSteps }

func (m *model) porcupine() porcupine.Model {
	n := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{}} },
		Step: func(s, in, _ any) []any {
			m.steps++
			if m.exceeded() {
				return nil
			}
			var next []any
			for _, n := range m.step(s.(state), in.(event)) {
				next = append(next, n)
			}
			return next
		},
		Hash: func(s any) uint64 { return s.(state).hash() },
	}
	return n.ToModel()
}

func (s state) hash() uint64 {
	h := s.low*0x9e3779b97f4a7c15 ^ s.vector ^ s.payload<<1 ^ uint64(s.rank)<<32 ^ uint64(s.definite)
	if s.fixed {
		h = ^h
	}
	return h
}

// step returns the states that an event can lead to, none when it cannot follow.
func (m *model) step(s state, e event) []state {
	c := e.change
	if c == nil {
		s, ok := m.look(s, e.lookup)
		if !ok {
			return nil
		}
		s.unseen = false
		s.definite++
		return []state{s}
	}
	if c.open && s.definite == m.definite {
		return []state{s} // it never happened
	}
	if s.unseen && c.blind() {
		return nil
	}
	next := m.change(s, c)
	for i := range next {
		next[i].unseen = c.open && c.version == 0
		if !c.open {
			next[i].definite++
		}
	}
	return next
}

func (m *model) look(s state, l *lookup) (state, bool) {
	if !l.found || !s.exists {
		return s, l.found == s.exists
	}
	return m.fix(s, l.version, l.agrees(s.value))
}

// fix returns the state in which the point has the version, if it can and cond holds.
func (m *model) fix(s state, version uint64, cond bool) (state, bool) {
	switch {
	case !cond || !s.exists:
		return s, false
	case s.fixed:
		return s, s.low == version
	case version < s.low || s.rank < len(m.versions) && version >= m.versions[s.rank]:
		return s, false
	}
	s.low, s.fixed = version, true
	return s, true
}

// blind says that what the change finds makes no difference to it.
func (c *change) blind() bool {
	for i, sub := range c.subs {
		if c.results[i].Status != flow.Failed {
			return !sub.If && (sub.Kind == flow.Upsert || c.open && c.version == 0)
		}
	}
	return true
}

// change returns the states that a change can lead to: more than one only when
// the conditions of several Ops were not answered and the version is not known.
func (m *model) change(s state, c *change) []state {
	if c.version != 0 && (s.rank >= len(m.versions) || m.versions[s.rank] != c.version || c.version <= s.low) {
		return nil
	}
	states := []state{s}
	for i := range c.subs {
		var next []state
		for _, n := range states {
			next = append(next, m.sub(n, c, i, cmp.Or(c.version, s.low+1))...)
		}
		states = next
	}
	if c.version != 0 {
		for i := range states {
			states[i].rank++
		}
	}
	return slices.DeleteFunc(states, func(n state) bool {
		changed := n.low != s.low || n.exists != s.exists
		return (c.open || c.version != 0) && !changed || n.rank < len(m.versions) && n.low >= m.versions[n.rank]
	})
}

// sub applies one Op of a change, which must meet its answer where it has one. An
// effect takes the version at, which is the least possible when it is not known.
func (m *model) sub(s state, c *change, i int, at uint64) []state {
	op, r, ok := c.subs[i], c.results[i], true
	switch r.Status {
	case flow.Failed:
	case flow.Applied:
		s, ok = m.condition(s, op)
		ok = ok && (op.Kind == flow.Upsert || s.exists)
		s = s.put(op, at, c.version)
	case flow.Absent:
		ok = op.Kind == flow.Delete && !s.exists && (!op.If || op.IfVersion == 0)
	case flow.Conflicted:
		if r.Version == 0 {
			ok = op.If && !s.exists && op.IfVersion != 0
		} else {
			s, ok = m.fix(s, r.Version, op.If && op.IfVersion != r.Version)
		}
	default:
		return m.unanswered(s, op, at, c.version)
	}
	if !ok {
		return nil
	}
	return []state{s}
}

// unanswered applies an Op of which nothing was told.
func (m *model) unanswered(s state, op flow.Op, at, version uint64) []state {
	held, ok := m.condition(s, op)
	if !ok || op.Kind == flow.Delete && !held.exists {
		return []state{s}
	}
	next := []state{held.put(op, at, version)}
	if held != s { // the condition settled the version; it may as well be another
		next = append(next, s)
	}
	return next
}

// condition returns the state in which the Op's condition holds, if it can.
func (m *model) condition(s state, op flow.Op) (state, bool) {
	switch {
	case !op.If:
		return s, true
	case op.IfVersion == 0:
		return s, !s.exists
	}
	return m.fix(s, op.IfVersion, true)
}

// put changes the point at a version, which is settled unless version is 0.
func (s state) put(op flow.Op, at, version uint64) state {
	s.value, s.low, s.fixed = valueOf(op), at, version != 0 && op.Kind == flow.Upsert
	return s
}
