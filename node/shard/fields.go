package shard

import (
	"encoding/binary"
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/index/filter"
)

// Declare tells the machine the indexed fields of all collections, unless it knows
// that version of them. They make filters faster and are no part of its state. The map
// is kept.
func (m *Machine) Declare(version uint64, fields map[flow.CollectionID][]flow.Field) {
	if m.fieldsVersion == version {
		return
	}
	m.fields, m.fieldsVersion, m.unbuilt = fields, version, nil
	for _, id := range slices.Sorted(maps.Keys(m.collections)) {
		c := m.collections[id]
		for _, f := range c.payloads.Fields() {
			if !slices.Contains(fields[id], f) {
				c.payloads.Forget(f.Path)
			}
		}
		for _, f := range fields[id] {
			c.payloads.Declare(f)
		}
		if len(c.payloads.Unready()) > 0 {
			m.unbuilt = append(m.unbuilt, id)
		}
	}
}

// FieldBuild makes the indexes of the fields of one collection that are declared and
// not made yet. A job gives it the collection's payload rows.
type FieldBuild struct {
	id       flow.CollectionID
	c        *collection
	view     *index.View
	builders []*filter.Builder
}

// FieldBuild returns what is to be built next, or nil. It is of the state as it is now.
func (m *Machine) FieldBuild() *FieldBuild {
	for len(m.unbuilt) > 0 {
		id := m.unbuilt[0]
		if c := m.collections[id]; c != nil {
			b := &FieldBuild{id: id, c: c, view: c.index.View()}
			for _, f := range c.payloads.Unready() {
				b.builders = append(b.builders, c.payloads.Builder(f.Path))
			}
			if len(b.builders) > 0 {
				return b
			}
		}
		m.unbuilt = m.unbuilt[1:]
	}
	return nil
}

// Unbuilt says whether FieldBuild may have something.
func (m *Machine) Unbuilt() bool { return len(m.unbuilt) > 0 }

// Points is how many points the collection has.
func (b *FieldBuild) Points() int { return b.view.Len() }

// Rows returns the range of the state keys of the rows that Add takes, in their order.
func (b *FieldBuild) Rows() (lo, hi []byte) {
	lo = key(rowPayload, b.id, 0)
	return lo, disk.After(lo)
}

// Add takes a payload row; key may have a prefix.
func (b *FieldBuild) Add(key, payload []byte) {
	row, ok := b.view.OrdinalOf(binary.BigEndian.Uint64(key[len(key)-8:]))
	for _, to := range b.builders {
		if ok && row < to.Rows() {
			to.Add(row, payload)
		}
	}
}

// Attach puts the indexes in force, those that are still wanted.
func (b *FieldBuild) Attach() {
	for _, built := range b.builders {
		b.c.payloads.Attach(built)
	}
}
