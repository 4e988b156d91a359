package node_test

import (
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// A dropped collection is gone on every node at once, and one of the same name is
// another: nothing of the old one shows in it.
func TestDropAndRecreate(t *testing.T) {
	c := newCluster(t, 3)
	for round := range 3 {
		c.create("films", 2, flow.Euclid)
		again := call[*flow.CreateCollectionResponse](c.hosts[1], &flow.CreateCollectionRequest{Name: "films", Dim: 2, Metric: flow.Euclid})
		checkError(t, "creating it again", again.Err, flow.AlreadyExists, `"films" exists`)
		c.expect("films")
		if err := c.write(c.hosts[round], "films", uint64(round), 7).Err; err != nil {
			t.Fatal(err)
		}
		c.expect("films", uint64(round), 7)
		if err := call[*flow.DropCollectionResponse](c.hosts[(round+1)%3], &flow.DropCollectionRequest{Name: "films"}).Err; err != nil {
			t.Fatalf("drop: %v", err)
		}
		for i, h := range c.hosts {
			checkError(t, "writing to a dropped collection", c.write(h, "films", 9).Err, flow.NotFound, `"films" not exist`)
			list := call[*flow.ListCollectionsResponse](h, &flow.ListCollectionsRequest{})
			if list.Err != nil || len(list.Collections) != 0 {
				t.Errorf("node %d lists %+v, error %v", i+1, list.Collections, list.Err)
			}
		}
		drop := call[*flow.DropCollectionResponse](c.hosts[2], &flow.DropCollectionRequest{Name: "films"})
		checkError(t, "dropping it again", drop.Err, flow.NotFound, `"films" not exist`)
	}
	c.quiet()
	c.verify()
}

// A join that is repeated gets the same identity; a name that is taken is refused.
func TestJoinAgain(t *testing.T) {
	c := newCluster(t, 3)
	c.await("all know all", func() bool { return len(c.hosts[2].peers) == 3 })
	join := func(h *host, name string, nonce byte) *flow.JoinResponse {
		return call[*flow.JoinResponse](h, &flow.JoinRequest{Name: name, Addr: name + ":1", APIAddr: name + ":1", Nonce: [16]byte{nonce}, FormatVersion: flow.NewestFormat})
	}
	for _, h := range c.hosts {
		again := join(h, "node2", 2)
		if again.Err != nil || again.Node != 2 || again.ClusterID != 7 || len(again.Peers) != 3 {
			t.Errorf("a repeated join: %+v", again)
		}
		checkError(t, "a name that is taken", join(h, "node2", 9).Err, flow.AlreadyExists, `"node2" already --node-id`)
	}
}

// A node that stops and starts again has everything it acknowledged, and listens
// where it says.
func TestRestart(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	for n := range uint64(6) {
		if err := c.write(c.hosts[n%3], "films", n).Err; err != nil {
			t.Fatal(err)
		}
		h := c.hosts[n%3]
		h.n.Close()
		h.n, h.done = nil, nil
		h.later = nil
		h.Crash(func(int) int { return 0 })
		h.start("moved:1")
	}
	c.expect("films", 0, 1, 2, 3, 4, 5)
	c.await("the new addresses are known", func() bool {
		for _, h := range c.hosts {
			for _, p := range h.peers {
				if p.Addr != "moved:1" {
					return false
				}
			}
		}
		return true
	})
	c.quiet()
	c.verify()
}

// A cluster is refused settings that cannot be, and a disk without a node is no node.
func TestBadInit(t *testing.T) {
	good := node.InitOptions{Name: "node1", Addr: "a:1", Shards: 1, ReplicationFactor: 1, ClusterID: 1}
	for _, in := range []struct {
		name   string
		change func(o *node.InitOptions)
		words  string
	}{
		{"shards", func(o *node.InitOptions) { o.Shards = node.MaxShards + 1 }, "shards 4097 1..4096"},
		{"negative shards", func(o *node.InitOptions) { o.Shards = -1 }, "shards -1 1..4096"},
		{"replication", func(o *node.InitOptions) { o.ReplicationFactor = 8 }, "replication factor 8 1..7"},
		{"virtual nodes", func(o *node.InitOptions) { o.VirtualNodes = 4097 }, "virtual nodes 4097 1..4096"},
		{"cluster id", func(o *node.InitOptions) { o.ClusterID = 0 }, "cluster id 0"},
		{"no name", func(o *node.InitOptions) { o.Name = "" }, "node id"},
		{"name with control characters", func(o *node.InitOptions) { o.Name = "a\nb" }, "node id control"},
	} {
		c := &cluster{t: t}
		h := newHost(c)
		o := good
		in.change(&o)
		var err error
		node.Init(h.Disk, o, func(e error) { err = e })
		checkError(t, in.name, err, flow.InvalidArgument, in.words)
		if _, ok, _ := node.ReadIdentity(h.Disk); ok || h.Usage().Used != 0 {
			t.Errorf("%s: something was written", in.name)
		}
		_, err = node.New(node.Config{Clock: h, Network: h, Disk: h, Workers: h})
		checkError(t, "a node without identity", err, flow.NotFound, "disk initialised joined")
	}
}
