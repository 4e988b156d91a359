package filter

import (
	"cmp"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// View is an Index as it was at one moment. Any number of goroutines may use it.
type View struct {
	live   *roaring.Bitmap
	fields []*field
}

// Rows is where a filter finds what no index tells.
type Rows struct {
	// Find returns the row of a point, if there is one.
	Find func(id flow.PointID) (row uint32, ok bool)
	// Payloads calls each with the payload, nil for none, of every row of the list,
	// in its order, which is ascending. A payload is good until each returns.
	Payloads func(list []uint32, each func(row uint32, payload []byte)) error
}

// Stats counts what Evaluate did.
type Stats struct {
	// Sure is how many rows passed by the indexes alone; Fetched is how many
	// payloads were read.
	Sure, Fetched uint64
}

// fetchRows is how many payloads are asked for at once.
const fetchRows = 1024

// Live returns the rows that there are. It must not be changed.
func (v *View) Live() *roaring.Bitmap { return v.live }

// Evaluate returns exactly the live rows that pass the filter: those that Match says
// pass.
func (v *View) Evaluate(e *Expr, rows Rows) (*roaring.Bitmap, Stats, error) {
	b := v.Bounds(e, rows.Find)
	stats := Stats{Sure: b.Sure.GetCardinality()}
	if b.Maybe.IsEmpty() {
		return b.Sure, stats, nil
	}
	m := b.Matcher()
	var pass []uint32
	list := make([]uint32, fetchRows)
	for it := b.Maybe.ManyIterator(); ; {
		n := it.NextMany(list)
		if n == 0 {
			break
		}
		err := rows.Payloads(list[:n], func(row uint32, payload []byte) {
			stats.Fetched++
			if m(row, payload) {
				pass = append(pass, row)
			}
		})
		if err != nil {
			return nil, stats, err
		}
	}
	all := b.Sure.Clone()
	all.AddMany(pass)
	return all, stats, nil
}

// Bounds is what the indexes know of a filter: rows that pass, and others that pass
// if their payload does. All other rows don't.
type Bounds struct {
	Sure, Maybe *roaring.Bitmap
	e           *Expr
	ids         map[*condition]*roaring.Bitmap
}

// Matcher returns a function that says whether a row with a payload passes. It is for
// one goroutine.
func (b *Bounds) Matcher() func(row uint32, payload []byte) bool {
	m, current := b.e.Matcher(), uint32(0)
	m.hasID = func(c *condition) bool { return b.ids[c].Contains(current) }
	return func(row uint32, payload []byte) bool {
		current = row
		return m.match(payload)
	}
}

// Bounds asks the indexes alone. find returns the row of a point.
func (v *View) Bounds(e *Expr, find func(id flow.PointID) (uint32, bool)) *Bounds {
	if e == nil {
		return &Bounds{Sure: v.live, Maybe: roaring.New()}
	}
	q := &query{v: v, find: find, ids: map[*condition]*roaring.Bitmap{}}
	r := q.clause(e.root, nil, false)
	b := &Bounds{e: e, ids: q.ids, Sure: roaring.New(), Maybe: v.live}
	if r.lo != nil {
		b.Sure = roaring.And(r.lo, v.live)
	}
	if r.hi != nil {
		b.Maybe = roaring.And(r.hi, v.live)
	}
	b.Maybe = roaring.AndNot(b.Maybe, b.Sure)
	if !b.Maybe.IsEmpty() {
		q.idsOf(e.root)
	}
	return b
}

// query is one filter asked of one view.
type query struct {
	v    *View
	find func(id flow.PointID) (uint32, bool)
	ids  map[*condition]*roaring.Bitmap
}

// bounds are two sets of rows: all of lo pass and nothing outside hi does. A nil lo
// is no row, a nil hi every row. The sets are never changed.
type bounds struct{ lo, hi *roaring.Bitmap }

func exactly(b *roaring.Bitmap) bounds { return bounds{lo: b, hi: b} }

func (a bounds) and(b bounds) bounds {
	var r bounds
	if a.lo != nil && b.lo != nil {
		r.lo = roaring.And(a.lo, b.lo)
	}
	switch {
	case a.hi == nil:
		r.hi = b.hi
	case b.hi == nil:
		r.hi = a.hi
	default:
		r.hi = roaring.And(a.hi, b.hi)
	}
	return r
}

func (a bounds) or(b bounds) bounds {
	var r bounds
	switch {
	case a.lo == nil:
		r.lo = b.lo
	case b.lo == nil:
		r.lo = a.lo
	default:
		r.lo = roaring.Or(a.lo, b.lo)
	}
	if a.hi != nil && b.hi != nil {
		r.hi = roaring.Or(a.hi, b.hi)
	}
	return r
}

func (a bounds) not(live *roaring.Bitmap) bounds {
	var r bounds
	if a.hi != nil {
		r.lo = roaring.AndNot(live, a.hi)
	}
	if a.lo != nil {
		r.hi = roaring.AndNot(live, a.lo)
	}
	return r
}

// clause bounds the rows that pass a filter on what is at prefix: the whole payload,
// or, within a nested condition, objects in it. There an index tells of a row only
// that one of its objects has a value, not which one: upper says that only hi counts.
func (q *query) clause(c *clause, prefix path, upper bool) bounds {
	r := bounds{lo: q.v.live, hi: q.v.live}
	must := c.must
	if len(must) > 1 {
		must = q.cheapestFirst(must, prefix)
	}
	for _, cond := range must {
		if r = r.and(q.condition(cond, prefix, upper)); r.hi != nil && r.hi.IsEmpty() {
			return r
		}
	}
	if len(c.should) > 0 {
		any := bounds{hi: roaring.New()}
		for _, cond := range c.should {
			any = any.or(q.condition(cond, prefix, upper))
		}
		r = r.and(any)
	}
	if c.atLeast > 0 {
		r = r.and(q.atLeast(c, prefix, upper))
	}
	for _, cond := range c.mustNot {
		if upper {
			r.lo = nil // that no object has a value is not known
			continue
		}
		r = r.and(q.condition(cond, prefix, false).not(q.v.live))
	}
	return r
}

// cheapestFirst orders conditions by how many rows they look at.
func (q *query) cheapestFirst(list []*condition, prefix path) []*condition {
	cost := make(map[*condition]uint64, len(list))
	for _, c := range list {
		cost[c] = q.estimate(c, prefix)
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *condition) int { return cmp.Compare(cost[a], cost[b]) })
	return list
}

