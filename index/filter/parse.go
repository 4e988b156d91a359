package filter

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// parser reads a filter and counts what it holds.
type parser struct {
	s          *scan.Scanner
	conditions int
	listed     int
	// nested says that the conditions are about an object in an array.
	nested bool
}

// filter reads an object of must, should, must_not and min_should.
func (p *parser) filter(depth int) (*clause, *scan.Error) {
	if depth > MaxDepth {
		return nil, scan.Wrong("", "nested more than %d deep", MaxDepth)
	}
	c := &clause{}
	return c, p.s.Object(func(key []byte) *scan.Error {
		known, err := p.member(c, string(key), depth)
		if !known {
			return scan.Wrong(string(key), "unknown field; a filter has must, should, must_not and min_should")
		}
		return err
	})
}

// member reads a member of a filter, if key names one.
func (p *parser) member(c *clause, key string, depth int) (known bool, err *scan.Error) {
	switch key {
	case "must":
		err = p.list(&c.must, depth)
	case "should":
		err = p.list(&c.should, depth)
	case "must_not":
		err = p.list(&c.mustNot, depth)
	case "min_should":
		err = p.minShould(c, depth)
	default:
		return false, nil
	}
	return true, err.In(key)
}

// list reads one condition, a list of them, or null.
func (p *parser) list(to *[]*condition, depth int) *scan.Error {
	if p.s.Null() {
		return nil
	}
	one := func() *scan.Error {
		cond, err := p.condition(depth)
		if err == nil {
			*to = append(*to, cond)
		}
		return err
	}
	if p.s.Peek() != '[' {
		return one()
	}
	return p.s.Array(func(i int) *scan.Error { return one().In(index(i)) })
}

func (p *parser) minShould(c *clause, depth int) *scan.Error {
	if p.s.Null() {
		return nil
	}
	hasCount := false
	err := p.s.Object(func(key []byte) *scan.Error {
		switch string(key) {
		case "conditions":
			return p.list(&c.some, depth).In("conditions")
		case "min_count":
			n, err := p.s.Uint()
			c.atLeast, hasCount = int(min(n, MaxConditions+1)), true
			return err.In("min_count")
		}
		return scan.Wrong(string(key), "unknown field; min_should has conditions and min_count")
	})
	if err == nil && !hasCount {
		return scan.Wrong("min_count", "missing")
	}
	return err
}

// draft is a condition whose members are being read.
type draft struct {
	cond   condition
	clause *clause
	key    string
	hasKey bool
	// asks names the members that make it a condition; there must be one.
	asks []string
	// onField says that the condition needs a key.
	onField bool
}

// condition reads a condition: of a field, of the point, or a filter.
func (p *parser) condition(depth int) (*condition, *scan.Error) {
	if p.conditions++; p.conditions > MaxConditions {
		return nil, scan.Wrong("", "more than %d conditions", MaxConditions)
	}
	d := &draft{}
	err := p.s.Object(func(key []byte) *scan.Error { return p.conditionMember(d, string(key), depth) })
	if err != nil {
		return nil, err
	}
	return d.finish()
}

func (p *parser) conditionMember(d *draft, key string, depth int) *scan.Error {
	c := &clause{}
	if d.clause != nil {
		c = d.clause
	}
	if known, err := p.member(c, key, depth+1); known {
		if d.clause == nil {
			d.clause = c
			d.asks = append(d.asks, key)
		}
		return err
	}
	switch key {
	case "key":
		text, err := p.s.Text()
		d.key, d.hasKey = text, true
		return err.In(key)
	case "has_vector":
		return scan.Wrong(key, "not supported: points have one vector")
	}
	read := asker(key)
	if read == nil {
		return scan.Wrong(key, "unknown field; a condition has key with match, range, geo_bounding_box, geo_radius, geo_polygon, values_count, is_empty or is_null, or it has is_empty, is_null, has_id, nested, or the members of a filter")
	}
	if p.s.Null() {
		return nil
	}
	d.asks = append(d.asks, key)
	return read(p, d, depth).In(key)
}

