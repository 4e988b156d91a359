package node_test

import (
	"fmt"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// small makes graphs of a few points, so that a test reaches all that becomes of them.
var small = node.Tuning{Index: node.IndexTuning{
	MinRows: 10, CutRows: 40, IdleTicks: 8, MergeFanIn: 3, GraceTicks: 40, AuditEvery: 4, ChunkBytes: 64,
}}

// newTuned is newCluster with graphs of a few points.
func newTuned(t *testing.T, nodes int) *cluster {
	c := newCluster(t, nodes)
	for i, h := range c.hosts {
		h.tuning = small
		c.restart(i)
	}
	return c
}

// restart stops a node, as a crash would, and starts it on what its disk holds.
func (c *cluster) restart(i int) {
	c.t.Helper()
	h := c.hosts[i]
	h.n.Close()
	h.done = nil
	h.start(fmt.Sprintf("node%d:1", i+1))
}

func (c *cluster) writeMany(name string, from, to uint64) {
	c.t.Helper()
	var numbers []uint64
	for n := from; n < to; n++ {
		numbers = append(numbers, n)
	}
	if err := c.write(c.hosts[0], name, numbers...).Err; err != nil {
		c.t.Fatal(err)
	}
}

// indexed says that every replica searches every segment by a graph, that there are
// some, and that all have the same.
func (c *cluster) indexed() bool {
	first := c.hosts[0].n.Graphs()
	for _, h := range c.hosts {
		for _, r := range h.n.Replicas() {
			if r.Segments != r.Graphs || r.BadGraphs != 0 {
				return false
			}
		}
		if !slices.Equal(h.n.Graphs(), first) {
			return false
		}
	}
	return len(first) > 0
}

// checkSearches asks every node for the nearest points, exactly and not, and wants the
// right ones.
func (c *cluster) checkSearches(name string, points uint64) {
	c.t.Helper()
	for i, h := range c.hosts {
		for _, exact := range []bool{true, false} {
			for _, at := range []uint64{0, points / 2, points - 1} {
				res := call[*flow.SearchResponse](h, &flow.SearchRequest{Collection: name, Vector: flow.Vector{float32(at), 1}, K: 1, Exact: exact, WithPayload: true})
				if res.Err != nil || len(res.Hits) != 1 || res.Hits[0].ID != flow.NumberID(at) || res.Hits[0].Distance != 0 {
					c.t.Fatalf("node %d, exact %v, nearest to point %d: %+v, error %v", i+1, exact, at, res.Hits, res.Err)
				}
			}
		}
	}
}

// Writes become graphs, the same on every replica, by themselves; more writes become
// part of them, and removed points go.
func TestGraphs(t *testing.T) {
	c := newTuned(t, 3)
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 500)
	c.await("all is indexed", c.indexed)
	c.checkSearches("films", 500)
	c.writeMany("films", 100, 900)
	c.await("all is indexed again", c.indexed)
	c.quiet()
	c.await("all is indexed again", c.indexed)
	c.checkSearches("films", 900)
	graphs := c.hosts[0].n.Graphs()
	if len(graphs) > 2*shards {
		t.Errorf("idle shards have %d graphs: %+v", len(graphs), graphs)
	}
	if r := call[*flow.WriteResponse](c.hosts[1], &flow.WriteRequest{Collection: "films", Ops: remove(upTo(800)...)}); r.Err != nil {
		t.Fatal(r.Err)
	}
	c.quiet()
	c.await("all is indexed without what was removed", c.indexed)
	if res := call[*flow.SearchResponse](c.hosts[2], &flow.SearchRequest{Collection: "films", Vector: flow.Vector{0, 1}, K: 1000}); len(res.Hits) != 100 {
		t.Errorf("%d points are left, want 100", len(res.Hits))
	}
	c.verify()
}

func upTo(n uint64) (numbers []uint64) {
	for i := range n {
		numbers = append(numbers, i)
	}
	return numbers
}

// A node that starts again has its graphs from its own disk, before it hears of anybody.
func TestGraphsAfterRestart(t *testing.T) {
	c := newTuned(t, 3)
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 600)
	c.quiet()
	c.await("all is indexed", c.indexed)
	c.quiet() // stored, too
	want := c.hosts[1].n.Graphs()
	c.restart(1)
	for range 5 {
		h := c.hosts[1]
		h.n.Tick()
		h.n.Flush()
		c.wire = nil // nobody answers
		h.finish()
	}
	if got := c.hosts[1].n.Graphs(); !slices.Equal(got, want) {
		t.Fatalf("after a restart the graphs are\n%+v, want\n%+v", got, want)
	}
	c.checkSearches("films", 600)
}

