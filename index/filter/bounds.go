package filter

import (
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// bounds asks an index about a condition on its field.
func (f *field) bounds(c *condition, live *roaring.Bitmap) bounds {
	var b bounds
	switch c.op {
	case opIsEmpty:
		b = exactly(f.flagged(some)).not(live)
	case opIsNull:
		b = exactly(f.flagged(isNull))
	case opExceptStrings, opExceptIntegers:
		b = f.except(c)
	case opCount:
		return bounds{} // how many values a row has is not in an index
	default:
		return f.hits(c)
	}
	if c.not {
		b = b.not(live)
	}
	return b
}

// flagged returns the rows that have a flag.
func (f *field) flagged(x flag) *roaring.Bitmap {
	b := roaring.New()
	f.flags.collect(only(x), b)
	return b
}

// except bounds the rows with a value that is not listed: one of the index's kind, or
// any other that is not null.
func (f *field) except(c *condition) bounds {
	b := f.flagged(other)
	switch {
	case c.op == opExceptStrings && (f.Kind == flow.KeywordField || f.Kind == flow.UUIDField):
		f.strings.collect(selection[string]{pass: func(s string) bool { return !c.strings.has(s) }}, b)
	case c.op == opExceptIntegers && f.Kind == flow.IntegerField:
		f.whole.collect(selection[int64]{pass: func(n int64) bool { return !c.integers.has(n) }}, b)
	default:
		return bounds{hi: f.flagged(some)} // a row without values has none that passes
	}
	return exactly(b)
}

// hits bounds the rows with a value that a condition asks for.
func (f *field) hits(c *condition) bounds {
	b := roaring.New()
	switch {
	case c.op == opString && (f.Kind == flow.KeywordField || f.Kind == flow.UUIDField):
		for _, s := range c.strings.list {
			f.strings.collect(only(s), b)
		}
	case c.op == opInteger && f.Kind == flow.IntegerField:
		for _, n := range c.integers.list {
			f.whole.collect(only(n), b)
		}
	case c.op == opBool && f.Kind == flow.BoolField:
		n := int64(0)
		if c.yes {
			n = 1
		}
		f.whole.collect(only(n), b)
	case c.op == opTimes && f.Kind == flow.DatetimeField:
		f.whole.collect(f.times(c), b)
	case c.op == opGeo && f.Kind == flow.GeoField:
		f.places.collect(f.area(c), b)
	case c.op == opRange && f.Kind == flow.FloatField:
		f.floats.collect(f.numbers(c), b)
	case c.op == opRange && f.Kind == flow.IntegerField:
		f.whole.collect(f.integers(c), b)
		return bounds{lo: b, hi: roaring.Or(b, f.flagged(other))} // numbers with a fraction are others
	case f.Kind == flow.TextField && (c.op == opText || c.op == opTextAny || c.op == opPhrase):
		return f.words(c)
	default:
		return bounds{hi: f.flagged(some)}
	}
	return exactly(b)
}

// words bounds the rows with tokens: two of them may be in two texts of a row, so that
// only one tells for sure.
func (f *field) words(c *condition) bounds {
	r := exactly(roaring.New())
	for i, token := range c.tokens {
		b := roaring.New()
		f.strings.collect(only(token), b)
		switch {
		case i == 0:
			r = exactly(b)
		case c.op == opTextAny:
			r = r.or(exactly(b))
		default:
			r = r.and(exactly(b))
		}
	}
	if len(c.tokens) > 1 && c.op != opTextAny {
		r.lo = nil
	}
	return r
}

func (f *field) times(c *condition) selection[int64] {
	return selection[int64]{lo: c.times.lo, hi: c.times.hi, hasLo: c.times.hasLo, hasHi: c.times.hasHi, pass: c.times.holds}
}

func (f *field) numbers(c *condition) selection[float64] {
	return selection[float64]{lo: c.numbers.lo, hi: c.numbers.hi, hasLo: c.numbers.hasLo, hasHi: c.numbers.hasHi, pass: c.numbers.holds}
}

// integers selects the integers whose float64 is in a range of numbers. Large ones are
// rounded, by less than slack.
func (f *field) integers(c *condition) selection[int64] {
	const slack, limit = 2048, math.MaxInt64 - 4096
	s := selection[int64]{pass: func(n int64) bool { return c.numbers.holds(float64(n)) }}
	if r := &c.numbers; r.hasLo && r.lo < limit {
		s.lo, s.hasLo = int64(max(r.lo, -limit))-slack, true
	}
	if r := &c.numbers; r.hasHi && r.hi > -limit {
		s.hi, s.hasHi = int64(min(r.hi, limit))+slack, true
	}
	return s
}

func (f *field) area(c *condition) selection[place] {
	lo, hi := c.area.latitudes()
	return selection[place]{
		lo: place{lat: lo, lon: math.Inf(-1)}, hi: place{lat: hi, lon: math.Inf(1)}, hasLo: true, hasHi: true,
		pass: c.area.holds,
	}
}

// estimate returns about how many rows bounds looks at.
func (f *field) estimate(c *condition) uint64 {
	n := uint64(0)
	switch {
	case c.op == opString:
		for _, s := range c.strings.list {
			n += f.strings.estimate(only(s))
		}
	case c.op == opInteger:
		for _, v := range c.integers.list {
			n += f.whole.estimate(only(v))
		}
	case c.op == opTimes:
		n = f.whole.estimate(f.times(c))
	case c.op == opRange && f.Kind == flow.FloatField:
		n = f.floats.estimate(f.numbers(c))
	case c.op == opRange && f.Kind == flow.IntegerField:
		n = f.whole.estimate(f.integers(c))
	case c.op == opGeo:
		n = f.places.estimate(f.area(c))
	case len(c.tokens) > 0:
		n = f.strings.estimate(only(c.tokens[0]))
	default:
		n = f.flags.estimate(only(some))
	}
	return n
}
