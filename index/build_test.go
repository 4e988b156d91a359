package index

import (
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// TestBuilderIsAccounted: what a Builder will hold is counted from its beginning until
// its graph is attached or its segment merged away.
func TestBuilderIsAccounted(t *testing.T) {
	all, _ := clustered(600, 32, 5)
	x := newIndex(t, 32, flow.Euclid)
	for i, v := range all {
		x.Insert(uint64(i), testID(i), v)
		if i%200 == 199 {
			x.Cut(SegmentID(i))
		}
	}
	idle := x.Bytes()
	a, b := x.Builder(199), x.Builder(399)
	if got := x.Bytes(); a.Bytes() == 0 || got != idle+a.Bytes()+b.Bytes() {
		t.Fatalf("%d bytes before, %d while builders hold %d and %d", idle, got, a.Bytes(), b.Bytes())
	}
	if again := x.Builder(199); x.Bytes() != idle+again.Bytes()+b.Bytes() {
		t.Fatalf("a second builder of a segment is counted beside the first")
	}
	built := finish(a)
	attached := built.block.bytes()
	if rows := uint64(200 * 32 * 4); attached < rows || attached > a.Bytes() {
		t.Fatalf("what was built holds %d bytes, %d of them rows; the builder said %d", attached, rows, a.Bytes())
	}
	if !x.Attach(built) {
		t.Fatal("not attached")
	}
	if _, _, ok := x.Merge(1, 199, 399); !ok {
		t.Fatal("not merged")
	}
	building := uint64(0)
	for _, s := range x.segments {
		building += s.building
	}
	if building != 0 || x.Attach(finish(b)) {
		t.Fatalf("%d bytes are counted for builders of merged segments", building)
	}
	checkAccounts(t, x)
}

// TestMergeOfTheDead: segments of which nothing lives leave none behind, and the rest of
// the index is searched as before.
func TestMergeOfTheDead(t *testing.T) {
	x := newIndex(t, 1, flow.Manhattan)
	for i := range uint64(30) {
		x.Insert(i, flow.NumberID(i), flow.Vector{float32(i)})
		if i%10 == 9 {
			x.Cut(SegmentID(i))
		}
	}
	for i := range uint64(20) {
		x.Remove(i)
	}
	info, dropped, ok := x.Merge(1, 9, 19)
	if !ok || info.Rows != 0 || len(dropped) != 20 || len(x.Segments()) != 1 {
		t.Fatalf("%+v, %v, %v, %+v left", info, dropped, ok, x.Segments())
	}
	if _, _, ok := x.Merge(2, 9, 29); ok {
		t.Fatal("merged a segment that is gone")
	}
	if x.Builder(1) != nil || x.Builder(9) != nil {
		t.Fatal("a builder of nothing")
	}
	x.Insert(30, flow.NumberID(30), flow.Vector{30})
	if got := x.View().Search(Query{Vector: flow.Vector{0}, K: 2}); len(got) != 2 || got[0].Slot != 20 || got[1].Slot != 21 {
		t.Fatalf("found %v", got)
	}
	checkAccounts(t, x)
}

// TestRestorePanics: what cannot be is said loudly.
func TestRestorePanics(t *testing.T) {
	two := []SegmentInfo{{ID: 1, FirstSlot: 10, LastSlot: 20}, {ID: 2, FirstSlot: 30, LastSlot: 40}}
	for name, call := range map[string]func(x *Index){
		"in use":         func(x *Index) { x.Insert(1, flow.NumberID(1), flow.Vector{1}); x.Restore(two) },
		"twice":          func(x *Index) { x.Restore(two); x.Restore(two) },
		"backwards":      func(x *Index) { x.Restore([]SegmentInfo{two[1], two[0]}) },
		"before all":     func(x *Index) { x.Restore(two); x.Insert(9, flow.NumberID(1), flow.Vector{1}) },
		"between ranges": func(x *Index) { x.Restore(two); x.Insert(25, flow.NumberID(1), flow.Vector{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			call(newIndex(t, 1, flow.Euclid))
		})
	}
}
