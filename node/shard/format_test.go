package shard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// The bytes of a write in each format version and of the rows that it leaves. Nodes of
// two versions read the same logs and rows: what stands here never changes.
//
//	write format=N
//	rows
func TestFormats(t *testing.T) {
	l := newLone(t)
	n := uint64(0)
	datadriven.RunTest(t, "testdata/formats", func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd == "write" {
			var format int
			d.ScanArgs(t, "format", &format)
			n++
			c := flow.Collection{ID: 3, Name: "c", Dim: 2, Metric: flow.Euclid}
			body := shard.EncodeWrite(flow.FormatVersion(format), c, []flow.Op{
				{Kind: flow.Upsert, ID: flow.NumberID(7), Vector: flow.Vector{1, -0.5}, Payload: []byte(`{"a":1}`)},
				{Kind: flow.Delete, ID: "sx", If: true, IfVersion: 9},
			}, []int{0, 1})
			return fmt.Sprintf("%x\nresult %x\n", body, l.run(request(epoch, n), body).Result)
		}
		var s strings.Builder
		prefix := l.r.StatePrefix()
		if err := l.disk.Scan(prefix, disk.After(prefix), func(key, value []byte) bool {
			fmt.Fprintf(&s, "%c %x = %x\n", key[len(prefix)], key[len(prefix)+1:], value)
			return true
		}); err != nil {
			d.Fatalf(t, "scan: %v", err)
		}
		return s.String()
	})
}

// What a program of a former version would not understand is an error that names both
// versions: no field is dropped.
func TestFormerVersion(t *testing.T) {
	const want = "the command is of format version 2, this node understands up to 1"
	m, c := shard.New(nil).Reads(1), replica.Command{Request: request(epoch, 1), Time: epoch, Body: upsertIn(2, "sa", 1)}
	if err := m.Admit(c); err == nil || err.Kind != flow.InvalidArgument || !strings.Contains(err.Error(), want) {
		t.Errorf("Admit: %v, want %q", err, want)
	}
	func() {
		defer func() {
			if err, _ := recover().(error); flow.KindOf(err) != flow.Corrupt || !strings.Contains(err.Error(), want) {
				t.Errorf("Apply ends with %v, want a panic with %q", err, want)
			}
		}()
		m.Apply(1, c, nil)
	}()
	key := append([]byte{'e'}, make([]byte, 16)...)
	value := []byte{1, 2, 3, 4, 5, 6, 7, 8, 0, 0}
	if err := shard.New(nil).Reads(1).Restore(key, value); flow.KindOf(err) != flow.Corrupt || err == nil {
		t.Errorf("a row of version 2 is restored with error %v", err)
	}
	for n, wellFormed := range map[int]bool{len(value): true, 8: true, 7: false, 0: false} {
		if err := shard.New(nil).Restore(key, value[:n]); (err == nil) != wellFormed {
			t.Errorf("a row of %d bytes is restored with error %v", n, err)
		}
	}
	if err := shard.New(nil).Restore(key, make([]byte, 10)); err == nil {
		t.Error("a row with checksum 0, which is none, is restored")
	}
}
