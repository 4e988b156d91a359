package node_test

import (
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// A node whose copy of the system state is lost and another that joined while it was down
// find each other, though nobody else is there to introduce them.
func TestMetWhileTheTableIsLost(t *testing.T) {
	c := newCluster(t, 3)
	old := c.hosts[2]
	old.n = nil
	h := newHost(c)
	h.format = flow.FormatVersion(0).OrNewest()
	c.hosts = append(c.hosts, h)
	h.join(4)
	c.await("the fourth node has the node table", func() bool {
		return len(call[*flow.StatusResponse](h, &flow.StatusRequest{}).Nodes) == 4
	})
	c.hosts[0].n, c.hosts[1].n = nil, nil
	up := func() bool {
		nodes := call[*flow.StatusResponse](h, &flow.StatusRequest{}).Nodes
		return slices.ContainsFunc(nodes, func(n flow.NodeStatus) bool { return n.Name == "node3" && n.Up })
	}
	c.await("the third node is silent", func() bool { return !up() })

	var b disk.Batch
	view := old.Snapshot()
	prefix := replica.GroupPrefix(flow.SystemShard)
	err := view.Scan(prefix, disk.After(prefix), func(key, _ []byte) bool {
		b.Put(slices.Clone(key), []byte("spoilt"))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	view.Close()
	old.Disk.Apply(&b, false, nil)
	old.start("node3:1")
	if len(old.peers) == 0 || slices.ContainsFunc(old.peers, func(i flow.NodeInfo) bool { return i.ID == 4 }) {
		t.Fatalf("the third node begins with %+v", old.peers)
	}
	c.await("the fourth node hears the third", up)
	if !slices.Contains(old.peers, flow.NodeInfo{ID: 4, Addr: "node4:1"}) {
		t.Errorf("the transport of the third node is told of %+v, not of node4:1", old.peers)
	}
}
