package node_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// readAll reads a collection in every way there is, on one host, and returns the ids.
func readAll(t *testing.T, h *host, name string, opts flow.ReadOptions) []uint64 {
	t.Helper()
	scroll := call[*flow.ScrollResponse](h, &flow.ScrollRequest{Collection: name, Limit: 1000, WithVector: true, Read: opts})
	count := call[*flow.CountResponse](h, &flow.CountRequest{Collection: name, Read: opts})
	search := call[*flow.SearchResponse](h, &flow.SearchRequest{Collection: name, Vector: flow.Vector{0, 1}, K: 1000, Exact: true, Read: opts})
	for _, err := range []error{scroll.Err, count.Err, search.Err} {
		if err != nil {
			t.Fatalf("reading %s: %v", name, err)
		}
	}
	var numbers []uint64
	var ids []flow.PointID
	for _, p := range scroll.Points {
		n, _ := p.ID.Number()
		numbers, ids = append(numbers, n), append(ids, p.ID)
		if len(p.Vector) != 2 || p.Vector[0] != float32(n) {
			t.Errorf("point %v has vector %v", p.ID, p.Vector)
		}
	}
	var found []flow.PointID
	for _, hit := range search.Hits { // by distance from (0,1), which is by number
		found = append(found, hit.ID)
	}
	if count.Count != uint64(len(ids)) || !slices.Equal(found, ids) {
		t.Errorf("scroll finds %v, search %v, count %d", ids, found, count.Count)
	}
	if len(ids) > 0 {
		get := call[*flow.GetResponse](h, &flow.GetRequest{Collection: name, IDs: ids, Read: opts})
		if get.Err != nil || len(get.Points) != len(ids) {
			t.Errorf("get finds %d points of %d, error %v", len(get.Points), len(ids), get.Err)
		}
	}
	return numbers
}

func (c *cluster) expect(name string, want ...uint64) {
	c.t.Helper()
	for i, h := range c.hosts {
		if got := readAll(c.t, h, name, flow.ReadOptions{}); !slices.Equal(got, want) {
			c.t.Errorf("node %d reads points %v, want %v", i+1, got, want)
		}
	}
}

func remove(numbers ...uint64) (ops []flow.Op) {
	for _, n := range numbers {
		ops = append(ops, flow.Op{Kind: flow.Delete, ID: flow.NumberID(n)})
	}
	return ops
}

// A full disk refuses what would fill it further, before it is in danger. Reads go
// on, and writing does when there is space again.
func TestDiskFull(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("nodes=%d", nodes), func(t *testing.T) {
			c := newCluster(t, nodes)
			c.create("films", 2, flow.Euclid)
			if err := c.write(c.hosts[0], "films", 1, 2, 3).Err; err != nil {
				t.Fatal(err)
			}
			for _, h := range c.hosts {
				h.Capacity = h.Usage().Used + 1<<20
			}
			c.quiet()
			before := c.state()
			for i, h := range c.hosts {
				err := c.write(h, "films", 4).Err
				checkError(t, fmt.Sprintf("writing on node %d", i+1), err, flow.ResourceExhausted, "disk full space")
			}
			if after := c.state(); after != before {
				t.Errorf("a refused write changed something:\n%s\n%s", before, after)
			}
			c.expect("films", 1, 2, 3)
			for _, h := range c.hosts {
				h.Capacity = 1 << 40
			}
			c.quiet()
			for i, h := range c.hosts {
				if err := c.write(h, "films", uint64(10+i)).Err; err != nil {
					t.Errorf("with space again, writing on node %d: %v", i+1, err)
				}
			}
		})
	}
}

// verify asks for the digests of all replicas and compares them.
func (c *cluster) verify() {
	c.t.Helper()
	verdict := call[*flow.VerifyResponse](c.hosts[0], &flow.VerifyRequest{})
	if verdict.Err != nil || len(verdict.Shards) != shards+1 {
		c.t.Errorf("verify: %d verdicts, error %v", len(verdict.Shards), verdict.Err)
	}
	for _, v := range verdict.Shards {
		if !v.Equal || len(v.Digests) != len(c.hosts) {
			c.t.Errorf("shard %v: %+v", v.Shard, v)
		}
	}
}

