package linearizability

import (
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// contains is the filter of these tests: a payload that holds the filter's text passes.
func contains(f flow.Filter, _ flow.PointID, payload []byte) bool {
	return strings.Contains(string(payload), string(f))
}

// filtered is a history of three points with payloads: point 1 "a", point 2 "b", then
// "ab" at version 3, point 3 "b", and of one read after them.
func filtered(req flow.Request, resp flow.Response) *History {
	h, at := &History{}, flow.Time(0)
	write := func(id, version uint64, payload string) {
		at++
		t := h.Begin(1, at, &flow.WriteRequest{Collection: "c", Ops: []flow.Op{{Kind: flow.Upsert, ID: flow.NumberID(id), Vector: flow.Vector{float32(id)}, Payload: []byte(payload)}}})
		at++
		h.End(t, at, &flow.WriteResponse{Results: []flow.OpResult{{Status: flow.Applied, Version: version}}})
	}
	write(1, 1, "a")
	write(2, 2, "b")
	write(2, 3, "ab")
	write(3, 4, "b")
	t := h.Begin(2, at+1, req)
	h.End(t, at+2, resp)
	return h
}

func hits(ids ...uint64) *flow.SearchResponse {
	resp := &flow.SearchResponse{Metric: flow.Manhattan}
	for _, id := range ids {
		resp.Hits = append(resp.Hits, flow.Hit{Point: flow.Point{ID: flow.NumberID(id), Version: map[uint64]uint64{1: 1, 2: 3, 3: 4}[id]}, Distance: float32(id)})
	}
	return resp
}

func page(next uint64, ids ...uint64) *flow.ScrollResponse {
	resp := &flow.ScrollResponse{}
	for _, h := range hits(ids...).Hits {
		resp.Points = append(resp.Points, h.Point)
	}
	if next > 0 {
		resp.Next = flow.NumberID(next)
	}
	return resp
}

// TestFilteredReads: of reads with a filter exactly the points that pass it may and must
// be in the answer.
func TestFilteredReads(t *testing.T) {
	a := flow.Filter("a")
	search := func(k int, exact bool) *flow.SearchRequest {
		return &flow.SearchRequest{Collection: "c", Vector: flow.Vector{0}, K: k, Exact: exact, Filter: a}
	}
	scroll := &flow.ScrollRequest{Collection: "c", Limit: 3, Filter: a}
	for _, c := range []struct {
		name  string
		req   flow.Request
		resp  flow.Response
		wrong string
	}{
		{"count", &flow.CountRequest{Collection: "c", Filter: a}, &flow.CountResponse{Count: 2}, ""},
		{"count of all", &flow.CountRequest{Collection: "c"}, &flow.CountResponse{Count: 3}, ""},
		{"count of too many", &flow.CountRequest{Collection: "c", Filter: a}, &flow.CountResponse{Count: 3}, "it counted 3 points, there were 2"},
		{"count of too few", &flow.CountRequest{Collection: "c", Filter: a}, &flow.CountResponse{Count: 1}, "it counted 1 points, there were 2"},
		{"scroll", scroll, page(0, 1, 2), ""},
		{"scroll that stops", scroll, page(3, 1, 2), ""},
		{"scroll of one that does not pass", scroll, page(0, 1, 2, 3), "does not pass the filter"},
		{"scroll that lacks one", scroll, page(0, 1), "not in the answer"},
		{"search", search(3, false), hits(1, 2), ""},
		{"exact search", search(1, true), hits(1), ""},
		{"search with one that does not pass", search(3, false), hits(1, 2, 3), "does not pass the filter"},
		{"search that is short", search(2, false), hits(1), "missing from 1 hits of 2"},
		{"exact search without the nearest", search(1, true), hits(2), "nearer than the last one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := Check(filtered(c.req, c.resp), Options{Pass: contains})
			if v.OK != (c.wrong == "") || !strings.Contains(v.Reason, c.wrong) {
				t.Errorf("verdict %v, want %q", v, c.wrong)
			}
		})
	}
}
