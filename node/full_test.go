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