// A stored graph that is damaged or lost is reported, not used, and made again.
func TestDamagedGraphs(t *testing.T) {
	c := newTuned(t, 3)
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 600)
	c.quiet()
	c.await("all is indexed", c.indexed)
	c.quiet()
	h := c.hosts[2]
	want := h.n.Graphs()
	var b disk.Batch
	for s := flow.ShardID(1); s <= shards; s++ {
		prefix, n := replica.DerivedPrefix(s), 0
		if err := h.Scan(prefix, disk.After(prefix), func(key, value []byte) bool {
			key, value = slices.Clone(key), slices.Clone(value)
			value[len(value)/2] ^= 8
			if n++; n == 1 {
				b.Delete(key)
			} else {
				b.Put(key, value)
			}
			return true
		}); err != nil || n < 2 {
			t.Fatalf("shard %v has %d derived rows, error %v", s, n, err)
		}
	}
	h.Disk.Apply(&b, false, nil)
	h.events = nil
	c.restart(2)
	c.checkSearches("films", 600)
	c.await("all is indexed again", c.indexed)
	if got := h.n.Graphs(); !slices.Equal(got, want) {
		t.Errorf("the graphs are\n%+v, want\n%+v", got, want)
	}
	if n := len(h.events); n == 0 {
		t.Errorf("nobody was told of the damage")
	}
	c.checkSearches("films", 600)
}

// A replica that is new gets the graphs with its snapshot, or fetches them.
func TestGraphsMove(t *testing.T) {
	c := newTuned(t, 2)
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 600)
	c.quiet()
	c.await("all is indexed", c.indexed)
	h := newHost(c)
	h.tuning = small
	c.hosts = append(c.hosts, h)
	joined := call[*flow.JoinResponse](c.hosts[0], &flow.JoinRequest{Name: "node3", Addr: "node3:1", APIAddr: "node3:1", Nonce: [16]byte{3}, FormatVersion: flow.NewestFormat})
	if joined.Err != nil {
		t.Fatal(joined.Err)
	}
	node.Join(h.Disk, "node3", [16]byte{3}, joined, func(error) {})
	h.start("node3:1")
	c.await("all is indexed on three nodes", func() bool { return len(h.n.Replicas()) == shards+1 && c.indexed() })
	c.checkSearches("films", 600)
	c.quiet()
	c.verify()
}