// asker returns what reads a member that asks something, or nil.
func asker(key string) func(p *parser, d *draft, depth int) *scan.Error {
	switch key {
	case "match":
		return (*parser).match
	case "range":
		return (*parser).span
	case "geo_bounding_box":
		return (*parser).box
	case "geo_radius":
		return (*parser).radius
	case "geo_polygon":
		return (*parser).polygon
	case "values_count":
		return (*parser).count
	case "is_empty":
		return func(p *parser, d *draft, _ int) *scan.Error { return p.absence(d, opIsEmpty) }
	case "is_null":
		return func(p *parser, d *draft, _ int) *scan.Error { return p.absence(d, opIsNull) }
	case "has_id":
		return (*parser).hasID
	case "nested":
		return (*parser).nest
	}
	return nil
}

// finish makes a condition of what was read.
func (d *draft) finish() (*condition, *scan.Error) {
	switch {
	case len(d.asks) == 0 && d.hasKey:
		return nil, scan.Wrong("", "the condition on %q asks nothing: match, range, geo_bounding_box, geo_radius, geo_polygon, values_count, is_empty or is_null is missing", d.key)
	case len(d.asks) == 0: // {}: a filter that asks nothing
		return &condition{op: opFilter, clause: &clause{}}, nil
	case len(d.asks) > 1:
		return nil, scan.Wrong(d.asks[1], "a condition asks one thing, and this one has %s too; put each in a condition of its own", d.asks[0])
	case d.clause != nil:
		d.cond = condition{op: opFilter, clause: d.clause}
	}
	switch {
	case d.onField && !d.hasKey:
		return nil, scan.Wrong("key", "missing")
	case d.hasKey && !d.onField:
		return nil, scan.Wrong("key", "%s needs none", d.asks[0])
	case d.onField:
		if err := d.cond.setPath(d.key); err != nil {
			return nil, err.In("key")
		}
	}
	return &d.cond, nil
}

func (c *condition) setPath(text string) *scan.Error {
	path, why := parsePath(text)
	if why != "" {
		return scan.Wrong("", "%q is no path: %s", text, why)
	}
	c.path, c.field = path, path.String()
	return nil
}

// absence reads {"key": path}, or the boolean of a condition on a field.
func (p *parser) absence(d *draft, what op) *scan.Error {
	d.cond.op = what
	if c := p.s.Peek(); c == 't' || c == 'f' {
		yes, err := p.s.Bool()
		d.cond.not, d.onField = !yes, true
		return err
	}
	hasKey := false
	err := p.s.Object(func(key []byte) *scan.Error {
		if string(key) != "key" {
			return scan.Wrong(string(key), "unknown field; expected key")
		}
		text, err := p.s.Text()
		if err == nil {
			hasKey, err = true, d.cond.setPath(text)
		}
		return err.In("key")
	})
	if err == nil && !hasKey {
		return scan.Wrong("key", "missing")
	}
	return err
}

func (p *parser) hasID(d *draft, _ int) *scan.Error {
	if p.nested {
		return scan.Wrong("", "not allowed within nested: put it beside it")
	}
	d.cond.op, d.cond.ids = opHasID, map[flow.PointID]bool{}
	return p.s.Array(func(i int) *scan.Error {
		id, err := p.s.ID()
		if err == nil {
			d.cond.ids[id] = true
			err = p.count1()
		}
		return err.In(index(i))
	})
}

func (p *parser) nest(d *draft, depth int) *scan.Error {
	outer := p.nested
	p.nested = true
	defer func() { p.nested = outer }()
	d.cond.op = opNested
	err := p.s.Object(func(key []byte) (err *scan.Error) {
		switch string(key) {
		case "key":
			var text string
			if text, err = p.s.Text(); err == nil {
				err = d.cond.setPath(text)
			}
			return err.In("key")
		case "filter":
			d.cond.clause, err = p.filter(depth + 1)
			return err.In("filter")
		}
		return scan.Wrong(string(key), "unknown field; nested has key and filter")
	})
	switch {
	case err != nil:
		return err
	case d.cond.path == nil:
		return scan.Wrong("key", "missing")
	case d.cond.clause == nil:
		return scan.Wrong("filter", "missing")
	}
	d.cond.path = d.cond.path.each()
	d.cond.field = d.cond.path.String()
	return nil
}

// count1 counts a listed value.
func (p *parser) count1() *scan.Error {
	if p.listed++; p.listed > MaxListed {
		return scan.Wrong("", "the filter lists more than %d values", MaxListed)
	}
	return nil
}

// listedIDs returns the ids in order.
func (c *condition) listedIDs() []flow.PointID {
	ids := make([]flow.PointID, 0, len(c.ids))
	for id := range c.ids { // order-free: sorted below
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
