package node_test

import (
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// A cluster that refuses upserts for want of space can be emptied: deletions and drops
// make space.
func TestDeleteWhenFull(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	if err := c.write(c.hosts[0], "films", 1, 2, 3).Err; err != nil {
		t.Fatal(err)
	}
	for _, h := range c.hosts {
		h.Capacity = h.Usage().Used + 128<<20 // below MinFreeBytes, above a quarter of it
	}
	c.quiet()
	if r := call[*flow.WriteResponse](c.hosts[0], &flow.WriteRequest{Collection: "films", Ops: remove(1, 2)}); r.Err != nil {
		t.Errorf("delete: %v", r.Err)
	}
	if r := call[*flow.DropCollectionResponse](c.hosts[0], &flow.DropCollectionRequest{Name: "films"}); r.Err != nil {
		t.Errorf("drop: %v", r.Err)
	}
}

// One full disk of three does not stop writing: the other two are a majority. It
// catches up when it has space.
func TestOneDiskFull(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	for i, full := range c.hosts {
		full.Capacity = full.Usage().Used + 1<<20
		c.quiet()
		n := uint64(i * 100)
		for _, h := range c.hosts {
			n++
			if err := c.write(h, "films", n, n+10, n+20, n+30).Err; err != nil {
				t.Errorf("with the disk of node %d full: %v", i+1, err)
			}
		}
		full.Capacity = 1 << 40
		c.quiet()
	}
	if n := len(readAll(t, c.hosts[0], "films", flow.ReadOptions{})); n != 36 {
		t.Errorf("%d points, want 36", n)
	}
	c.verify()
}

// A node above its memory limit makes its shards refuse upserts by a message that names
// node and limit, wherever they are asked. Reads and deletes go on, and upserts do when
// there is room again.
func TestMemoryLimit(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	if err := c.write(c.hosts[0], "films", 1, 2, 3).Err; err != nil {
		t.Fatal(err)
	}
	full := c.hosts[1]
	full.memory, full.tuning.MaxMemoryBytes = 900<<20, 800<<20
	c.restart(1)
	c.quiet()
	before := c.state()
	for _, h := range c.hosts {
		checkError(t, "upsert", c.write(h, "films", 4).Err, flow.ResourceExhausted, `node2 900 800 MiB --memory-limit`)
	}
	if after := c.state(); after != before {
		t.Errorf("a refused write changed something:\n%s\n%s", before, after)
	}
	c.expect("films", 1, 2, 3)
	if r := call[*flow.WriteResponse](c.hosts[0], &flow.WriteRequest{Collection: "films", Ops: remove(2)}); r.Err != nil {
		t.Errorf("delete: %v", r.Err)
	}
	full.memory = 700 << 20
	c.quiet()
	for i, h := range c.hosts {
		if err := c.write(h, "films", uint64(10+i)).Err; err != nil {
			t.Errorf("with memory again, writing on node %d: %v", i+1, err)
		}
	}
	c.expect("films", 1, 3, 10, 11, 12)
}

// TestEstimate: an estimate counts copies and nodes, names who has no room, and creates nothing.
func TestEstimate(t *testing.T) {
	c := newCluster(t, 3)
	req := &flow.EstimateRequest{Collection: flow.CreateCollectionRequest{Name: "films", Dim: 100, Metric: flow.Euclid}, Points: 1_000_000, PayloadBytes: 200}
	r := call[*flow.EstimateResponse](c.hosts[1], req)
	const floats = 400_000_000
	if r.Err != nil || r.Copies != 3 || len(r.Problems) > 0 || r.MemoryBytes < floats || r.MemoryBytes > 2*floats || r.DiskBytes < floats+200_000_000 || r.DiskBytes > 2*floats+200_000_000 {
		t.Errorf("got %+v", r)
	}
	if r.NodeMemoryBytes < r.MemoryBytes-3 || r.NodeMemoryBytes > r.MemoryBytes {
		t.Errorf("three copies on three nodes: a node has %d of %d bytes", r.NodeMemoryBytes, r.MemoryBytes)
	}
	c.hosts[1].tuning.MaxMemoryBytes = 100 << 20
	c.restart(1)
	c.hosts[2].Capacity = c.hosts[2].Usage().Used + 300<<20
	c.quiet()
	r = call[*flow.EstimateResponse](c.hosts[0], req)
	if len(r.Problems) != 2 || !strings.Contains(r.Problems[0], "node2 has") || !strings.Contains(r.Problems[0], "of memory") || !strings.Contains(r.Problems[1], "node3 has") || !strings.Contains(r.Problems[1], "of disk") {
		t.Errorf("the problems are %q", r.Problems)
	}
	for what, bad := range map[string]flow.EstimateRequest{
		"vectors.size":  {Collection: flow.CreateCollectionRequest{Name: "films", Metric: flow.Dot}, Points: 1},
		"points":        {Collection: req.Collection, Points: 1 << 41},
		"id_bytes":      {Collection: req.Collection, IDBytes: 513},
		"payload_bytes": {Collection: req.Collection, PayloadBytes: -1},
	} {
		checkError(t, what, call[*flow.EstimateResponse](c.hosts[0], &bad).Err, flow.InvalidArgument, what)
	}
	if list := call[*flow.ListCollectionsResponse](c.hosts[0], &flow.ListCollectionsRequest{}).Collections; len(list) > 0 {
		t.Errorf("there are collections: %v", list)
	}
}
