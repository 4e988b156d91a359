package pebble

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ruvector-flow/ruvector-flow/disk"
)

// TestSizeThroughTables follows the sizes of two ranges and of the whole from the log into
// tables, through their removal, to the compaction that gives the bytes back.
func TestSizeThroughTables(t *testing.T) {
	s, err := Open("store", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const rows, rowBytes = 1000, 3 << 10
	random := rand.New(rand.NewPCG(3, 4))
	write := func(prefix string) {
		var b disk.Batch
		for i := range rows {
			value := make([]byte, rowBytes)
			for j := range value {
				value[j] = byte(random.Uint32())
			}
			b.Put(fmt.Appendf(nil, "%s%06d", prefix, i), value)
		}
		s.Apply(&b, false, nil)
	}
	size := func(lo, hi string) uint64 {
		t.Helper()
		view := s.Snapshot()
		defer view.Close()
		n, err := view.Size([]byte(lo), []byte(hi))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	check := func(when, lo, hi string, want, slack uint64) {
		t.Helper()
		if got := size(lo, hi); got+slack < want || got > want+slack {
			t.Errorf("%s: [%s, %s) takes %d bytes, want %d within %d", when, lo, hi, got, want, slack)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const one = rows * (rowBytes + 7)
	write("a")
	check("in memory", "a", "b", one, 0)
	must(s.db.Flush())
	check("in tables", "a", "b", one, one/50+64<<10)
	write("b")
	check("beside what is in memory", "a", "b", one, one/50+64<<10)
	check("in memory beside tables", "b", "c", one, 0)
	check("in both", "a", "c", 2*one, one/25+64<<10)
	must(s.db.Flush())
	write("a") // again: until a compaction both count
	must(s.db.Flush())
	if got := size("a", "b"); got < one*5/4 && s.Figures().Compactions == 0 {
		t.Errorf("written twice and not compacted, the range takes %d bytes, one copy is %d", got, one)
	}

	// A single row among others is measured by itself, not by its block.
	check("a row of a table", "b000010", "b000011", rowBytes+7, 0)
	check("no row of a table", "b000010x", "b000011", 0, 0)

	var b disk.Batch
	b.DeleteRange([]byte("a"), []byte("b"))
	s.Apply(&b, false, nil)
	must(s.db.Flush())
	must(s.db.Compact(t.Context(), []byte("a"), []byte("z"), false))
	check("removed and compacted", "a", "b", 0, 0)
	check("beside that", "b", "c", one, one/50+64<<10)
	s.readFigures()
	if f := s.Figures(); f.Used < size("a", "z") || f.Compactions == 0 || f.Flushes < 4 || f.CompactedBytes == 0 || f.LogWrittenBytes < 3*one {
		t.Errorf("the figures of the store: %+v", f)
	}
}
