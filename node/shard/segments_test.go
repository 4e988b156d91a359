package shard_test

import (
	"math"
	"reflect"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"pgregory.net/rapid"
)

// drawStep draws a maintenance command for a machine: one that fits, or one of before.
func drawStep(t *rapid.T, m *shard.Machine) []byte {
	id := flow.CollectionID(rapid.IntRange(1, collections).Draw(t, "collection"))
	table := m.Segments(id)
	pick := func(name string) shard.Segment {
		if len(table) == 0 {
			return shard.Segment{ID: 7}
		}
		return table[rapid.IntRange(0, len(table)-1).Draw(t, name)]
	}
	switch rapid.IntRange(0, 3).Draw(t, "step") {
	case 0:
		return shard.EncodeMerge(id, pick("first").ID, pick("last").ID)
	case 1:
		return shard.EncodeBuilt(id, pick("built").ID, rapid.Uint64().Draw(t, "digest"))
	}
	after := uint64(0)
	if n := len(table); n > 0 && rapid.IntRange(0, 5).Draw(t, "stale") > 0 {
		after = table[n-1].Last
	}
	return shard.EncodeCut(id, after)
}

// build builds all graphs of a machine, attaches those of every other segment, and
// returns the digests.
func build(t failer, m *shard.Machine) map[flow.CollectionID][]uint64 {
	t.Helper()
	digests := map[flow.CollectionID][]uint64{}
	for id := flow.CollectionID(1); id <= collections; id++ {
		for i, s := range m.Segments(id) {
			b := m.Index(id).Builder(s.ID)
			if b == nil || b.Rows() != s.Rows {
				t.Fatalf("collection %d: no builder for segment %d of %d rows: %+v", id, s.ID, s.Rows, b)
			}
			for !b.Step(math.MaxInt, nil) {
				continue
			}
			digests[id] = append(digests[id], b.Built().Digest())
			if i%2 == 0 && !m.Index(id).Attach(b.Built()) {
				t.Fatalf("collection %d: the graph of segment %d does not fit", id, s.ID)
			}
		}
	}
	return digests
}

func tables(m *shard.Machine) map[flow.CollectionID][]shard.Segment {
	all := map[flow.CollectionID][]shard.Segment{}
	for id := flow.CollectionID(1); id <= collections; id++ {
		if table := m.Segments(id); len(table) > 0 {
			all[id] = slices.Clone(table)
		}
	}
	return all
}

// A machine that cut and merged while it ran, and one made of its rows, have the same
// segments, would build the same graphs, and go on alike.
func TestSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, m := newLone(t), newModel()
		for n := range rapid.Uint64Range(1, 60).Draw(t, "commands") {
			switch id := request(l.now, n); rapid.IntRange(0, 2).Draw(t, "command") {
			case 0:
				l.run(id, drawStep(t, l.machine()))
			default:
				s := drawSent(t, l.now, n, m, nil)
				res := l.run(s.id, s.body())
				m.write(res.Index, l.now, s.id, s.collection, s.ops)
			}
		}
		rebuilt := l.rebuild()
		if a, b := tables(l.machine()), tables(rebuilt); !reflect.DeepEqual(a, b) {
			t.Fatalf("the rows give other segments:\n%+v\n%+v", a, b)
		}
		if a, b := build(t, l.machine()), build(t, rebuilt); !reflect.DeepEqual(a, b) {
			t.Fatalf("the rows give other graphs:\n%x\n%x", a, b)
		}
		checkMachine(t, l, rebuilt, m, nil)
		checkMachine(t, l, l.machine(), m, nil)
	})
}

// A cut empties the head once, a merge drops the dead, a built graph is noted once.
func TestSteps(t *testing.T) {
	l := newLone(t)
	c := collection(1)
	n := uint64(0)
	run := func(body []byte) uint64 {
		n++
		return l.run(request(epoch, n), body).Index
	}
	put := func(ids ...flow.PointID) {
		for _, id := range ids {
			run(shard.EncodeWrite(flow.NewestFormat, c, []flow.Op{{Kind: flow.Upsert, ID: id, Vector: flow.Vector{1, 2}}}, []int{0}))
		}
	}
	put("sa", "sb", "sc")
	first := index.SegmentID(run(shard.EncodeCut(1, 0)))
	run(shard.EncodeCut(1, 0)) // a late copy
	table := l.machine().Segments(1)
	if len(table) != 1 || table[0].ID != first || table[0].Rows != 3 || l.machine().Index(1).HeadRows() != 0 {
		t.Fatalf("after a cut: %+v", table)
	}
	put("sd", "sa")
	second := index.SegmentID(run(shard.EncodeCut(1, table[0].Last)))
	run(shard.EncodeBuilt(1, first, 99))
	run(shard.EncodeBuilt(1, first, 98))
	if s := l.machine().Segments(1)[0]; !s.Built || s.Digest != 99 {
		t.Fatalf("the first digest is not the one that counts: %+v", s)
	}
	keys, _ := l.rows()
	points := func() (n int) {
		keys, _ = l.rows()
		for _, k := range keys {
			if k[0] == 'r' {
				n++
			}
		}
		return n
	}
	if points() != 5 {
		t.Fatalf("%d point rows, want 4 and the retained one", points())
	}
	run(shard.EncodeMerge(1, second, first)) // the wrong way round
	merged := index.SegmentID(run(shard.EncodeMerge(1, first, second)))
	table = l.machine().Segments(1)
	if len(table) != 1 || table[0].ID != merged || table[0].Rows != 4 || table[0].Built || points() != 4 {
		t.Fatalf("after a merge: %+v, %d point rows", table, points())
	}
	for _, id := range []flow.PointID{"sa", "sb", "sc", "sd"} {
		run(shard.EncodeWrite(flow.NewestFormat, c, []flow.Op{{Kind: flow.Delete, ID: id}}, []int{0}))
	}
	run(shard.EncodeMerge(1, merged, merged))
	if table = l.machine().Segments(1); len(table) != 0 || points() != 0 {
		t.Fatalf("a merge of nothing left %+v, %d point rows", table, points())
	}
	put("sz")
	run(shard.EncodeCut(1, 0))
	run(shard.EncodeDrop(1, []flow.CollectionID{1}))
	if keys, _ = l.rows(); slices.ContainsFunc(keys, func(k []byte) bool { return k[0] == 'g' || k[0] == 'r' }) {
		t.Fatalf("a drop left rows: %q", keys)
	}
	l.rebuild()
	if got := l.machine().TakeChanged(); !slices.Equal(got, []flow.CollectionID{1}) || l.machine().TakeChanged() != nil {
		t.Fatalf("changed: %v", got)
	}
}
