package node_test

import (
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// The graphs that a node has of a collection in several shards are joined: its bridges
// are part of its memory, and its searches find what they did; without graphs they go.
func TestBridges(t *testing.T) {
	tuning := small
	tuning.Index.BridgedRows = 10
	c := newCluster(t, 3)
	for i, h := range c.hosts {
		h.tuning = tuning
		c.restart(i)
	}
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 600)
	c.await("all is indexed", c.indexed)
	before := memoryOf(c.hosts[0])
	c.quiet()
	if got := memoryOf(c.hosts[0]); got <= before {
		t.Errorf("replicas take %d bytes with bridges, %d before", got, before)
	}
	c.checkSearches("films", 600)
	joined := c.hosts[0].n.Joined()
	if joined != shards {
		t.Errorf("bridges join %d graphs, want one of each of the %d shards", joined, shards)
	}
	c.restart(0)
	c.await("all is indexed after a start", c.indexed)
	c.quiet()
	if got := c.hosts[0].n.Joined(); got != joined {
		t.Errorf("bridges join %d graphs after a start, %d before", got, joined)
	}
	c.checkSearches("films", 600)
	if r := call[*flow.DropCollectionResponse](c.hosts[1], &flow.DropCollectionRequest{Name: "films"}); r.Err != nil {
		t.Fatal(r.Err)
	}
	c.quiet()
	if n := c.hosts[0].n.Joined(); n != 0 {
		t.Errorf("bridges join %d graphs of a collection that was dropped", n)
	}
}

func memoryOf(h *host) (sum uint64) {
	for _, r := range h.n.Replicas() {
		sum += r.MemoryBytes
	}
	return sum
}