// What is dropped leaves nothing on the disk.
func TestGraphsDropped(t *testing.T) {
	c := newTuned(t, 3)
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 600)
	c.quiet()
	c.await("all is indexed", c.indexed)
	c.quiet()
	if err := call[*flow.DropCollectionResponse](c.hosts[1], &flow.DropCollectionRequest{Name: "films"}).Err; err != nil {
		t.Fatal(err)
	}
	c.quiet()
	for i, h := range c.hosts {
		for s := flow.ShardID(1); s <= shards; s++ {
			prefix := replica.DerivedPrefix(s)
			if err := h.Scan(prefix, disk.After(prefix), func(key, _ []byte) bool {
				t.Errorf("node %d has kept %x", i+1, key)
				return false
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A digest in the log that no replica can build is never served: all search the
// segment exactly and say so, until the leader has it made anew.
func TestWrongDigest(t *testing.T) {
	c := newTuned(t, 3)
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 200) // in a turn, and so not cut yet
	c.await("shard 1 has a leader", func() bool { return c.leader(1) != nil })
	leader := c.leader(1)
	command := func(body []byte) uint64 {
		c.requests++
		leader.n.Receive(net.Encode(&net.Frame{
			Header: net.Header{ClusterID: 7, From: 99, To: leader.n.Identity().Node, Incarnation: 1, Sent: c.now},
			Messages: []net.Message{&net.Call{ID: c.requests, Body: &net.Write{
				Shard: 1, Request: flow.NewRequestID(c.now, [10]byte{9: byte(c.requests)}), Command: body,
			}}},
		}))
		leader.n.Flush()
		c.settle()
		r, _ := leader.n.Replica(1)
		return r.Applied
	}
	segment := command(shard.EncodeCut(1, 0))
	command(shard.EncodeBuilt(1, index.SegmentID(segment), 1234))
	mismatches := func() (n int) {
		for _, h := range c.hosts {
			n += len(h.events)
		}
		return n
	}
	c.await("somebody tells of the wrong digest", func() bool { return mismatches() > 0 })
	c.checkSearches("films", 200)
	for _, h := range c.hosts {
		for _, g := range h.n.Graphs() {
			if g.Shard == 1 && g.Segment == segment {
				t.Fatalf("the graph of the wrong digest is searched: %+v", g)
			}
		}
	}
	c.await("all is made anew", c.indexed)
	c.checkSearches("films", 200)
	c.verify()
}

// leader returns the host that leads a shard, nil for none.
func (c *cluster) leader(s flow.ShardID) *host {
	for _, h := range c.hosts {
		if r, ok := h.n.Replica(s); ok && r.Leading {
			return h
		}
	}
	return nil
}

// What a crash left of graphs that nobody wants any more is swept at a start, and what
// is wanted stays.
func TestSweepGraphs(t *testing.T) {
	c := newTuned(t, 3)
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 600)
	c.quiet()
	c.await("all is indexed", c.indexed)
	c.quiet()
	h := c.hosts[1]
	list := func() (keys []string) {
		for s := flow.ShardID(1); s <= shards; s++ {
			prefix := replica.DerivedPrefix(s)
			if err := h.Scan(prefix, disk.After(prefix), func(key, _ []byte) bool {
				keys = append(keys, string(key))
				return true
			}); err != nil {
				t.Fatal(err)
			}
		}
		return keys
	}
	want := list()
	var b disk.Batch
	for s := flow.ShardID(1); s <= shards; s++ {
		for _, collection := range []byte{0, 1, 2} {
			for _, segment := range []byte{1, 255} {
				key := append(replica.DerivedPrefix(s), 'c')
				key = append(append(key, 0, 0, 0, 0, 0, 0, 0, collection), 0, 0, 0, 0, 0, 0, segment, 0)
				b.Put(slices.Concat(key, []byte{0, 0, 0, 0}), []byte("part"))
				head := slices.Clone(key)
				head[len(replica.DerivedPrefix(s))] = 'h'
				if segment == 1 {
					b.Put(head, []byte{4, 4, 0, 0, 0, 0, 0, 0, 0, 0})
				}
			}
		}
	}
	h.Disk.Apply(&b, false, nil)
	c.restart(1)
	c.step()
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("after a start the disk holds\n%q, want\n%q", got, want)
	}
	c.await("all is indexed", c.indexed)
}

// Heads of graphs that cannot be read any more are swept at a start, also those of
// segments that are no more, which nobody would write again.
func TestSweepUnreadableGraphs(t *testing.T) {
	c := newTuned(t, 3)
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 600)
	c.quiet()
	c.await("all is indexed", c.indexed)
	c.quiet()
	h := c.hosts[1]
	want := h.n.Graphs()
	var b disk.Batch
	for s := flow.ShardID(1); s <= shards; s++ {
		b.Put(append(replica.DerivedPrefix(s), 'h', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0), []byte{4, 4, 0, 0, 0, 0, 0, 0, 0, 0})
	}
	h.Disk.Apply(&b, false, nil)
	for s := flow.ShardID(1); s <= shards; s++ {
		key := append(replica.DerivedPrefix(s), 'h', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
		if h.Disk.Rot(0, func(k []byte) bool { return string(k) == string(key) }) == nil {
			t.Fatalf("the head of shard %v did not rot", s)
		}
	}
	c.restart(1)
	c.step()
	for s := flow.ShardID(1); s <= shards; s++ {
		prefix := replica.DerivedPrefix(s)
		if err := h.Scan(prefix, disk.After(prefix), func(_, _ []byte) bool { return true }); err != nil {
			t.Errorf("after a start shard %v still holds a row that cannot be read: %v", s, err)
		}
	}
	c.await("all is indexed again", c.indexed)
	if got := h.n.Graphs(); !slices.Equal(got, want) {
		t.Errorf("the graphs are\n%+v, want\n%+v", got, want)
	}
	c.checkSearches("films", 600)
}
