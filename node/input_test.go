package node_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

func upsert(id flow.PointID, v ...float32) []flow.Op {
	return []flow.Op{{Kind: flow.Upsert, ID: id, Vector: v}}
}

// badInput is what a node must refuse, by name, with the kind of its error and words
// that its message must hold.
type badInput struct {
	name  string
	req   flow.Request
	kind  flow.Kind
	words string
}

func badInputs() []badInput {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	id := flow.NumberID(1)
	long := flow.PointID("s" + strings.Repeat("x", flow.MaxPointIDBytes+1))
	many := make([]flow.Op, flow.MaxBatchPoints+1)
	ids := make([]flow.PointID, flow.MaxBatchPoints+1)
	for i := range many {
		many[i], ids[i] = upsert(flow.NumberID(uint64(i)), 1, 2)[0], id
	}
	payload := make([]byte, flow.MaxPayloadBytes)
	heavy := make([]flow.Op, flow.MaxBatchBytes/flow.MaxPayloadBytes)
	for i := range heavy {
		heavy[i] = flow.Op{Kind: flow.Upsert, ID: flow.NumberID(uint64(i)), Vector: flow.Vector{1, 2}, Payload: payload}
	}
	write := func(ops ...flow.Op) flow.Request { return &flow.WriteRequest{Collection: "films", Ops: ops} }
	search := func(k int, v ...float32) flow.Request {
		return &flow.SearchRequest{Collection: "films", Vector: v, K: k}
	}
	const bad = flow.InvalidArgument
	return []badInput{
		{"write: wrong dimension", write(append(upsert(id, 1, 2), upsert(id, 1, 2, 3)...)...), bad, "points[1] 3 components dimension 2"},
		{"write: no vector", write(upsert(id)...), bad, "points[0] 0 components dimension 2"},
		{"write: NaN", write(upsert(id, 1, nan)...), bad, "points[0] component 1 NaN"},
		{"write: infinity", write(upsert(id, inf, 1)...), bad, "points[0] component 0 Inf"},
		{"write: unknown collection", &flow.WriteRequest{Collection: "nothing", Ops: upsert(id, 1, 2)}, flow.NotFound, `"nothing" not exist`},
		{"write: zero vector by cosine", &flow.WriteRequest{Collection: "angles", Ops: upsert(id, 0, 0)}, bad, "points[0] zero cosine"},
		{"write: empty batch", write(), bad, "points empty"},
		{"write: too many points", write(many...), bad, "points 10001 10000"},
		{"write: too many bytes", write(heavy...), bad, "points bytes limit"},
		{"write: payload too long", write(flow.Op{Kind: flow.Upsert, ID: id, Vector: flow.Vector{1, 2}, Payload: make([]byte, flow.MaxPayloadBytes+1)}), bad, "points[0].payload limit"},
		{"write: id too long", write(upsert(long, 1, 2)...), bad, "points[0].id 512"},
		{"write: no id", write(upsert("", 1, 2)...), bad, "points[0].id missing"},
		{"write: unknown operation", write(flow.Op{Kind: 9, ID: id}), bad, "points[0] operation"},
		{"delete: id too long", write(flow.Op{Kind: flow.Delete, ID: long}), bad, "points[0].id 512"},
		{"get: no ids", &flow.GetRequest{Collection: "films"}, bad, "ids empty"},
		{"get: too many ids", &flow.GetRequest{Collection: "films", IDs: ids}, bad, "ids 10001 10000"},
		{"get: id too long", &flow.GetRequest{Collection: "films", IDs: []flow.PointID{id, long}}, bad, "ids[1] 512"},
		{"get: unknown collection", &flow.GetRequest{Collection: "nothing", IDs: []flow.PointID{id}}, flow.NotFound, `"nothing" not exist`},
		{"count: unknown collection", &flow.CountRequest{Collection: "nothing"}, flow.NotFound, `"nothing" not exist`},
		{"search: k = 0", search(0, 1, 2), bad, "(k) 0 1..10000"},
		{"search: k < 0", search(-1, 1, 2), bad, "(k) -1 1..10000"},
		{"search: k too large", search(flow.MaxK+1, 1, 2), bad, "(k) 10001 1..10000"},
		{"search: wrong dimension", search(1, 1), bad, "query 1 components dimension 2"},
		{"search: NaN", search(1, nan, 2), bad, "query component 0 NaN"},
		{"search: infinity", search(1, 2, -inf), bad, "query component 1 Inf"},
		{"search: unknown collection", &flow.SearchRequest{Collection: "nothing", Vector: flow.Vector{1, 2}, K: 1}, flow.NotFound, `"nothing" not exist`},
		{"scroll: limit 0", &flow.ScrollRequest{Collection: "films"}, bad, "limit 0 1..10000"},
		{"scroll: limit too large", &flow.ScrollRequest{Collection: "films", Limit: flow.MaxScroll + 1}, bad, "limit 10001 1..10000"},
		{"create: no name", &flow.CreateCollectionRequest{Dim: 2, Metric: flow.Euclid}, bad, "name 1 255"},
		{"create: name too long", &flow.CreateCollectionRequest{Name: strings.Repeat("x", 256), Dim: 2, Metric: flow.Euclid}, bad, "name 255 256"},
		{"create: name with a slash", &flow.CreateCollectionRequest{Name: "a/b", Dim: 2, Metric: flow.Euclid}, bad, `name "a/b" slash`},
		{"create: name that is not UTF-8", &flow.CreateCollectionRequest{Name: "a\xff", Dim: 2, Metric: flow.Euclid}, bad, "name UTF-8"},
		{"create: dimension 0", &flow.CreateCollectionRequest{Name: "new", Metric: flow.Euclid}, bad, "size 0 1..65536"},
		{"create: dimension too large", &flow.CreateCollectionRequest{Name: "new", Dim: flow.MaxDim + 1, Metric: flow.Euclid}, bad, "size 65537 1..65536"},
		{"create: no distance", &flow.CreateCollectionRequest{Name: "new", Dim: 2}, bad, "distance missing"},
		{"join: no name", &flow.JoinRequest{Addr: "a:1", Nonce: [16]byte{9}}, bad, "node id"},
		{"join: name with a space", &flow.JoinRequest{Name: "a b", Addr: "a:1", Nonce: [16]byte{9}}, bad, `node id "a b" spaces`},
		{"join: no address", &flow.JoinRequest{Name: "new", Nonce: [16]byte{9}}, bad, "addr empty"},
		{"join: no nonce", &flow.JoinRequest{Name: "new", Addr: "a:1"}, bad, "nonce zero"},
	}
}

