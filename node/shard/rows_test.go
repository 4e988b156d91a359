package shard_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"pgregory.net/rapid"
)

// A vector of another length than the collection's fails by itself and changes
// nothing; the rest of its command is applied.
func TestDimensionInLog(t *testing.T) {
	l := newLone(t)
	c := collection(1)
	wrong := flow.Op{Kind: flow.Upsert, ID: "sa", Vector: make(flow.Vector, c.Dim+1)}
	right := flow.Op{Kind: flow.Upsert, ID: "sb", Vector: make(flow.Vector, c.Dim)}
	res := l.run(request(epoch, 1), shard.EncodeWrite(flow.NewestFormat, c, []flow.Op{wrong, right}, []int{0, 1}))
	want := answer{results: []flow.OpResult{{Status: flow.Failed}, {Status: flow.Applied, Version: res.Index}}}
	if got := decode(t, res); !equalAnswers(got, want) {
		t.Errorf("answered %+v, want %+v", got, want)
	}
	if n := l.machine().Count(1); n != 1 {
		t.Errorf("the collection has %d points, want 1", n)
	}
}

// A command holds the operations of the positions given, in their order.
func TestPositions(t *testing.T) {
	l := newLone(t)
	c := collection(1)
	op := func(id flow.PointID) flow.Op {
		return flow.Op{Kind: flow.Upsert, ID: id, Vector: make(flow.Vector, c.Dim)}
	}
	ops := []flow.Op{op("sa"), op("sb"), {Kind: flow.Delete, ID: "sc"}, op("sc")}
	if got := decode(t, l.run(request(epoch, 1), shard.EncodeWrite(flow.NewestFormat, c, ops, []int{3, 2, 1}))); len(got.results) != 3 {
		t.Fatalf("answered %+v", got)
	}
	for id, want := range map[flow.PointID]bool{"sa": false, "sb": true, "sc": false} {
		if _, ok := l.machine().Slot(1, id); ok != want {
			t.Errorf("point %q exists: %v, want %v", id, ok, want)
		}
	}
}

