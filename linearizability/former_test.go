package linearizability

import (
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// A read that may see a former collection of its name is explained by it, and by no other.
func TestFormerCollection(t *testing.T) {
	var h History
	put := func(at flow.Time, collection string, n byte, version uint64, x float32) {
		token := h.Begin(1, at, &flow.WriteRequest{Collection: collection, ID: flow.RequestID{15: n},
			Ops: []flow.Op{{Kind: flow.Upsert, ID: flow.NumberID(1), Vector: flow.Vector{x}}}})
		h.End(token, at+1, &flow.WriteResponse{Results: []flow.OpResult{{Status: flow.Applied, Version: version}}})
	}
	put(1, "c@1", 1, 5, 1)
	put(10, "c@2", 2, 9, 2)
	read := func(version uint64, x float32, former ...string) Verdict {
		again := h
		token := again.Begin(2, 20, &flow.GetRequest{Collection: "c@2", IDs: []flow.PointID{flow.NumberID(1)}, WithVector: true,
			Read: flow.ReadOptions{Level: flow.Any}})
		again.MayShow(token, former)
		again.End(token, 21, &flow.GetResponse{Points: []flow.Point{{ID: flow.NumberID(1), Version: version, Vector: flow.Vector{x}}}})
		return Check(&again, Options{})
	}
	for _, c := range []struct {
		name    string
		version uint64
		x       float32
		former  []string
		ok      bool
	}{
		{"its own", 9, 2, nil, true},
		{"its own, with a former", 9, 2, []string{"c@1"}, true},
		{"the former's", 5, 1, []string{"c@1"}, true},
		{"the former's, which it may not see", 5, 1, nil, false},
		{"nobody's", 5, 2, []string{"c@1"}, false},
	} {
		if v := read(c.version, c.x, c.former...); v.OK != c.ok {
			t.Errorf("%s: %v", c.name, v)
		}
	}
}

// Recall counts the nearer points that a search by graphs passed over.
func TestRecall(t *testing.T) {
	var h History
	for n := range byte(4) {
		token := h.Begin(1, flow.Time(n), &flow.WriteRequest{Collection: "c", ID: flow.RequestID{15: n + 1},
			Ops: []flow.Op{{Kind: flow.Upsert, ID: flow.NumberID(uint64(n)), Vector: flow.Vector{float32(n)}}}})
		h.End(token, flow.Time(n)+1, &flow.WriteResponse{Results: []flow.OpResult{{Status: flow.Applied, Version: uint64(n) + 1}}})
	}
	search := func(exact bool, ids ...uint64) {
		var hits []flow.Hit
		for _, id := range ids {
			hits = append(hits, flow.Hit{Point: flow.Point{ID: flow.NumberID(id), Version: id + 1}, Distance: float32(id * id)})
		}
		token := h.Begin(2, 20, &flow.SearchRequest{Collection: "c", Vector: flow.Vector{0}, K: 2, Exact: exact})
		h.End(token, 21, &flow.SearchResponse{Hits: hits, Metric: flow.Euclid})
	}
	search(false, 0, 1)
	search(false, 0, 2) // passes over 1
	search(false, 2, 3) // passes over 0 and 1
	if found, wanted := Recall(&h, Options{}, 0); found != 3 || wanted != 6 {
		t.Errorf("found %d of %d, not 3 of 6", found, wanted)
	}
	if found, wanted := Recall(&h, Options{}, 30); found != 0 || wanted != 0 {
		t.Errorf("after the last search it found %d of %d", found, wanted)
	}
}
