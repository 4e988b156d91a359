package linearizability

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// order sorts the changes with a version and bounds when each took effect: not
// before a lower version could, nor after a higher one must have; not after an
// answer showed it, nor, for the next one, before a linearizable read that did not.
// An answer that contradicts the other bounds is left to its own check.
func (p *pointHistory) order() {
	for _, c := range p.changes {
		if c.version != 0 {
			c.earliest, c.latest = c.call, c.ret
			p.effects = append(p.effects, c)
		} else if !c.open && c.unanswered() {
			p.opaque = true
		}
	}
	slices.SortStableFunc(p.effects, func(a, b *change) int { return cmp.Compare(a.version, b.version) })
	for i := 1; i < len(p.effects); i++ {
		if a, b := p.effects[i-1], p.effects[i]; a.version == b.version {
			p.blame("point", []*Operation{a.op, b.op}, "two requests changed the point at version %d", a.version)
		}
	}
	p.settleAfters()
	p.spread()
	for _, s := range p.sights {
		if n := p.upTo(s.version); n > 0 && p.effects[n-1].earliest <= s.op.ret {
			p.effects[n-1].latest = min(p.effects[n-1].latest, s.op.ret)
		}
	}
	p.spread()
	for _, s := range p.sights {
		n := p.upTo(s.version)
		if n < len(p.effects) && s.op.level() == flow.Linearizable && s.op.call <= p.effects[n].latest {
			p.effects[n].notBefore(s.op.call, s.op)
		}
	}
	p.spread()
}

// settleAfters works out which conditions held in changes of several Ops that were
// not answered, from the state before them.
func (p *pointHistory) settleAfters() {
	open := slices.ContainsFunc(p.changes, func(c *change) bool { return c.open })
	for i, c := range p.effects {
		if len(c.afters) == 1 {
			continue
		}
		before := state{value: p.after(i - 1)}
		if i > 0 {
			before.low, before.fixed = p.effects[i-1].version, before.exists
		}
		m := model{versions: []uint64{c.version}}
		at, after := -1, m.change(before, c)
		if len(after) == 1 {
			at = slices.Index(c.afters, after[0].value)
		}
		if open || at < 0 {
			p.opaque = true
			return
		}
		c.afters, c.vectors = c.afters[at:at+1], c.vectors[at:at+1]
	}
}

// spread carries the bounds along the order of versions.
func (p *pointHistory) spread() {
	for i := 1; i < len(p.effects); i++ {
		p.effects[i].notBefore(p.effects[i-1].earliest, p.effects[i-1].unseen)
	}
	for i := len(p.effects) - 2; i >= 0; i-- {
		p.effects[i].latest = min(p.effects[i].latest, p.effects[i+1].latest)
	}
}

// notBefore says that the effect was not there before a time, as a read shows.
func (c *change) notBefore(at int64, unseen *Operation) {
	if at > c.earliest {
		c.earliest, c.unseen = at, unseen
	}
}

// upTo returns how many effects have at most the version.
func (p *pointHistory) upTo(version uint64) int {
	return sort.Search(len(p.effects), func(i int) bool { return p.effects[i].version > version })
}

// window is when the state that an answer shows was current.
type window struct {
	// floor: what took effect at or before it was there.
	floor int64
	// ceil: what took effect after it was not.
	ceil int64
	// token: versions up to it were there.
	token uint64
	// pass is the read's filter, nil for none.
	pass func(value) bool
	// index, if not 0, is the applied index of the answer: exactly the versions up
	// to it were there.
	index uint64
}

// window returns the window of a read's answer for a point, as its level allows.
func (p *partition) window(op *Operation, ph *pointHistory) window {
	w := window{floor: -1, ceil: op.ret, pass: p.pass(op, ph)}
	r, info := op.readOptions(), op.info()
	switch r.Level {
	case flow.Linearizable:
		w.floor = op.call
	case flow.Bounded:
		w.floor = min(op.call, p.h.before(p.o.since(op.Call, r.MaxStaleness)))
	}
	if p.o.ShardOf != nil {
		w.index = info.Shards.Index(ph.shard)
		if r.Level == flow.Session {
			w.token = r.Token.Index(ph.shard)
		}
	}
	return w
}

// span is what a window allows of a point: effects[lo..hi], where -1 is absence
// before the first, and the open changes that may have happened by its end.
type span struct {
	lo, hi int
	open   []*change
	pass   func(value) bool
	// wrong says why the answer's index does not fit the window; "" when it does.
	wrong string
}

func (p *pointHistory) span(w window) span {
	n := len(p.effects)
	s := span{lo: -1, pass: w.pass}
	s.lo = sort.Search(n, func(i int) bool { return p.effects[i].latest > w.floor }) - 1
	s.lo = max(s.lo, p.upTo(w.token)-1)
	s.hi = sort.Search(n, func(i int) bool { return p.effects[i].earliest > w.ceil }) - 1
	s.hi = max(s.hi, s.lo)
	for _, c := range p.changes {
		if c.open && c.call <= w.ceil {
			s.open = append(s.open, c)
		}
	}
	if w.index == 0 {
		return s
	}
	at := p.upTo(w.index) - 1
	if at < s.lo {
		s.wrong = fmt.Sprintf("it was answered at index %d of the shard, without %s", w.index, p.had(s.lo, w))
	} else if at > s.hi {
		s.wrong = fmt.Sprintf("it was answered at index %d of the shard, which holds v%d from after the answer: %s", w.index, p.effects[at].version, p.effects[at].future())
	}
	s.lo, s.hi = at, at
	return s
}

