package index

import (
	"sort"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// View is an Index at one moment. It never changes, and may be searched by any
// number of goroutines while the Index goes on.
type View struct {
	cfg    Config
	sealed []*block
	tail   block
	live   int
	bytes  uint64
}

// Len returns the number of live points.
func (v *View) Len() int { return v.live }

// Bytes returns how many bytes of vectors an exact search reads, an estimate of its cost.
func (v *View) Bytes() uint64 { return v.bytes }

// OrdinalOf returns the ordinal of the live row at a slot, and false if there is none.
func (v *View) OrdinalOf(slot uint64) (ordinal uint32, ok bool) {
	b := &v.tail
	if len(b.slots) == 0 || slot < b.slots[0] {
		i := sort.Search(len(v.sealed), func(i int) bool { return v.sealed[i].slots[0] > slot }) - 1
		if i < 0 {
			return 0, false
		}
		b = v.sealed[i]
	}
	row, ok := b.row(slot)
	if !ok {
		return 0, false
	}
	return b.ordinals.at(row), true
}

// SlotOf returns the slot of the live row with an ordinal, and false if there is none.
func (v *View) SlotOf(ordinal uint32) (slot uint64, ok bool) {
	b, row, ok := v.find(ordinal)
	if !ok {
		return 0, false
	}
	return b.slots[row], true
}

// IDOf returns the id of the live row with an ordinal, and false if there is none. The
// id shares memory with the View.
func (v *View) IDOf(ordinal uint32) (id flow.PointID, ok bool) {
	b, row, ok := v.find(ordinal)
	if !ok {
		return "", false
	}
	return b.ids.at(row), true
}

// find returns where the live row with an ordinal is.
func (v *View) find(ordinal uint32) (b *block, row int, ok bool) {
	b = &v.tail
	if len(b.slots) == 0 || ordinal < b.ordinals.first() {
		i := sort.Search(len(v.sealed), func(i int) bool { return v.sealed[i].ordinals.first() > ordinal }) - 1
		if i < 0 {
			return nil, 0, false
		}
		b = v.sealed[i]
	}
	row, ok = b.ordinals.rowOf(ordinal, len(b.slots))
	return b, row, ok && !b.isDead(row)
}
