package shard_test

import (
	"fmt"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/filter"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// build makes the indexes of the declared fields, as a node's job would, with a write
// in between.
func (l *lone) build(between func()) (rows int) {
	for b := l.machine().FieldBuild(); b != nil; b = l.machine().FieldBuild() {
		view, prefix := l.disk.Snapshot(), l.r.StatePrefix()
		between()
		lo, hi := b.Rows()
		err := view.Scan(append(prefix[:len(prefix):len(prefix)], lo...), append(prefix[:len(prefix):len(prefix)], hi...), func(key, payload []byte) bool {
			b.Add(key, payload)
			rows++
			return true
		})
		if err != nil {
			l.t.Fatalf("scan: %v", err)
		}
		if err := view.Close(); err != nil {
			l.t.Fatalf("close: %v", err)
		}
		b.Attach()
	}
	return rows
}

// TestFieldBuild: declared fields are built of the stored payloads once, whatever is
// written meanwhile, and decide filters without reading one; so again after a restart.
func TestFieldBuild(t *testing.T) {
	l, c, n := newLone(t), collection(1), uint64(0)
	points := map[uint64]bool{}
	write := func(id uint64, color int) {
		op := flow.Op{Kind: flow.Upsert, ID: flow.NumberID(id), Vector: make(flow.Vector, c.Dim), Payload: fmt.Appendf(nil, `{"color":"c%d","n":%d}`, color, id)}
		op.Vector[0] = 1
		if color < 0 {
			op = flow.Op{Kind: flow.Delete, ID: op.ID}
		}
		points[id] = color == 1
		n++
		l.run(request(l.now, n), shard.EncodeWrite(flow.NewestFormat, c, []flow.Op{op}, []int{0}))
	}
	e, err := filter.Parse([]byte(`{"must":[{"key":"color","match":{"value":"c1"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, maybe uint64) {
		t.Helper()
		b := l.machine().Payloads(c.ID).Bounds(e, nil)
		want := uint64(0)
		for _, is := range points {
			if is {
				want++
			}
		}
		if maybe == 0 && b.Sure.GetCardinality() != want || b.Maybe.GetCardinality() != maybe {
			t.Errorf("%s: %d pass, %d may, want %d and %d", when, b.Sure.GetCardinality(), b.Maybe.GetCardinality(), want, maybe)
		}
	}
	for id := range uint64(50) {
		write(id, int(id%3))
	}
	check("nothing is declared", 50)
	declared := map[flow.CollectionID][]flow.Field{c.ID: {{Path: "color", Kind: flow.KeywordField}, {Path: "n", Kind: flow.IntegerField}}}
	l.machine().Declare(1, declared)
	write(50, 1)
	write(1, 2)
	check("declared, not built", 51)
	rows := l.build(func() {
		write(51, 1)
		write(4, -1)
		write(2, 1)
	})
	if rows != 51 {
		t.Errorf("%d rows were read for two fields, want 51", rows)
	}
	check("built", 0)
	write(7, 0)
	check("written after", 0)
	l.machine().Declare(1, nil) // a version that is known
	check("declared again", 0)

	l.restart()
	check("restarted", 51)
	l.machine().Declare(2, declared)
	l.build(func() {})
	check("built after the restart", 0)
	l.machine().Declare(3, nil)
	check("no more declared", 51)
	if l.machine().Unbuilt() {
		t.Error("something is left to build")
	}
}