// future says how it is known that the effect came after an answer.
func (c *change) future() string {
	if c.unseen != nil {
		return "a linearizable read that began after the answer did not see it yet"
	}
	return "it had not begun before the answer"
}

// had describes an effect that an answer had to hold.
func (p *pointHistory) had(i int, w window) string {
	v := p.effects[i].version
	if v <= w.token {
		return fmt.Sprintf("v%d, which the session token covers", v)
	}
	return fmt.Sprintf("v%d, which was there before", v)
}

// after returns the one state that effect i leaves.
func (p *pointHistory) after(i int) value {
	if i < 0 {
		return value{}
	}
	return p.effects[i].afters[0]
}

// judge says what is wrong with what an answer shows of the point, "" for nothing.
func (p *pointHistory) judge(w window, s seen) string {
	if p.opaque {
		return ""
	}
	sp := p.span(w)
	if sp.wrong != "" {
		return sp.wrong
	}
	if !s.found {
		if p.mayLack(sp) {
			return ""
		}
		return "the point is not in the answer, though it was there throughout" + p.last(sp)
	}
	_, wrong := p.source(sp, w, s)
	return wrong
}

// last names the latest effect that a span allows.
func (p *pointHistory) last(sp span) string {
	if sp.hi < 0 {
		return ""
	}
	return fmt.Sprintf(" (v%d)", p.effects[sp.hi].version)
}

// mayLack says whether the point may have been absent, or not have passed the filter.
func (p *pointHistory) mayLack(sp span) bool {
	for i := sp.lo; i <= sp.hi; i++ {
		if !sp.holds(p.after(i)) {
			return true
		}
	}
	return slices.ContainsFunc(sp.open, func(c *change) bool {
		return slices.ContainsFunc(c.afters, func(v value) bool { return !sp.holds(v) })
	})
}

// mayHold says whether the point may have been there.
func (p *pointHistory) mayHold(sp span) bool {
	return len(p.vectors(sp)) > 0
}

// vectors returns the vectors that the point may have had.
func (p *pointHistory) vectors(sp span) []flow.Vector {
	var vs []flow.Vector
	for i := max(sp.lo, 0); i <= sp.hi; i++ {
		if sp.holds(p.after(i)) {
			vs = append(vs, p.effects[i].vectors[0])
		}
	}
	for _, c := range sp.open {
		for i, v := range c.afters {
			if sp.holds(v) {
				vs = append(vs, c.vectors[i])
			}
		}
	}
	return vs
}

// source returns the vectors that the seen version may have, or what is wrong
// with seeing it.
func (p *pointHistory) source(sp span, w window, s seen) ([]flow.Vector, string) {
	n := p.upTo(s.version)
	if n == 0 || p.effects[n-1].version != s.version {
		return p.openSource(sp, w, s)
	}
	c, v := p.effects[n-1], p.after(n-1)
	switch {
	case !v.exists:
		return nil, fmt.Sprintf("v%d is the version of a delete", s.version)
	case !s.agrees(v):
		return nil, fmt.Sprintf("what it holds is not what was written at v%d", s.version)
	case !sp.holds(v):
		return nil, fmt.Sprintf("what it holds at v%d does not pass the filter", s.version)
	case n-1 < sp.lo && w.index == 0:
		return nil, fmt.Sprintf("v%d is too old: the answer lacks %s", s.version, p.had(sp.lo, w))
	case n-1 > sp.hi && w.index == 0:
		return nil, fmt.Sprintf("v%d is from the future: %s", s.version, c.future())
	case n-1 < sp.lo || n-1 > sp.hi:
		return nil, fmt.Sprintf("v%d is not the point's version at index %d of the shard, at which it was answered", s.version, w.index)
	}
	return c.vectors, ""
}

// openSource is source for a version that no answer names.
func (p *pointHistory) openSource(sp span, w window, s seen) ([]flow.Vector, string) {
	n := p.upTo(s.version) - 1
	var vs []flow.Vector
	for _, c := range sp.open {
		for i, v := range c.afters {
			if sp.holds(v) && s.agrees(v) {
				vs = append(vs, c.vectors[i])
			}
		}
	}
	switch {
	case len(vs) == 0:
		return nil, fmt.Sprintf("no write that had begun can have made v%d as it was seen", s.version)
	case n < sp.lo:
		return nil, fmt.Sprintf("v%d is too old: the answer lacks %s", s.version, p.had(sp.lo, w))
	case n > sp.hi:
		return nil, fmt.Sprintf("v%d is from the future: so is the lower v%d: %s", s.version, p.effects[n].version, p.effects[n].future())
	case w.index != 0 && s.version > w.index:
		return nil, fmt.Sprintf("v%d is above index %d of the shard, at which it was answered", s.version, w.index)
	}
	return vs, ""
}