// Bad input gets a clear error that names the field, on every node, and changes
// nothing: no log grows, no digest moves.
func TestBadInput(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("nodes=%d", nodes), func(t *testing.T) {
			c := newCluster(t, nodes)
			c.create("films", 2, flow.Euclid)
			c.create("angles", 2, flow.Cosine)
			if err := c.write(c.hosts[0], "films", 1, 2, 3).Err; err != nil {
				t.Fatal(err)
			}
			c.await("all is applied", func() bool { return c.quiet() })
			before := c.state()
			for _, in := range badInputs() {
				for i, h := range c.hosts {
					c.t = t
					err := call[flow.Response](h, in.req).Error()
					checkError(t, fmt.Sprintf("%s on node %d", in.name, i+1), err, in.kind, in.words)
				}
			}
			for range 20 {
				c.step()
			}
			if after := c.state(); after != before {
				t.Errorf("bad input changed something:\n%s\n%s", before, after)
			}
		})
	}
}

// quiet says that no replica's position has changed for a second.
func (c *cluster) quiet() bool {
	before := c.state()
	for range 40 {
		c.step()
	}
	return c.state() == before
}

func checkError(t *testing.T, what string, err error, kind flow.Kind, words string) {
	t.Helper()
	if err == nil || flow.KindOf(err) != kind {
		t.Errorf("%s: error is %v, want %v", what, err, kind)
		return
	}
	for word := range strings.FieldsSeq(words) {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: the message lacks %q: %v", what, word, err)
		}
	}
	if s := err.Error(); strings.Contains(s, "%!") || strings.Contains(s, "<nil>") {
		t.Errorf("%s: the message is broken: %v", what, err)
	}
}