// A retry is answered with the first result, on whichever node it arrives, and has
// no second effect; an id that can no longer or not yet be known is refused.
func TestRetry(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	req := func(id flow.RequestID) *flow.WriteRequest {
		ops := append(upsert(flow.NumberID(1), 1, 1), upsert(flow.NumberID(2), 2, 1)...)
		return &flow.WriteRequest{ID: id, Collection: "films", Ops: append(ops, remove(3)...)}
	}
	id := flow.NewRequestID(c.now, [10]byte{1})
	first := call[*flow.WriteResponse](c.hosts[0], req(id))
	if first.Err != nil || first.ID != id {
		t.Fatalf("first: %+v", first)
	}
	if r := call[*flow.WriteResponse](c.hosts[1], &flow.WriteRequest{Collection: "films", Ops: remove(1)}); r.Err != nil {
		t.Fatal(r.Err)
	}
	for i, h := range c.hosts {
		again := call[*flow.WriteResponse](h, req(id))
		if again.Err != nil || !slices.Equal(again.Results, first.Results) {
			t.Errorf("on node %d the retry is answered %+v, the first was %+v", i+1, again, first)
		}
	}
	c.expect("films", 2)
	for _, in := range []struct {
		name  string
		at    time.Duration
		kind  flow.Kind
		words string
	}{
		{"an id that is too old", -6 * time.Minute, flow.Conflict, "request id older retry"},
		{"an id that is too early", 2 * time.Minute, flow.InvalidArgument, "request id ahead clock"},
	} {
		err := call[*flow.WriteResponse](c.hosts[2], req(flow.NewRequestID(c.now.Add(in.at), [10]byte{2}))).Err
		checkError(t, in.name, err, in.kind, in.words)
	}
	c.expect("films", 2)
}

// A conditional write happens only at the version it names; the others of its
// request do not depend on it.
func TestCompareAndSet(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	id := flow.NumberID(1)
	set := func(h *host, version uint64) flow.OpResult {
		op := upsert(id, 1, 1)[0]
		op.If, op.IfVersion = true, version
		r := call[*flow.WriteResponse](h, &flow.WriteRequest{Collection: "films", Ops: []flow.Op{op}})
		if r.Err != nil || len(r.Results) != 1 {
			t.Fatalf("%+v", r)
		}
		return r.Results[0]
	}
	first := set(c.hosts[0], 0)
	if first.Status != flow.Applied || first.Version == 0 {
		t.Fatalf("creating: %+v", first)
	}
	for i, h := range c.hosts {
		for _, version := range []uint64{0, first.Version - 1, first.Version + 1} {
			if r := set(h, version); r.Status != flow.Conflicted || r.Version != first.Version {
				t.Errorf("on node %d, at version %d: %+v, the point has %d", i+1, version, r, first.Version)
			}
		}
	}
	second := set(c.hosts[2], first.Version)
	get := call[*flow.GetResponse](c.hosts[1], &flow.GetRequest{Collection: "films", IDs: []flow.PointID{id, flow.NumberID(9)}})
	if second.Status != flow.Applied || len(get.Points) != 1 || get.Points[0].Version != second.Version || second.Version <= first.Version {
		t.Errorf("the second write: %+v, then the point is %+v", second, get.Points)
	}
}

// Every level answers on every node, and says where from.
func TestReadLevels(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	for n := range uint64(8) {
		w := c.write(c.hosts[n%3], "films", n)
		if w.Err != nil || len(w.Token) != 1 {
			t.Fatalf("write: %+v", w)
		}
		for i, h := range c.hosts {
			for _, opts := range []flow.ReadOptions{{}, {Level: flow.Session, Token: w.Token}} {
				get := call[*flow.GetResponse](h, &flow.GetRequest{Collection: "films", IDs: []flow.PointID{flow.NumberID(n)}, Read: opts})
				if get.Err != nil || len(get.Points) != 1 || get.Shards.Index(w.Token[0].Shard) < w.Token[0].Index {
					t.Errorf("node %d, %v: the write of a moment ago is not there: %+v", i+1, opts.Level, get)
				}
			}
		}
	}
	c.quiet()
	for _, opts := range []flow.ReadOptions{{Level: flow.Bounded, MaxStaleness: time.Second}, {Level: flow.Bounded}, {Level: flow.Any}} {
		for i, h := range c.hosts {
			if got := readAll(t, h, "films", opts); len(got) != 8 {
				t.Errorf("node %d, %v: points %v", i+1, opts.Level, got)
			}
		}
	}
	r := call[*flow.CountResponse](c.hosts[0], &flow.CountRequest{Collection: "films", Read: flow.ReadOptions{Level: flow.Any}})
	if !r.Stale || len(r.Shards) != shards {
		t.Errorf("level any: %+v", r)
	}
}

// A scroll gives every point once, in the order of ids, whatever the page.
func TestScrollPages(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	var want []uint64
	for n := range uint64(25) {
		want = append(want, n)
	}
	if err := c.write(c.hosts[1], "films", want...).Err; err != nil {
		t.Fatal(err)
	}
	for limit := 1; limit <= 26; limit += 6 {
		var got []uint64
		from := flow.PointID("")
		for range 30 {
			page := call[*flow.ScrollResponse](c.hosts[limit%3], &flow.ScrollRequest{Collection: "films", From: from, Limit: limit})
			if page.Err != nil || len(page.Points) > limit {
				t.Fatalf("limit %d: %d points, error %v", limit, len(page.Points), page.Err)
			}
			for _, p := range page.Points {
				n, _ := p.ID.Number()
				got = append(got, n)
			}
			if from = page.Next; from == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
}
