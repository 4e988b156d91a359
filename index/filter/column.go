package filter

import (
	"math/bits"
	"slices"
	"sort"
	"unsafe"

	"github.com/RoaringBitmap/roaring/v2"
)

// The shape of columns. It decides memory and speed, never an answer.
const (
	// tailEntries is how many of the latest entries are kept as they came.
	tailEntries = 1024
	// fanIn runs of a size become one of fanIn times that size.
	fanIn = 4
	// maxRunEntries bounds a run, and with it how long one add may take (some ms).
	maxRunEntries = 65536
	// heavyRows is from how many rows on a key has a bitmap.
	heavyRows = 256
	// denseSpan is up to how many rows apart rows are sorted by setting bits.
	denseSpan = 1 << 20
)

// rows says which rows are live; nil: all.
type rows = *roaring.Bitmap

// entry is a key of a row.
type entry[K any] struct {
	key K
	row uint32
}

// column maps keys to rows. Rows are added in ascending order, so it is a list of
// runs, each of later rows than the one before, and a tail of the latest entries.
//
// Runs never change, the tail's array is only appended to, and the list of runs is
// copied when it changes: a copy of a column is a view that later adds do not touch.
type column[K any] struct {
	compare func(a, b K) int
	runs    []*run[K]
	tail    []entry[K]
	// check is the run that tidy looks at next.
	check int
	// used counts the bytes of the runs.
	used uint64
}

// run is the rows of some keys.
type run[K any] struct {
	keys []K      // ascending
	ends []uint32 // the rows of keys[i] end at ends[i] and begin where those before end
	rows []uint32
	// heavy holds the rows of keys that have many, by position.
	heavy       map[int]*roaring.Bitmap
	first, last uint32 // the rows that it spans
	// live is how many live rows there were in that span when it was made.
	live  uint64
	bytes uint64
}

// add adds an entry; row is not below any before.
func (c *column[K]) add(key K, row uint32) {
	if c.tail == nil {
		c.tail = make([]entry[K], 0, 8)
	}
	c.tail = append(c.tail, entry[K]{key, row})
}

// full says that the tail should become a run.
func (c *column[K]) full() bool { return len(c.tail) >= tailEntries }

// freeze cuts the tail's capacity: a view never appends into the owner's array.
func (c *column[K]) freeze() { c.tail = c.tail[:len(c.tail):len(c.tail)] }

// tidy makes a run of a full tail, joins small runs, and looks at one old run.
func (c *column[K]) tidy(live rows) {
	if !c.full() {
		return
	}
	runs := slices.Clone(c.runs)
	if r := newRun(c.tail, c.compare, live); r != nil {
		runs = append(runs, r)
	}
	c.tail = nil
	for {
		n := len(runs)
		if n < fanIn || !sameSize(runs[n-fanIn:]) {
			break
		}
		a := join(runs[n-4], runs[n-3], c.compare, live)
		b := join(runs[n-2], runs[n-1], c.compare, live)
		runs = runs[:n-fanIn]
		if r := join(a, b, c.compare, live); r != nil {
			runs = append(runs, r)
		}
	}
	c.runs = c.clean(runs, live)
	c.used = 0
	for _, r := range c.runs {
		c.used += r.bytes
	}
}

// sameSize says that the last runs are about as large as the smallest of them, and
// together no larger than a run may be.
func sameSize[K any](runs []*run[K]) bool {
	total, least := 0, maxRunEntries
	for _, r := range runs {
		total += len(r.rows)
		least = min(least, len(r.rows))
	}
	return total <= maxRunEntries && total < 2*fanIn*max(least, tailEntries/2)
}

// clean writes one old run anew if half of its rows have gone, with its neighbour if
// they fit together.
func (c *column[K]) clean(runs []*run[K], live rows) []*run[K] {
	if live == nil || len(runs) == 0 {
		return runs
	}
	i := c.check % len(runs)
	c.check = i + 1
	r := runs[i]
	if 2*live.CardinalityInRange(uint64(r.first), uint64(r.last)+1) > r.live {
		return runs
	}
	fresh := join(r, nil, c.compare, live)
	switch {
	case fresh == nil:
		return slices.Delete(runs, i, i+1)
	case i > 0 && len(runs[i-1].rows)+len(fresh.rows) <= maxRunEntries:
		runs[i-1] = join(runs[i-1], fresh, c.compare, live)
		return slices.Delete(runs, i, i+1)
	}
	runs[i] = fresh
	return runs
}

// precede puts the runs of earlier rows before its own.
func (c *column[K]) precede(b *column[K]) {
	runs := slices.Clone(b.runs)
	if r := newRun(b.tail, c.compare, nil); r != nil {
		runs = append(runs, r)
	}
	c.runs = append(runs, c.runs...)
	c.used = 0
	for _, r := range c.runs {
		c.used += r.bytes
	}
}

// bytes is the memory of the column; keys in the tail count without their text.
func (c *column[K]) bytes() uint64 {
	var e entry[K]
	return c.used + uint64(cap(c.tail))*uint64(unsafe.Sizeof(e))
}

// newRun sorts entries into a run, without rows that are no more; nil if none is left.
func newRun[K any](tail []entry[K], compare func(a, b K) int, live rows) *run[K] {
	list := slices.Clone(tail)
	slices.SortStableFunc(list, func(a, b entry[K]) int { return compare(a.key, b.key) })
	r := &run[K]{}
	for _, e := range list {
		if live == nil || live.Contains(e.row) {
			r.push(e.key, e.row, compare)
		}
	}
	return r.seal(live)
}

