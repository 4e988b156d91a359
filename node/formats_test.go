package node_test

import (
	"fmt"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// formats returns the cluster's format version as each host knows it.
func (c *cluster) formats() (list []flow.FormatVersion) {
	for _, h := range c.hosts {
		list = append(list, call[*flow.StatusResponse](h, &flow.StatusRequest{}).FormatVersion)
	}
	return list
}

// as starts a host again with another format version.
func (h *host) as(format flow.FormatVersion, addr string) {
	h.n, h.done, h.format = nil, nil, format
	h.start(addr)
}

func addr(i int) string { return fmt.Sprintf("node%d:1", i+1) }

func (c *cluster) steps(n int) {
	for range n {
		c.step()
	}
}

// equalState awaits that every replica of a group has the digest of the others.
func (c *cluster) equalState(what string) {
	c.t.Helper()
	c.await(what+": all replicas are equal", func() bool {
		seen := map[flow.ShardID]string{}
		for _, h := range c.hosts {
			for _, r := range h.n.Replicas() {
				s := fmt.Sprintf("%d %016x", r.Applied, r.Digest)
				if was, ok := seen[r.Shard]; ok && was != s {
					return false
				}
				seen[r.Shard] = s
			}
		}
		return true
	})
}

// A cluster is upgraded a node at a time while it serves; any node can be taken back
// until the last one is new, and none from then on.
func TestRollingUpgrade(t *testing.T) {
	c := newClusterOf(t, 1, 1, 1)
	c.create("a", 2, flow.Euclid)
	points := uint64(0)
	write := func(when string) {
		for _, h := range c.hosts {
			points++
			if err := c.write(h, "a", points).Err; err != nil {
				t.Fatalf("%s, write: %v", when, err)
			}
		}
		if n := call[*flow.CountResponse](c.hosts[0], &flow.CountRequest{Collection: "a"}).Count; n != points {
			t.Fatalf("%s: %d points, want %d", when, n, points)
		}
		c.equalState(when)
	}
	cluster := func(when string, want flow.FormatVersion) {
		c.steps(100)
		write(when)
		for i, v := range c.formats() {
			if v != want {
				t.Fatalf("%s: node%d says that the cluster's version is %d, want %d", when, i+1, v, want)
			}
		}
	}
	cluster("all are old", 1)
	c.hosts[0].as(2, addr(0))
	cluster("one is new", 1)
	c.hosts[1].as(2, addr(1))
	cluster("two are new", 1)
	c.hosts[0].as(1, addr(0))
	cluster("one is taken back", 1)
	c.hosts[0].as(2, addr(0))
	c.hosts[2].as(2, addr(2))
	cluster("all are new", 2)

	for i, h := range c.hosts {
		h.n, h.done, h.format = nil, nil, 1
		_, err := h.open(addr(i))
		const want = "has format version 2, or is being raised to it, and this node understands only 1 to 1"
		if flow.KindOf(err) != flow.Conflict || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("node%d starts as an old one: %v, want %q", i+1, err, want)
		}
		h.as(2, addr(i))
	}
	cluster("all were started again", 2)
}

// While one member is silent or old, or has not promised, the version stays; a new node
// is told what it must understand, and has promised it before it starts.
func TestNoRaiseWithoutAll(t *testing.T) {
	c := newClusterOf(t, 1, 1, 1)
	c.hosts[0].as(2, addr(0))
	c.hosts[1].as(2, addr(1))
	c.hosts[2].n = nil
	c.steps(400)
	if got := c.format(); got != 1 {
		t.Fatalf("with a silent old node the cluster's version is %d, want 1", got)
	}
	c.hosts[2].as(2, addr(2))
	c.await("the cluster's version is 2", func() bool { return c.format() == 2 })
	refused := call[*flow.JoinResponse](c.hosts[0], &flow.JoinRequest{Name: "node4", Addr: addr(3), APIAddr: addr(3), Nonce: [16]byte{4}})
	const want = `node "node4" understands format versions up to 1 and the cluster's is 2`
	if refused.Err == nil || flow.KindOf(refused.Err) != flow.Conflict || !strings.Contains(refused.Err.Error(), want) {
		t.Errorf("an old node joins: %v, want %q", refused.Err, want)
	}
	joined := call[*flow.JoinResponse](c.hosts[0], &flow.JoinRequest{Name: "node4", Addr: addr(3), APIAddr: addr(3), Nonce: [16]byte{4}, FormatVersion: 2})
	if joined.Err != nil || joined.FormatVersion != 2 {
		t.Fatalf("a new node joins: %v, version %d", joined.Err, joined.FormatVersion)
	}
	h := newHost(c)
	node.Join(h.Disk, "node4", [16]byte{4}, joined, func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	})
	for len(h.later) > 0 {
		h.runDisk()
	}
	h.format = 1
	if _, err := h.open(addr(3)); flow.KindOf(err) != flow.Conflict || err == nil {
		t.Errorf("the new node starts as an old one: %v", err)
	}
}

func (c *cluster) format() flow.FormatVersion {
	return call[*flow.StatusResponse](c.hosts[0], &flow.StatusRequest{}).FormatVersion
}

