package filter

import flow "github.com/ruvector-flow/ruvector-flow"

// Matcher asks one filter about many points. It keeps memory between them, and is
// for one goroutine at a time.
type Matcher struct {
	e     *Expr
	doc   document
	found []uint32 // a stack of the values that paths lead to
	id    flow.PointID
	// hasID answers conditions on the id, if id is not set.
	hasID func(c *condition) bool
}

// Matcher returns a matcher of the filter.
func (e *Expr) Matcher() *Matcher {
	m := &Matcher{e: e}
	if e != nil {
		m.doc.keys = e.keys
	}
	return m
}

// Match is Expr.Match.
func (m *Matcher) Match(id flow.PointID, payload []byte) bool {
	m.id = id
	return m.match(payload)
}

func (m *Matcher) match(payload []byte) bool {
	if m.e == nil {
		return true
	}
	m.doc.read(payload)
	return m.clause(m.e.root, 0)
}

// clause says whether a filter holds for the object at a value of the document.
func (m *Matcher) clause(c *clause, at uint32) bool {
	for _, cond := range c.must {
		if !m.condition(cond, at) {
			return false
		}
	}
	for _, cond := range c.mustNot {
		if m.condition(cond, at) {
			return false
		}
	}
	return (len(c.should) == 0 || m.count(c.should, 1, at)) && m.count(c.some, c.atLeast, at)
}

// count says whether enough of the conditions hold.
func (m *Matcher) count(list []*condition, enough int, at uint32) bool {
	for i := 0; enough > 0 && i < len(list); i++ {
		if m.condition(list[i], at) {
			enough--
		}
	}
	return enough <= 0
}

func (m *Matcher) condition(c *condition, at uint32) bool {
	switch c.op {
	case opFilter:
		return m.clause(c.clause, at)
	case opHasID:
		if m.hasID != nil {
			return m.hasID(c)
		}
		return c.ids[m.id]
	}
	base := len(m.found)
	m.found = m.doc.at(at, c.path, m.found)
	yes := m.values(c, base, len(m.found))
	m.found = m.found[:base]
	return yes
}

// values asks a condition about the values m.found[from:to] of its field. A filter in
// it uses the stack above them.
func (m *Matcher) values(c *condition, from, to int) bool {
	switch c.op {
	case opIsEmpty:
		return m.doc.isEmpty(m.found[from:to]) != c.not
	case opIsNull:
		return m.doc.isNull(m.found[from:to]) != c.not
	}
	for i := from; i < to; i++ {
		at := m.found[i]
		v := &m.doc.values[at]
		switch {
		case c.op == opNested:
			if v.kind == object && m.clause(c.clause, at) {
				return true
			}
		case c.op == opCount:
			n := uint64(1)
			if v.kind == null {
				n = 0
			} else if v.kind == array {
				n = m.doc.length(at)
			}
			if c.counts.holds(n) {
				return true
			}
		case v.kind == array:
			for e := at + 1; e < v.next; e = m.doc.values[e].next {
				if m.value(c, e) {
					return true
				}
			}
		case m.value(c, at):
			return true
		}
	}
	return false
}

// value asks a condition about one value.
func (m *Matcher) value(c *condition, at uint32) bool {
	v := &m.doc.values[at]
	switch c.op {
	case opBool:
		return v.kind == boolean && v.escaped == c.yes
	case opInteger, opExceptIntegers:
		if v.kind == number {
			if n, ok := m.doc.integer(v); ok {
				return c.integers.has(n) == (c.op == opInteger)
			}
		}
		return c.op == opExceptIntegers && v.kind != null
	case opString, opExceptStrings:
		if v.kind == text {
			return m.listed(c, v) == (c.op == opString)
		}
		return c.op == opExceptStrings && v.kind != null
	case opRange:
		return v.kind == number && m.inRange(c, v)
	case opGeo:
		place, ok := m.doc.place(at)
		return ok && c.area.holds(place)
	}
	return v.kind == text && m.text(c, v)
}

// listed says whether a text is in the condition's list.
func (m *Matcher) listed(c *condition, v *value) bool {
	if v.escaped || len(c.strings.list) > few {
		return c.strings.has(m.doc.string(v))
	}
	for _, s := range c.strings.list {
		if string(m.doc.b[v.start:v.end]) == s {
			return true
		}
	}
	return false
}

// inRange: a number that no float64 is near is in no range.
func (m *Matcher) inRange(c *condition, v *value) bool {
	x := m.doc.float(v)
	return x == x && c.numbers.holds(x)
}

// text asks a condition about a text.
func (m *Matcher) text(c *condition, v *value) bool {
	s := m.doc.string(v)
	switch c.op {
	case opTimes:
		t, ok := parseTime(s)
		return ok && c.times.holds(t)
	case opText:
		return hasAll(s, c.tokens)
	case opTextAny:
		return hasAny(s, c.tokens)
	case opPhrase:
		return hasPhrase(s, c.tokens)
	}
	return false
}
