package node_test

import (
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
