package pebble

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/ruvector-flow/ruvector-flow/disk"
)

// probe writes to a store and measures it.
type probe struct {
	*testing.T
	s      *Store
	random *rand.Rand
}

// write writes so many rows of so many bytes that do not compress.
func (p *probe) write(prefix string, rows, bytes int) {
	var b disk.Batch
	for i := range rows {
		value := make([]byte, bytes)
		for j := range value {
			value[j] = byte(p.random.Uint32())
		}
		b.Put(fmt.Appendf(nil, "%s%06d", prefix, i), value)
	}
	p.s.Apply(&b, false, nil)
}

func (p *probe) flush() {
	p.Helper()
	if err := p.s.db.Flush(); err != nil {
		p.Fatal(err)
	}
}

func (p *probe) size(lo, hi string) uint64 {
	p.Helper()
	view := p.s.Snapshot()
	defer view.Close()
	n, err := view.Size([]byte(lo), []byte(hi))
	if err != nil {
		p.Fatal(err)
	}
	return n
}

func (p *probe) check(when, lo, hi string, want, slack uint64) {
	p.Helper()
	if got := p.size(lo, hi); got+slack < want || got > want+slack {
		p.Errorf("%s: [%s, %s) takes %d bytes, want %d within %d", when, lo, hi, got, want, slack)
	}
}

// TestSizeThroughTables follows the sizes of two ranges and of the whole from the log into
// tables, through their removal, to the compaction that gives the bytes back.
func TestSizeThroughTables(t *testing.T) {
	s, err := Open("store", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const rows, rowBytes, large = 1000, 3 << 10, 700 << 10
	const one = rows * (rowBytes + 7)
	p := &probe{t, s, rand.New(rand.NewPCG(3, 4))}
	p.write("a", rows, rowBytes)
	p.check("in memory", "a", "b", one, 0)
	for _, prefix := range []string{"Z", "az", "bz"} { // as log entries lie beside rows
		p.write(prefix, 1, large)
	}
	p.flush()
	p.check("a large row", "az", "b", large+8, 8<<10)
	p.check("nothing beside a large row", "b", "bz", 0, 0)
	p.check("in tables", "a", "az", one, one/100)
	p.write("b", rows, rowBytes)
	p.check("beside what is in memory", "a", "az", one, one/100)
	p.check("in memory beside tables", "b", "bz", one, 0)
	p.check("in both", "a", "c", 2*one+2*large, one/50)
	p.flush()
	p.write("a", rows, rowBytes) // again: until a compaction both count
	p.flush()
	if s.db.Metrics().Compact.Count == 0 { // as it is with three tables
		p.check("written twice and not compacted", "a", "az", 2*one, one/50)
	}
	p.check("a row of a table, which is less than a block", "b000010", "b000011", rowBytes+7, 0)
	p.check("no row of a table", "b000010x", "b000011", 0, 0)

	var b disk.Batch
	b.DeleteRange([]byte("a"), []byte("b"))
	s.Apply(&b, false, nil)
	p.flush()
	if err := s.db.Compact(t.Context(), []byte("a"), []byte("z"), false); err != nil {
		t.Fatal(err)
	}
	p.check("removed and compacted", "a", "b", 0, 0)
	p.check("beside that", "b", "bz", one, one/100)
	s.readFigures()
	if f := s.Figures(); f.Used < p.size("a", "z") || f.Compactions == 0 || f.Flushes < 4 || f.CompactedBytes == 0 || f.LogWrittenBytes < 3*one {
		t.Errorf("the figures of the store: %+v", f)
	}
}

// FuzzDecodeKeys: what a table tells of its blocks is what was written, and whatever else is
// there makes no panic.
func FuzzDecodeKeys(f *testing.F) {
	f.Add("g\x00\x01S|g\x00\x01X|h")
	f.Add("\x00\x01")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		decodeKeys(text)
		c := &keyCollector{}
		for key := range strings.SplitSeq(text, "|") {
			c.keys = append(c.keys, []byte(key))
		}
		property, err := c.FinishTable(nil)
		if got := string(bytes.Join(decodeKeys(string(property)), []byte("|"))); err != nil || got != text {
			t.Errorf("%q becomes %q, %v", text, got, err)
		}
	})
}
