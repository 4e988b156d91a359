package filter

import (
	"math"
	"strconv"

	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// maxNesting is how deep the values of a payload are looked into.
const maxNesting = 128

// kind is what a JSON value is.
type kind uint8

const (
	null kind = iota + 1
	boolean
	number
	text
	array
	object
)

// value is a JSON value in a document: where it lies in the bytes, and where the
// value after it and all that is in it is in the list. The members of an object are
// a text and a value each.
type value struct {
	kind kind
	// escaped says that a text holds escapes, or that a boolean is true.
	escaped    bool
	start, end uint32
	next       uint32
}

// document is a payload, read into a list of values in the order of the bytes. It is
// used again for one payload after the other.
type document struct {
	b      []byte
	i      int
	values []value
	// keys are the members of the outermost object that matter.
	keys []string
}

// read reads a payload. What is no JSON object gives one without members: a payload
// is checked when it is written, and a filter never fails on one.
func (d *document) read(payload []byte) {
	d.b, d.i, d.values = payload, 0, d.values[:0]
	if d.space(); d.i < len(d.b) && d.b[d.i] == '{' && d.object(0) {
		return
	}
	d.values = append(d.values[:0], value{kind: object, next: 1})
}

func (d *document) space() {
	for d.i < len(d.b) {
		switch d.b[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

// next consumes a byte after white space.
func (d *document) next(c byte) bool {
	d.space()
	if d.i < len(d.b) && d.b[d.i] == c {
		d.i++
		return true
	}
	return false
}

// add reads a value.
func (d *document) add(depth int) bool {
	d.space()
	if d.i >= len(d.b) || depth > maxNesting {
		return false
	}
	at, start := len(d.values), d.i
	switch c := d.b[d.i]; c {
	case '{':
		return d.object(depth)
	case '[':
		return d.array(depth)
	case '"':
		return d.text()
	case 't', 'f', 'n':
		word, v := "null", value{kind: null}
		if c != 'n' {
			word, v = "false", value{kind: boolean}
		}
		if c == 't' {
			word, v.escaped = "true", true
		}
		if len(d.b)-d.i < len(word) || string(d.b[d.i:d.i+len(word)]) != word {
			return false
		}
		d.i += len(word)
		v.start, v.end, v.next = uint32(start), uint32(d.i), uint32(at+1)
		d.values = append(d.values, v)
		return true
	}
	for d.i < len(d.b) && numeric(d.b[d.i]) {
		d.i++
	}
	d.values = append(d.values, value{kind: number, start: uint32(start), end: uint32(d.i), next: uint32(at + 1)})
	return d.i > start
}

func numeric(c byte) bool {
	return c-'0' <= 9 || c == '-' || c == '.' || c == 'e' || c == 'E' || c == '+'
}

// text reads a string at its quote; start and end are those of what is between.
func (d *document) text() bool {
	start, escaped := d.i+1, false
	for i := start; i < len(d.b); i++ {
		switch d.b[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			d.i = i + 1
			d.values = append(d.values, value{kind: text, escaped: escaped, start: uint32(start), end: uint32(i), next: uint32(len(d.values) + 1)})
			return true
		}
	}
	return false
}

func (d *document) array(depth int) bool {
	at := len(d.values)
	d.values = append(d.values, value{kind: array, start: uint32(d.i)})
	d.i++
	if !d.next(']') {
		for {
			if !d.add(depth + 1) {
				return false
			}
			if d.next(']') {
				break
			}
			if !d.next(',') {
				return false
			}
		}
	}
	d.close(at)
	return true
}

// close ends an array or object.
func (d *document) close(at int) {
	d.values[at].end, d.values[at].next = uint32(d.i), uint32(len(d.values))
}

func (d *document) object(depth int) bool {
	at := len(d.values)
	d.values = append(d.values, value{kind: object, start: uint32(d.i)})
	d.i++
	if !d.next('}') {
		for {
			if !d.member(depth) {
				return false
			}
			if d.next('}') {
				break
			}
			if !d.next(',') {
				return false
			}
		}
	}
	d.close(at)
	return true
}

// member reads a member of an object; of the outermost one only those that matter
// are kept.
func (d *document) member(depth int) bool {
	key := len(d.values)
	if d.space(); d.i >= len(d.b) || d.b[d.i] != '"' || !d.text() || !d.next(':') {
		return false
	}
	keep := depth > 0 || d.wanted(&d.values[key])
	if !d.add(depth + 1) {
		return false
	}
	if !keep {
		d.values = d.values[:key]
	}
	return true
}

func (d *document) wanted(key *value) bool {
	for _, k := range d.keys {
		if d.equals(key, k) {
			return true
		}
	}
	return false
}

// equals says whether a text is s.
func (d *document) equals(v *value, s string) bool {
	if !v.escaped {
		return string(d.b[v.start:v.end]) == s
	}
	return d.string(v) == s
}

// string returns a text without its escapes; one with half a surrogate pair is "".
func (d *document) string(v *value) string {
	if !v.escaped {
		return string(d.b[v.start:v.end])
	}
	s, err := scan.New(d.b[v.start-1 : v.end+1]).Text()
	if err != nil {
		return ""
	}
	return s
}

// integer returns a number that is written without fraction and exponent and fits
// 64 bits.
func (d *document) integer(v *value) (n int64, ok bool) {
	const safe = 18 // so many digits always fit
	b := d.b[v.start:v.end]
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	for _, c := range digits {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) > safe {
		n, err := strconv.ParseInt(string(b), 10, 64)
		return n, err == nil
	}
	if len(digits) < len(b) {
		n = -n
	}
	return n, true
}

// float returns a number as the nearest float64; NaN if it is none or infinite.
func (d *document) float(v *value) float64 {
	const exact = 1 << 53
	if n, ok := d.integer(v); ok && n < exact && n > -exact {
		return float64(n)
	}
	x, err := strconv.ParseFloat(string(d.b[v.start:v.end]), 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

// length returns how many elements an array has.
func (d *document) length(at uint32) uint64 {
	n := uint64(0)
	for i := at + 1; i < d.values[at].next; i = d.values[i].next {
		n++
	}
	return n
}

// find returns the value of a key in an object, the last if there are several, or
// 0, which is never one.
func (d *document) find(at uint32, key string) uint32 {
	found := uint32(0)
	for i := at + 1; i < d.values[at].next; i = d.values[i+1].next {
		if d.equals(&d.values[i], key) {
			found = i + 1
		}
	}
	return found
}

// at appends the values that a path leads to from a value.
func (d *document) at(from uint32, p path, list []uint32) []uint32 {
	for i := range p {
		v := &d.values[from]
		switch p[i].kind {
		case stepKey:
			if v.kind != object {
				return list
			}
			if from = d.find(from, p[i].key); from == 0 {
				return list
			}
		case stepIndex:
			if v.kind != array {
				return list
			}
			e, n := from+1, p[i].n
			for ; n > 0 && e < v.next; n-- {
				e = d.values[e].next
			}
			if e >= v.next {
				return list
			}
			from = e
		case stepEach:
			if v.kind != array {
				return list
			}
			end := v.next
			for e := from + 1; e < end; e = d.values[e].next {
				list = d.at(e, p[i+1:], list)
			}
			return list
		}
	}
	return append(list, from)
}

// place returns the place that an object {"lat": ..., "lon": ...} is.
func (d *document) place(at uint32) (p place, ok bool) {
	if d.values[at].kind != object {
		return p, false
	}
	lat, lon := d.find(at, "lat"), d.find(at, "lon")
	if lat == 0 || lon == 0 || d.values[lat].kind != number || d.values[lon].kind != number {
		return p, false
	}
	p = place{lat: d.float(&d.values[lat]), lon: d.float(&d.values[lon])}
	return p, p.lat == p.lat && p.lon == p.lon
}

// isEmpty: all values are null or an array of nothing; none are empty too.
func (d *document) isEmpty(found []uint32) bool {
	for _, at := range found {
		if v := &d.values[at]; v.kind != null && (v.kind != array || v.next > at+1) {
			return false
		}
	}
	return true
}

// isNull: one of the values is null.
func (d *document) isNull(found []uint32) bool {
	for _, at := range found {
		if d.values[at].kind == null {
			return true
		}
	}
	return false
}