// A node alone is upgraded with its data: what a former version stored is read, and new
// requests get what the new one stores.
func TestUpgradeAlone(t *testing.T) {
	c := newClusterOf(t, 1)
	c.create("a", 2, flow.Euclid)
	op := func(x float32) []flow.Op {
		return []flow.Op{{Kind: flow.Upsert, ID: flow.NumberID(1), Vector: flow.Vector{x, 1}}}
	}
	old := call[*flow.WriteResponse](c.hosts[0], &flow.WriteRequest{Collection: "a", Ops: op(1)})
	before := c.state()
	c.hosts[0].as(2, addr(0))
	if after := c.state(); after != before {
		t.Errorf("opened by a new version the state is\n%s, and was\n%s", after, before)
	}
	c.await("the cluster's version is 2", func() bool { return c.format() == 2 })
	again := call[*flow.WriteResponse](c.hosts[0], &flow.WriteRequest{Collection: "a", Ops: op(1), ID: old.ID})
	if again.Err != nil || again.Results[0] != old.Results[0] {
		t.Errorf("a retry across the upgrade is answered %+v, and was %+v", again, old)
	}
	first := call[*flow.WriteResponse](c.hosts[0], &flow.WriteRequest{Collection: "a", Ops: op(2)})
	for _, restarted := range []bool{false, true} {
		if restarted {
			c.hosts[0].as(2, addr(0))
			c.steps(100)
		}
		if again := call[*flow.WriteResponse](c.hosts[0], &flow.WriteRequest{Collection: "a", Ops: op(2), ID: first.ID}); again.Err != nil || again.Results[0] != first.Results[0] {
			t.Errorf("a retry is answered %+v, and was %+v", again, first)
		}
		other := call[*flow.WriteResponse](c.hosts[0], &flow.WriteRequest{Collection: "a", Ops: op(3), ID: first.ID})
		if other.Err == nil || flow.KindOf(other.Err) != flow.Conflict || !strings.Contains(other.Err.Error(), "was used for another write") {
			t.Errorf("the request id with another vector is answered %+v", other)
		}
	}
	points := call[*flow.GetResponse](c.hosts[0], &flow.GetRequest{Collection: "a", IDs: []flow.PointID{flow.NumberID(1)}, WithVector: true}).Points
	if len(points) != 1 || points[0].Vector[0] != 2 {
		t.Errorf("the point is %+v, want the vector of the request's first write", points)
	}
}

// What a node sends to a peer is in the version that both understand.
func TestSpeaks(t *testing.T) {
	c := newClusterOf(t, 1, 1, 1)
	c.hosts[0].as(2, addr(0))
	c.hosts[1].as(2, addr(1))
	c.steps(100)
	for range 100 {
		c.now = c.now.Add(tickEvery)
		for _, h := range c.hosts {
			h.n.Tick()
			h.n.Flush()
		}
		for _, f := range c.wire {
			got, err := net.Decode(f.bytes)
			if err != nil {
				t.Fatal(err)
			}
			mine, theirs := c.hosts[got.From-1].format, c.hosts[got.To-1].format
			if got.Newest != mine || got.Format != min(mine, theirs) {
				t.Fatalf("from a node of version %d to one of %d: frame in version %d, says that it understands %d", mine, theirs, got.Format, got.Newest)
			}
		}
		c.settle()
	}
}

// Frames of a version that a node does not speak are not read, and health says so.
func TestForeignFrames(t *testing.T) {
	c := newClusterOf(t, 1, 1, 1)
	header := net.Header{Format: 2, Newest: 3, ClusterID: 7, From: 2, To: 1, Incarnation: 1}
	for v := flow.FormatVersion(2); v <= 3; v++ { // one that this program knows, and one to come
		header.Format = v
		c.hosts[0].n.Receive(net.Encode(&net.Frame{Header: header, Messages: []net.Message{&net.Status{}}}))
		want := fmt.Sprintf("node node2 speaks format version %d, which this node cannot read: it understands 1 to 1", v)
		var problems []string
		c.hosts[0].n.Serve(&flow.StatusRequest{}, func(r flow.Response) { problems = r.(*flow.StatusResponse).Problems })
		c.hosts[0].n.Flush()
		if len(problems) != 1 || problems[0] != want {
			t.Errorf("problems are %q, want %q", problems, want)
		}
	}
	c.steps(100)
	if p := call[*flow.StatusResponse](c.hosts[0], &flow.StatusRequest{}).Problems; len(p) > 0 {
		t.Errorf("after frames that it can read: %q", p)
	}
}

// A version that the program does not have is refused by name.
func TestUnknownFormatVersion(t *testing.T) {
	c := &cluster{t: t}
	h := newHost(c)
	for v, ok := range map[flow.FormatVersion]bool{0: true, 1: true, 2: true, 3: false, 255: false} {
		node.Init(h.Disk, node.InitOptions{Name: "a", ClusterID: 1, FormatVersion: v}, func(err error) {
			if (err == nil) != ok || !ok && !strings.Contains(err.Error(), fmt.Sprintf("format version is %d, this program speaks 1 to 2", v)) {
				t.Errorf("version %d: error %v", v, err)
			}
		})
	}
}