// join makes one run of two, b of later rows than a, without rows that are no more;
// nil if none is left. Either may be nil.
func join[K any](a, b *run[K], compare func(a, b K) int, live rows) *run[K] {
	r := &run[K]{}
	take := func(from *run[K], i int) {
		for _, row := range from.of(i) {
			if live == nil || live.Contains(row) {
				r.push(from.keys[i], row, compare)
			}
		}
	}
	i, j, n, m := 0, 0, a.len(), b.len()
	r.rows = make([]uint32, 0, a.size()+b.size())
	for i < n || j < m {
		side := -1
		if i == n {
			side = 1
		} else if j < m {
			side = compare(a.keys[i], b.keys[j])
		}
		if side <= 0 {
			take(a, i)
			i++
		}
		if side >= 0 {
			take(b, j)
			j++
		}
	}
	return r.seal(live)
}

// push adds the next entry in the order of keys and rows.
func (r *run[K]) push(key K, row uint32, compare func(a, b K) int) {
	last := len(r.keys) - 1
	if last < 0 || compare(r.keys[last], key) != 0 {
		r.keys = append(r.keys, key)
		r.ends = append(r.ends, uint32(len(r.rows)))
		last++
	} else if n := len(r.rows); r.rows[n-1] == row {
		return // the same value twice
	}
	r.rows = append(r.rows, row)
	r.ends[last] = uint32(len(r.rows))
}

// seal finishes a run.
func (r *run[K]) seal(live rows) *run[K] {
	if len(r.rows) == 0 {
		return nil
	}
	r.first, r.last = slices.Min(r.rows), slices.Max(r.rows)
	r.live = uint64(r.last-r.first) + 1
	if live != nil {
		r.live = live.CardinalityInRange(uint64(r.first), uint64(r.last)+1)
	}
	var k K
	r.bytes = uint64(unsafe.Sizeof(*r)) + uint64(cap(r.keys))*uint64(unsafe.Sizeof(k)) + 4*uint64(cap(r.ends)+cap(r.rows))
	for i := range r.keys {
		if text, ok := any(r.keys[i]).(string); ok {
			r.bytes += uint64(len(text))
		}
		if list := r.of(i); len(list) >= heavyRows {
			if r.heavy == nil {
				r.heavy = map[int]*roaring.Bitmap{}
			}
			b := roaring.BitmapOf(list...)
			b.RunOptimize()
			r.heavy[i] = b
			r.bytes += b.GetSizeInBytes()
		}
	}
	return r
}

func (r *run[K]) len() int {
	if r == nil {
		return 0
	}
	return len(r.keys)
}

func (r *run[K]) size() int {
	if r == nil {
		return 0
	}
	return len(r.rows)
}

// begin is where the rows of keys[i] begin.
func (r *run[K]) begin(i int) uint32 {
	if i == 0 {
		return 0
	}
	return r.ends[i-1]
}

// of returns the rows of keys[i], ascending.
func (r *run[K]) of(i int) []uint32 { return r.rows[r.begin(i):r.ends[i]] }

// selection is keys between two, ends included, that pass a test.
type selection[K any] struct {
	lo, hi       K
	hasLo, hasHi bool
	// pass is asked about each key between the ends; nil passes all.
	pass func(k K) bool
}

// only selects one key.
func only[K any](k K) selection[K] { return selection[K]{lo: k, hi: k, hasLo: true, hasHi: true} }

// span returns the positions of the selection's keys in a run, before the test.
func (c *column[K]) span(r *run[K], s *selection[K]) (from, to int) {
	to = len(r.keys)
	if s.hasLo {
		from = sort.Search(len(r.keys), func(i int) bool { return c.compare(r.keys[i], s.lo) >= 0 })
	}
	if s.hasHi {
		to = from + sort.Search(len(r.keys)-from, func(i int) bool { return c.compare(r.keys[from+i], s.hi) > 0 })
	}
	return from, to
}

// estimate returns how many rows select would look at.
func (c *column[K]) estimate(s selection[K]) uint64 {
	n := uint64(len(c.tail))
	for _, r := range c.runs {
		if from, to := c.span(r, &s); from < to {
			n += uint64(r.ends[to-1] - r.begin(from))
		}
	}
	return n
}

// collect adds the rows of the selected keys to a set; rows that are no more may be
// among them.
func (c *column[K]) collect(s selection[K], into *roaring.Bitmap) {
	var light []uint32
	for _, r := range c.runs {
		light = light[:0]
		from, to := c.span(r, &s)
		single := true
		for i := from; i < to; i++ {
			if s.pass != nil && !s.pass(r.keys[i]) {
				continue
			}
			if b := r.heavy[i]; b != nil {
				into.Or(b)
				continue
			}
			single = single && len(light) == 0
			light = append(light, r.of(i)...)
		}
		if !single {
			light = r.ordered(light)
		}
		into.AddMany(light)
	}
	for _, e := range c.tail {
		if (!s.hasLo || c.compare(e.key, s.lo) >= 0) && (!s.hasHi || c.compare(e.key, s.hi) <= 0) && (s.pass == nil || s.pass(e.key)) {
			into.Add(e.row)
		}
	}
}

// ordered sorts rows of the run.
func (r *run[K]) ordered(list []uint32) []uint32 {
	const few, wordBits = 64, 64
	if len(list) < few || r.last-r.first >= denseSpan {
		slices.Sort(list)
		return list
	}
	words := make([]uint64, (r.last-r.first)/wordBits+1)
	for _, row := range list {
		words[(row-r.first)/wordBits] |= 1 << ((row - r.first) % wordBits)
	}
	list = list[:0]
	for w, word := range words {
		for ; word != 0; word &= word - 1 {
			list = append(list, r.first+uint32(w*wordBits+bits.TrailingZeros64(word)))
		}
	}
	return list
}
