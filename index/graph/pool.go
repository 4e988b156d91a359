package graph

import "math"

// none is what fills the places of a node's links behind the last one.
const none = math.MaxUint32

// maxRef is the largest number of rows in all parts of one walk.
const maxRef = 1<<31 - 1

// entry is a node with its distance in one number that sorts by distance, then node:
// 32 bits of distance, 31 of the node, and one that says whether the node's links
// have been followed, or, while a layer is built, nothing.
type entry uint64

// newEntry returns the entry of a node that has not been expanded.
func newEntry(d float32, ref uint32) entry { return entry(sortable(d))<<32 | entry(ref)<<1 }

func (e entry) ref() uint32       { return uint32(e) >> 1 }
func (e entry) expanded() bool    { return e&1 != 0 }
func (e entry) distance() float32 { return unsortable(uint32(e >> 32)) }

// sortable maps the order of floats, none of them NaN or -0, to that of numbers.
func sortable(d float32) uint32 {
	b := math.Float32bits(d)
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}

func unsortable(b uint32) float32 {
	return math.Float32frombits(b ^ (uint32(int32(^b)>>31) | 1<<31))
}

// pool holds the best entries seen, up to a limit, in order. It is both the results of
// a walk and its frontier: those not yet expanded.
type pool struct {
	entries []entry
	limit   int
	next    int // no entry before it is unexpanded
}

func (p *pool) reset(limit int) {
	p.entries, p.limit, p.next = p.entries[:0], limit, 0
	if cap(p.entries) < limit {
		p.entries = make([]entry, 0, limit)
	}
}

// bound returns an entry that everything admitted is less than.
func (p *pool) bound() entry {
	if len(p.entries) < p.limit {
		return math.MaxUint64
	}
	return p.entries[len(p.entries)-1]
}

// bestBound returns the n-th best entry, as if it was expanded, or what is less than none.
func (p *pool) bestBound(n int) entry {
	if len(p.entries) < n {
		return math.MaxUint64
	}
	return p.entries[n-1] | 1
}

// add puts in an entry that is not in the pool; the last one leaves when there is no room.
func (p *pool) add(e entry) {
	if e >= p.bound() {
		return
	}
	n := len(p.entries)
	if n < p.limit {
		p.entries = p.entries[:n+1]
	} else {
		n--
	}
	i := place(p.entries[:n], e)
	copy(p.entries[i+1:], p.entries[i:n])
	p.entries[i] = e
	p.next = min(p.next, i)
}

// place returns how many of the entries, which are in order, are less than e.
func place(entries []entry, e entry) int {
	i, end := 0, len(entries)
	for i < end {
		if mid := int(uint(i+end) / 2); entries[mid] < e {
			i = mid + 1
		} else {
			end = mid
		}
	}
	return i
}

// expand marks an entry as expanded, if it is in the pool and was not before.
func (p *pool) expand(e entry) {
	if i := place(p.entries, e); i < len(p.entries) && p.entries[i] == e {
		p.entries[i] |= 1
	}
}

// pop marks the nearest unexpanded entry as expanded and returns it.
func (p *pool) pop() (entry, bool) {
	for ; p.next < len(p.entries); p.next++ {
		if e := p.entries[p.next]; !e.expanded() {
			p.entries[p.next] |= 1
			p.next++
			return e, true
		}
	}
	return 0, false
}

// renew makes all entries unexpanded.
func (p *pool) renew() {
	for i := range p.entries {
		p.entries[i] &^= 1
	}
	p.next = 0
}

// frontier returns the nearest unexpanded entry without taking it; none is the largest.
func (p *pool) frontier() entry {
	for ; p.next < len(p.entries); p.next++ {
		if e := p.entries[p.next]; !e.expanded() {
			return e
		}
	}
	return math.MaxUint64
}