// Rows that no shard has written are corruption, not a panic.
func TestMalformedRows(t *testing.T) {
	be := func(tag byte, ids ...uint64) []byte {
		k := []byte{tag}
		for _, id := range ids {
			k = binary.BigEndian.AppendUint64(k, id)
		}
		return k
	}
	for _, c := range []struct {
		name       string
		key, value []byte
	}{
		{"empty key", nil, nil},
		{"unknown kind", be('z', 1), nil},
		{"short key", []byte{'c', 1}, nil},
		{"collection of dimension 0", be('c', 2), []byte{0, 1, 16, 200, 1, 0}},
		{"collection of too many dimensions", be('c', 2), []byte{0x81, 0x80, 0x04, 1, 16, 200, 1, 0}},
		{"collection without metric", be('c', 2), []byte{2, 0, 16, 200, 1, 0}},
		{"collection of too many neighbours", be('c', 2), []byte{2, 1, 200, 1, 200, 1, 0}},
		{"collection of unknown quantization", be('c', 2), []byte{2, 1, 16, 200, 1, 3}},
		{"collection cut short", be('c', 2), []byte{2, 1, 16, 200}},
		{"collection with more", be('c', 2), []byte{2, 1, 16, 200, 1, 0, 0}},
		{"id of no collection", append(be('i', 2), "sa"...), be(0, 1)[1:]},
		{"point of no collection", be('r', 2, 1), []byte{2, 's', 'a', 2, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"point without id row", be('r', 1, 1), []byte{2, 's', 'a', 2, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"point without vector", be('r', 1, 7), []byte{2, 's', 'p', 0}},
		{"point of another slot", be('r', 1, 8), []byte{2, 's', 'p', 2, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"segment of no collection", be('g', 2, 1), []byte{1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"segment without rows", be('g', 1, 1), []byte{1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"segment that ends before it begins", be('g', 1, 1), []byte{3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"payload without point", be('t', 1, 7), []byte("{}")},
		{"point cut short", be('r', 1, 1), []byte{2, 's', 'a', 2, 0, 0, 0, 0}},
		{"request id of 15 bytes", make([]byte, 16), nil},
	} {
		m := shard.New(nil)
		if err := m.Restore(be('c', 1), []byte{2, 1, 16, 200, 1, 0}); err != nil {
			t.Fatal(err)
		}
		if err := m.Restore(append(be('i', 1), "sp"...), be(0, 7)[1:]); err != nil {
			t.Fatal(err)
		}
		if err := m.Restore(c.key, c.value); flow.KindOf(err) != flow.Corrupt {
			t.Errorf("%s: error is %v, want %v", c.name, err, flow.Corrupt)
		}
	}
	if _, err := shard.DecodeSlot(make([]byte, 7)); flow.KindOf(err) != flow.Corrupt {
		t.Errorf("an id row of seven bytes: error is %v", err)
	}
	for _, value := range [][]byte{{}, {2, 's'}, {2, 's', 'a', 1, 0, 0, 0}, {2, 's', 'a', 0, 9}} {
		if _, err := shard.DecodePoint(1, value); flow.KindOf(err) != flow.Corrupt {
			t.Errorf("point row %x: error is %v", value, err)
		}
	}
}

// DecodePoint returns a copy; the payload has a row of its own.
func TestDecodePoint(t *testing.T) {
	l := newLone(t)
	c := collection(1)
	want := flow.Point{ID: "sa", Vector: flow.Vector{1, 2}}
	payload := []byte(`{"a":1}`)
	res := l.run(request(epoch, 1), shard.EncodeWrite(flow.NewestFormat, c, []flow.Op{{Kind: flow.Upsert, ID: want.ID, Vector: want.Vector, Payload: payload}}, []int{0}))
	want.Version = res.Index
	slot, _ := l.machine().Slot(1, "sa")
	row := l.get(shard.PointKey(1, slot))
	got, err := shard.DecodePoint(slot, row)
	clear(row)
	if err != nil || !equalPoints(got, want) {
		t.Errorf("%+v, error %v, want %+v", got, err, want)
	}
	if got := l.get(shard.PayloadKey(1, slot)); !bytes.Equal(got, payload) {
		t.Errorf("the payload row holds %q, want %q", got, payload)
	}
	l.run(request(epoch, 2), shard.EncodeWrite(flow.NewestFormat, c, []flow.Op{{Kind: flow.Upsert, ID: want.ID, Vector: want.Vector}}, []int{0}))
	if keys, _ := l.rows(); slices.ContainsFunc(keys, func(k []byte) bool { return k[0] == 't' }) {
		t.Errorf("a payload row is left: %q", keys)
	}
}

// Results and rows from a stranger are refused or read, without a panic and without
// memory for what is not there.
func TestDecodeAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		if _, results, err := shard.DecodeResult(b); err == nil && len(results) > flow.MaxBatchPoints {
			t.Fatalf("%d results", len(results))
		}
		_, _ = shard.DecodePoint(1, b)
		m := shard.New(nil)
		_ = m.Restore(b, b)
	})
	if _, _, err := shard.DecodeResult([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 1}); err == nil {
		t.Error("a result of billions of operations is taken")
	}
}

// What Admit lets into the log Apply carries out, without a panic.
func TestAdmitted(t *testing.T) {
	c := collection(1)
	good := [][]byte{
		shard.EncodeWrite(flow.NewestFormat, c, []flow.Op{
			{Kind: flow.Upsert, ID: "sa", Vector: flow.Vector{1, 2}, Payload: []byte("{}"), If: true},
			{Kind: flow.Delete, ID: flow.NumberID(7), If: true, IfVersion: 300},
		}, []int{0, 1}),
		shard.EncodeDrop(1, []flow.CollectionID{1, 2}),
		shard.EncodeCut(1, 0), shard.EncodeMerge(1, 3, 4), shard.EncodeBuilt(1, 3, 5),
	}
	rapid.Check(t, func(t *rapid.T) {
		l := newLone(t)
		for n := range uint64(20) {
			body := bytes.Clone(rapid.SampledFrom(good).Draw(t, "command"))
			at := rapid.IntRange(0, len(body)-1).Draw(t, "at")
			body[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			body = body[:rapid.IntRange(at+1, len(body)).Draw(t, "length")]
			if id := request(epoch, n); l.machine().Admit(replica.Command{Request: id, Time: epoch, Body: body}) == nil {
				l.run(id, body)
			}
		}
		l.restart()
	})
}