// maxCounting bounds the work of counting conditions: sets times count.
const maxCounting = 4096

// atLeast bounds the rows for which enough conditions hold.
func (q *query) atLeast(c *clause, prefix path, upper bool) bounds {
	if len(c.some) < c.atLeast {
		return bounds{hi: roaring.New()}
	}
	if len(c.some)*c.atLeast > maxCounting {
		return bounds{}
	}
	lo, hi := newCounting(c.atLeast), newCounting(c.atLeast)
	for _, cond := range c.some {
		b := q.condition(cond, prefix, upper)
		if b.lo != nil {
			lo.add(b.lo)
		}
		if b.hi == nil {
			b.hi = q.v.live
		}
		hi.add(b.hi)
	}
	return bounds{lo: lo[c.atLeast-1], hi: hi[c.atLeast-1]}
}

// counting holds, at i, the rows that are in more than i of the sets added.
type counting []*roaring.Bitmap

func newCounting(n int) counting {
	c := make(counting, n)
	for i := range c {
		c[i] = roaring.New()
	}
	return c
}

func (c counting) add(b *roaring.Bitmap) {
	for i := len(c) - 1; i > 0; i-- {
		c[i] = roaring.Or(c[i], roaring.And(c[i-1], b))
	}
	c[0] = roaring.Or(c[0], b)
}

func (q *query) condition(c *condition, prefix path, upper bool) bounds {
	var b bounds
	switch c.op {
	case opFilter:
		return q.clause(c.clause, prefix, upper)
	case opHasID:
		return exactly(q.idsIn(c))
	case opNested:
		b = q.clause(c.clause, append(prefix[:len(prefix):len(prefix)], c.path...), true)
	default:
		if f := q.field(c, prefix); f != nil {
			b = f.bounds(c, q.v.live)
		}
	}
	if upper || c.op == opNested {
		b.lo = nil
	}
	if upper && (c.not || c.op == opIsEmpty) {
		b.hi = nil // absence in one object is not absence in the row
	}
	return b
}

// idsIn returns the rows of the condition's ids.
func (q *query) idsIn(c *condition) *roaring.Bitmap {
	if b := q.ids[c]; b != nil {
		return b
	}
	b := roaring.New()
	for _, id := range c.listedIDs() {
		if row, ok := q.find(id); ok {
			b.Add(row)
		}
	}
	q.ids[c] = b
	return b
}

// idsOf finds the rows of all conditions on ids.
func (q *query) idsOf(c *clause) {
	for _, cond := range c.all() {
		switch cond.op {
		case opHasID:
			q.idsIn(cond)
		case opFilter:
			q.idsOf(cond.clause)
		}
	}
}

// field returns the index of a condition's field, if it is ready.
func (q *query) field(c *condition, prefix path) *field {
	name := c.field
	if len(prefix) > 0 {
		name = append(prefix[:len(prefix):len(prefix)], c.path...).String()
	}
	for _, f := range q.v.fields {
		if f.ready && f.Path == name {
			return f
		}
	}
	return nil
}

// estimate returns about how many rows bounding a condition looks at.
func (q *query) estimate(c *condition, prefix path) uint64 {
	switch c.op {
	case opHasID:
		return uint64(len(c.ids))
	case opFilter, opNested:
		return math.MaxUint64 / 2
	}
	f := q.field(c, prefix)
	if f == nil {
		return math.MaxUint64
	}
	return f.estimate(c)
}
