package sim

import (
	"bytes"

	"github.com/cespare/xxhash/v2"
)

// diskRows is an ordered map from key to value: a treap whose priorities are the
// hashes of the keys, so that its shape depends on its content alone (Seidel and
// Aragon, "Randomized search trees", 1996). share gives away the whole map in one
// step; the rows given away are copied before they change, once each.
type diskRows struct {
	root  *diskRow
	epoch uint64 // of the rows that may be changed in place
	bytes uint64 // of all keys and values
}

// diskRow is a node of the treap. Its key and value are never changed.
type diskRow struct {
	key, value  []byte
	left, right *diskRow
	priority    uint64
	epoch       uint64 // of the map when the row was made
	bytes       uint64 // of the keys and values of this row and those below
}

// share returns the rows as they are; they stay so.
func (t *diskRows) share() *diskRow {
	t.epoch++
	return t.root
}

// own returns n, or a copy that may be changed.
func (t *diskRows) own(n *diskRow) *diskRow {
	if n.epoch == t.epoch {
		return n
	}
	c := *n
	c.epoch = t.epoch
	return &c
}

func size(n *diskRow) uint64 {
	if n == nil {
		return 0
	}
	return n.bytes
}

func (n *diskRow) sum() {
	n.bytes = uint64(len(n.key)+len(n.value)) + size(n.left) + size(n.right)
}

// put sets a row and returns the value before. It keeps both slices.
func (t *diskRows) put(key, value []byte) (old []byte, had bool) {
	t.root, old, had = t.insert(t.root, key, value, xxhash.Sum64(key))
	t.bytes = size(t.root)
	return old, had
}

func (t *diskRows) insert(n *diskRow, key, value []byte, priority uint64) (_ *diskRow, old []byte, had bool) {
	if n == nil {
		n = &diskRow{key: key, value: value, priority: priority, epoch: t.epoch}
		n.sum()
		return n, nil, false
	}
	c := bytes.Compare(key, n.key)
	if c != 0 && priority > n.priority { // the key is not below: it takes n's place
		top := &diskRow{key: key, value: value, priority: priority, epoch: t.epoch}
		top.left, top.right = t.split(n, key)
		top.sum()
		return top, nil, false
	}
	n = t.own(n)
	switch {
	case c < 0:
		n.left, old, had = t.insert(n.left, key, value, priority)
	case c > 0:
		n.right, old, had = t.insert(n.right, key, value, priority)
	default:
		old, had, n.value = n.value, true, value
	}
	n.sum()
	return n, old, had
}

// split parts the rows below key from the others.
func (t *diskRows) split(n *diskRow, key []byte) (below, others *diskRow) {
	if n == nil {
		return nil, nil
	}
	n = t.own(n)
	if bytes.Compare(n.key, key) < 0 {
		n.right, others = t.split(n.right, key)
		n.sum()
		return n, others
	}
	below, n.left = t.split(n.left, key)
	n.sum()
	return below, n
}

// join puts together two sets of rows, all of a below all of b.
func (t *diskRows) join(a, b *diskRow) *diskRow {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		a = t.own(a)
		a.right = t.join(a.right, b)
		a.sum()
		return a
	}
	b = t.own(b)
	b.left = t.join(a, b.left)
	b.sum()
	return b
}

// remove takes a row away and returns it as it was.
func (t *diskRows) remove(key []byte) (kept, old []byte, had bool) {
	n := t.root.find(key)
	if n == nil {
		return nil, nil, false
	}
	kept, old = n.key, n.value
	t.root = t.cut(t.root, key)
	t.bytes = size(t.root)
	return kept, old, true
}

// cut removes a key that is there.
func (t *diskRows) cut(n *diskRow, key []byte) *diskRow {
	c := bytes.Compare(key, n.key)
	if c == 0 {
		return t.join(n.left, n.right)
	}
	n = t.own(n)
	if c < 0 {
		n.left = t.cut(n.left, key)
	} else {
		n.right = t.cut(n.right, key)
	}
	n.sum()
	return n
}

// removeRange takes the rows of [lo, hi) away and returns them.
func (t *diskRows) removeRange(lo, hi []byte) *diskRow {
	if bytes.Compare(lo, hi) >= 0 {
		return nil
	}
	below, rest := t.split(t.root, lo)
	removed, above := t.split(rest, hi)
	t.root = t.join(below, above)
	t.bytes = size(t.root)
	return removed
}

// find returns the row of a key, or nil.
func (n *diskRow) find(key []byte) *diskRow {
	for n != nil {
		switch c := bytes.Compare(key, n.key); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n
		}
	}
	return nil
}

// visit calls f with the rows of [lo, hi) in order until it returns false; a nil
// hi has no end.
func (n *diskRow) visit(lo, hi []byte, f func(key, value []byte) bool) bool {
	if n == nil {
		return true
	}
	fromLo := bytes.Compare(n.key, lo) >= 0
	beforeHi := hi == nil || bytes.Compare(n.key, hi) < 0
	if fromLo && !n.left.visit(lo, hi, f) {
		return false
	}
	if fromLo && beforeHi && !f(n.key, n.value) {
		return false
	}
	return !beforeHi || n.right.visit(lo, hi, f)
}

// rows calls f with every row, in order.
func (n *diskRow) rows(f func(*diskRow)) {
	if n != nil {
		n.left.rows(f)
		f(n)
		n.right.rows(f)
	}
}

// get copies a value, as disk.Reader.Get.
func (n *diskRow) get(key []byte) ([]byte, bool, error) {
	n = n.find(key)
	if n == nil {
		return nil, false, nil
	}
	value := make([]byte, len(n.value))
	copy(value, n.value)
	return value, true, nil
}

// scan is disk.Reader.Scan. What it shows is in a buffer that it spoils, as a
// real store may: who keeps a slice is found out.
func (n *diskRow) scan(lo, hi []byte, visit func(key, value []byte) bool) error {
	const spoiled = 0xDB
	var buffer []byte
	n.visit(lo, hi, func(key, value []byte) bool {
		buffer = append(append(buffer[:0], key...), value...)
		k := len(key)
		return visit(buffer[:k:k], buffer[k:])
	})
	for i := range buffer {
		buffer[i] = spoiled
	}
	return nil
}
