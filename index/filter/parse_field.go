package filter

import (
	"strconv"

	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// match reads what a value must equal or hold.
func (p *parser) match(d *draft, _ int) *scan.Error {
	d.onField = true
	asks := ""
	err := p.s.Object(func(key []byte) (err *scan.Error) {
		if p.s.Null() {
			return nil
		}
		name := string(key)
		if asks != "" {
			return scan.Wrong(name, "a match has one member, and this one has %s too", asks)
		}
		asks = name
		switch name {
		case "value":
			err = p.matchValue(&d.cond)
		case "any":
			err = p.matchList(&d.cond, opString, opInteger)
		case "except":
			err = p.matchList(&d.cond, opExceptStrings, opExceptIntegers)
		case "text":
			err = p.matchText(&d.cond, opText)
		case "text_any":
			err = p.matchText(&d.cond, opTextAny)
		case "phrase":
			err = p.matchText(&d.cond, opPhrase)
		default:
			return scan.Wrong(name, "unknown field; a match has value, any, except, text, text_any or phrase")
		}
		return err.In(name)
	})
	if err == nil && asks == "" {
		return scan.Wrong("", "a match needs value, any, except, text, text_any or phrase")
	}
	return err
}

func (p *parser) matchValue(c *condition) *scan.Error {
	switch b := p.s.Peek(); {
	case b == '"':
		text, err := p.s.Text()
		c.op, c.strings = opString, newSet([]string{text})
		return err
	case b == 't' || b == 'f':
		yes, err := p.s.Bool()
		c.op, c.yes = opBool, yes
		return err
	case b == '-' || b >= '0' && b <= '9':
		n, err := p.integer()
		c.op, c.integers = opInteger, newSet([]int64{n})
		return err
	}
	return p.s.Expected("a string, an integer or a boolean")
}

// integer reads an integer of 64 bits.
func (p *parser) integer() (int64, *scan.Error) {
	text, err := p.s.Skip()
	if err != nil {
		return 0, err
	}
	n, bad := strconv.ParseInt(string(text), 10, 64)
	if bad != nil {
		return 0, scan.Wrong("", "expected an integer of 64 bits, found %.40s; numbers with a fraction are matched by a range", text)
	}
	return n, nil
}

// matchList reads a list of strings or of integers.
func (p *parser) matchList(c *condition, ofStrings, ofIntegers op) *scan.Error {
	var texts []string
	var integers []int64
	err := p.s.Array(func(i int) *scan.Error {
		err := p.count1()
		if err != nil {
			return err.In(index(i))
		}
		switch b := p.s.Peek(); {
		case b == '"' && integers == nil:
			var text string
			text, err = p.s.Text()
			texts = append(texts, text)
		case (b == '-' || b >= '0' && b <= '9') && texts == nil:
			var n int64
			n, err = p.integer()
			integers = append(integers, n)
		default:
			err = p.s.Expected("all strings or all integers")
		}
		return err.In(index(i))
	})
	if integers != nil {
		c.op, c.integers = ofIntegers, newSet(integers)
	} else {
		c.op, c.strings = ofStrings, newSet(texts)
	}
	return err
}

func (p *parser) matchText(c *condition, what op) *scan.Error {
	text, err := p.s.Text()
	c.op, c.tokens = what, tokens(text)
	return err
}

// bounds reads gt, gte, lt and lte with read, which takes the name of the bound.
func (p *parser) bounds(read func(name string) *scan.Error) *scan.Error {
	return p.s.Object(func(key []byte) *scan.Error {
		switch name := string(key); name {
		case "gt", "gte", "lt", "lte":
			if p.s.Null() {
				return nil
			}
			return read(name).In(name)
		}
		return scan.Wrong(string(key), "unknown field; expected gt, gte, lt or lte")
	})
}

// set adds a bound: of two lower or two upper ones the narrower counts.
func (s *span[T]) set(name string, v T) {
	open := name == "gt" || name == "lt"
	if name[0] == 'g' {
		if !s.hasLo || v > s.lo || v == s.lo && open {
			s.lo, s.hasLo, s.openLo = v, true, open
		}
	} else if !s.hasHi || v < s.hi || v == s.hi && open {
		s.hi, s.hasHi, s.openHi = v, true, open
	}
}

// span reads a range of numbers or of times.
func (p *parser) span(d *draft, _ int) *scan.Error {
	d.onField, d.cond.op = true, opRange
	first := true
	return p.bounds(func(name string) *scan.Error {
		if p.s.Peek() == '"' {
			text, err := p.s.Text()
			if err != nil {
				return err
			}
			t, ok := parseTime(text)
			switch {
			case !ok:
				return scan.Wrong("", "%.60q is neither a number nor a time such as 2023-02-08T10:49:00Z (RFC 3339)", text)
			case !first && d.cond.op == opRange:
				return scan.Wrong("", "expected a number like the other bound, found a time")
			}
			d.cond.op, first = opTimes, false
			d.cond.times.set(name, t)
			return nil
		}
		x, err := p.number()
		if err == nil && d.cond.op == opTimes {
			err = scan.Wrong("", "expected a time like the other bound, found a number")
		}
		first = false
		d.cond.numbers.set(name, x)
		return err
	})
}

// number reads a finite number.
func (p *parser) number() (float64, *scan.Error) {
	if b := p.s.Peek(); b != '-' && (b < '0' || b > '9') {
		return 0, p.s.Expected("a number")
	}
	text, err := p.s.Skip()
	if err != nil {
		return 0, err
	}
	x, bad := strconv.ParseFloat(string(text), 64)
	if bad != nil {
		return 0, scan.Wrong("", "%.40s does not fit a 64-bit float", text)
	}
	return x, nil
}

// count reads bounds of the number of values.
func (p *parser) count(d *draft, _ int) *scan.Error {
	d.onField, d.cond.op = true, opCount
	return p.bounds(func(name string) *scan.Error {
		n, err := p.s.Uint()
		d.cond.counts.set(name, n)
		return err
	})
}

// place reads {"lat": ..., "lon": ...}.
func (p *parser) place() (place, *scan.Error) {
	var at place
	var hasLat, hasLon bool
	err := p.s.Object(func(key []byte) *scan.Error {
		to, has, limit := &at.lat, &hasLat, 90.0
		switch string(key) {
		case "lat":
		case "lon":
			to, has, limit = &at.lon, &hasLon, 180
		default:
			return scan.Wrong(string(key), "unknown field; expected lat and lon")
		}
		x, err := p.number()
		if err == nil && (x < -limit || x > limit) {
			err = scan.Wrong("", "%v is not in %v..%v", x, -limit, limit)
		}
		*to, *has = x, true
		return err.In(string(key))
	})
	switch {
	case err != nil:
		return at, err
	case !hasLat:
		return at, scan.Wrong("lat", "missing")
	case !hasLon:
		return at, scan.Wrong("lon", "missing")
	}
	return at, nil
}

// box reads the corners of a box.
func (p *parser) box(d *draft, _ int) *scan.Error {
	d.onField, d.cond.op = true, opGeo
	b, seen := &box{}, map[string]bool{}
	err := p.s.Object(func(key []byte) (err *scan.Error) {
		name := string(key)
		switch name {
		case "top_left":
			b.topLeft, err = p.place()
		case "bottom_right":
			b.bottomRight, err = p.place()
		default:
			return scan.Wrong(name, "unknown field; expected top_left and bottom_right")
		}
		seen[name] = true
		return err.In(name)
	})
	for _, name := range []string{"top_left", "bottom_right"} {
		if err == nil && !seen[name] {
			err = scan.Wrong(name, "missing")
		}
	}
	d.cond.area = b
	return err
}

// radius reads a circle: a center and meters.
func (p *parser) radius(d *draft, _ int) *scan.Error {
	d.onField, d.cond.op = true, opGeo
	c, seen := &circle{}, map[string]bool{}
	err := p.s.Object(func(key []byte) (err *scan.Error) {
		name := string(key)
		switch name {
		case "center":
			c.center, err = p.place()
		case "radius":
			if c.meters, err = p.number(); err == nil && c.meters < 0 {
				err = scan.Wrong("", "%v meters is less than nothing", c.meters)
			}
		default:
			return scan.Wrong(name, "unknown field; expected center and radius")
		}
		seen[name] = true
		return err.In(name)
	})
	for _, name := range []string{"center", "radius"} {
		if err == nil && !seen[name] {
			err = scan.Wrong(name, "missing")
		}
	}
	d.cond.area = c
	return err
}

// polygon reads an outline and holes in it.
func (p *parser) polygon(d *draft, _ int) *scan.Error {
	d.onField, d.cond.op = true, opGeo
	g := &polygon{}
	err := p.s.Object(func(key []byte) (err *scan.Error) {
		switch name := string(key); {
		case name == "exterior":
			g.exterior, err = p.ring()
			return err.In(name)
		case name == "interiors" && p.s.Null():
			return nil
		case name == "interiors":
			return p.s.Array(func(i int) *scan.Error {
				r, err := p.ring()
				g.interiors = append(g.interiors, r)
				return err.In(index(i))
			}).In(name)
		}
		return scan.Wrong(string(key), "unknown field; expected exterior and interiors")
	})
	if err == nil && g.exterior == nil {
		err = scan.Wrong("exterior", "missing")
	}
	d.cond.area = g
	return err
}

// minRing is how many corners a closed ring has at least, its first one twice.
const minRing = 4

// ring reads {"points": [...]}: the corners of a line that ends where it begins.
func (p *parser) ring() (ring, *scan.Error) {
	var r ring
	err := p.s.Object(func(key []byte) *scan.Error {
		if string(key) != "points" {
			return scan.Wrong(string(key), "unknown field; expected points")
		}
		return p.s.Array(func(i int) *scan.Error {
			at, err := p.place()
			if err == nil {
				err = p.count1()
			}
			r = append(r, at)
			return err.In(index(i))
		}).In("points")
	})
	switch {
	case err != nil:
		return nil, err
	case len(r) < minRing:
		return nil, scan.Wrong("points", "%d corners; a ring has at least %d, the last like the first", len(r), minRing)
	case r[0] != r[len(r)-1]:
		return nil, scan.Wrong("points", "the last corner must be the first")
	}
	return r, nil
}
