package node_test

import (
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
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

// A node whose table is behind, and one that is not in it and sends to a former life of it,
// find each other, though nobody else is there to introduce them.
func TestMetByTheFormerLife(t *testing.T) {
	c := newCluster(t, 3)
	old := c.hosts[2]
	// Nobody tells the third node of the fourth, but the fourth itself does.
	c.held = func(f frame) bool { return f.to == 3 && (f.from == c.hosts[0] || f.from == c.hosts[1]) }
	h := newHost(c)
	h.format = flow.FormatVersion(0).OrNewest()
	c.hosts = append(c.hosts, h)
	h.join(4)
	status := func(name string) (s flow.NodeStatus) {
		for _, s := range call[*flow.StatusResponse](h, &flow.StatusRequest{}).Nodes {
			if s.Name == name {
				return s
			}
		}
		return s
	}
	c.await("the fourth node hears the third", func() bool { return status("node3").Up })
	c.hosts[0].n, c.hosts[1].n, old.n = nil, nil, nil
	c.await("the third node is silent", func() bool { return !status("node3").Up })
	c.wire, old.peers = nil, nil
	old.start("node3:1")
	if len(old.peers) != 3 || slices.ContainsFunc(old.peers, func(i flow.NodeInfo) bool { return i.ID == 4 }) {
		t.Fatalf("the third node begins with %+v", old.peers)
	}
	c.await("the fourth node hears the third again", func() bool { return status("node3").Up })
	if !slices.Contains(old.peers, flow.NodeInfo{ID: 4, Addr: "node4:1"}) {
		t.Errorf("the transport of the third node is told of %+v, not of node4:1", old.peers)
	}
}

// Where a node says that it listens goes before what the table says of it, which a node
// that is behind may never learn otherwise.
func TestMetElsewhere(t *testing.T) {
	c := newCluster(t, 3)
	moved, behind := c.hosts[0], c.hosts[2]
	moved.n, c.hosts[1].n = nil, nil // no quorum: the table cannot change
	for len(moved.later) > 0 {
		moved.runDisk()
	}
	moved.start("elsewhere:1")
	at := func(id flow.NodeID) string {
		for _, i := range behind.peers {
			if i.ID == id {
				return i.Addr
			}
		}
		return ""
	}
	c.held = func(f frame) bool { // but for reports, nothing is delivered
		m, err := net.Decode(f.bytes)
		return err != nil || slices.ContainsFunc(m.Messages, func(m net.Message) bool { _, ok := m.(*net.Status); return !ok })
	}
	c.await("the third node is told where the first listens", func() bool { return at(1) == "elsewhere:1" })
	if at(2) != "node2:1" {
		t.Errorf("the second node listens at %q", at(2))
	}
	stopped := moved.n
	moved.n = nil
	c.await("a node that is silent is looked for where the table says", func() bool { return at(1) == "node1:1" })
	moved.n = stopped
	c.await("the third node is told again where the first listens", func() bool { return at(1) == "elsewhere:1" })
}
