package node_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// places is the limit of the nodes whose queue is tried.
const places = 4

// crowd sends a request and says whether it was refused at once for want of a place.
func (h *host) crowd(req flow.Request, answered *int) bool {
	full := false
	h.n.Serve(req, func(r flow.Response) {
		*answered++
		full = errors.Is(r.Error(), flow.ErrQueueFull)
	})
	h.n.Flush()
	return full
}

// fill sends reads and writes until one is refused, and returns how many were not.
func (h *host) fill(answered *int) (taken int) {
	get := &flow.GetRequest{Collection: "films", IDs: []flow.PointID{flow.NumberID(1)}, Read: flow.ReadOptions{Timeout: time.Second}}
	unknown := &flow.CountRequest{Collection: "nothing", Read: flow.ReadOptions{Timeout: time.Second}}
	for ; taken <= 3*places; taken++ {
		write := &flow.WriteRequest{Collection: "films", Ops: upsert(flow.NumberID(1), 1, 2), Timeout: time.Second}
		if h.crowd([]flow.Request{get, write, unknown}[taken%3], answered) {
			return taken
		}
	}
	return taken
}

func newCrowded(t *testing.T) *cluster {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	c.hosts[0].tuning.MaxRequests = places
	c.restart(0)
	c.quiet()
	return c
}

// A request that was answered holds no place, not even until the next tick: as many
// follow each other between two ticks as there is time for.
func TestAnsweredHoldsNoPlace(t *testing.T) {
	c := newCrowded(t)
	h, answered := c.hosts[0], 0
	for i := range 5 * places {
		if h.crowd(&flow.WriteRequest{Collection: "films", Ops: upsert(flow.NumberID(1), 1, 2)}, &answered) ||
			h.crowd(&flow.GetRequest{Collection: "films", IDs: []flow.PointID{flow.NumberID(1)}}, &answered) ||
			h.crowd(&flow.CountRequest{Collection: "nothing"}, &answered) {
			t.Fatalf("refused after %d rounds, each of which was answered", i)
		}
		c.settle()
		if want := 3 * (i + 1); answered != want {
			t.Fatalf("%d of %d are answered without a tick", answered, want)
		}
	}
}

// The limit holds for what is under way, and every way in which a request ends gives its
// places back: an answer, an error, a time-out, a write to several shards that has a part
// without an outcome.
func TestPlacesComeBack(t *testing.T) {
	c := newCrowded(t)
	h := c.hosts[0]
	full := func(when string) {
		t.Helper()
		answered := 0
		if n := h.fill(&answered); n != places {
			t.Fatalf("%s, %d requests were taken, the limit is %d", when, n, places)
		}
		c.await("they are answered", func() bool { return answered == places+1 })
	}
	full("at first")
	full("after answers")
	others := []int{1, 2}
	for _, i := range others {
		c.stop(i)
	}
	full("without a majority")
	full("after time-outs")
	answered := 0
	if h.crowd(&flow.WriteRequest{Collection: "films", Ops: removeMany(40), Timeout: time.Second}, &answered) {
		t.Fatal("a write to every shard is refused by a node that routes nothing")
	}
	if !h.crowd(&flow.CountRequest{Collection: "films"}, &answered) {
		t.Errorf("a write to %d shards takes less than %d places", shards, places)
	}
	c.await("the write is given up", func() bool { return answered == 2 })
	full("after a write to every shard that timed out")
	for _, i := range others {
		c.hosts[i].start(fmt.Sprintf("node%d:1", i+1))
	}
	c.quiet()
	full("with a majority again")
}

// A read or write that a shard answers with "dropped", for the node's copy of the catalogue
// is old, gives its places back too.
func TestDroppedHoldsNoPlace(t *testing.T) {
	c := newCluster(t, 3)
	c.create("films", 2, flow.Euclid)
	leader := map[flow.ShardID]int{}
	for i, h := range c.hosts {
		h.tuning.MaxRequests = places
		c.restart(i)
		c.quiet()
	}
	for i, h := range c.hosts {
		for _, r := range h.n.Replicas() {
			if r.Leading {
				leader[r.Shard] = i
			}
		}
	}
	// The system group is led by one host, the point's shard by another; a third one asks.
	system, id := leader[flow.SystemShard], flow.NumberID(0)
	shardOf := func(id flow.PointID) flow.ShardID {
		return flow.ShardID(ring.Find(ring.Starts(shards), ring.Hash(id)) + 1)
	}
	for n := uint64(1); leader[shardOf(id)] == system; n++ {
		if id = flow.NumberID(n); n > 1000 {
			t.Fatalf("one host leads everything: %v", leader)
		}
	}
	asker := c.hosts[3-system-leader[shardOf(id)]]
	c.held = func(f frame) bool { return f.from == c.hosts[system] && c.hosts[f.to-1] == asker }
	over, answered := false, 0
	c.hosts[system].n.Serve(&flow.DropCollectionRequest{Name: "films"}, func(flow.Response) { over = true })
	c.hosts[system].n.Flush()
	c.settle()
	var errs []error
	ask := func(req flow.Request) {
		asker.n.Serve(req, func(r flow.Response) { errs, answered = append(errs, r.Error()), answered+1 })
		asker.n.Flush()
		c.settle()
	}
	ask(&flow.GetRequest{Collection: "films", IDs: []flow.PointID{id}})
	ask(&flow.WriteRequest{Collection: "films", Ops: upsert(id, 1, 2)})
	if answered > 0 {
		t.Fatalf("answered without the latest catalogue: %v", errs)
	}
	c.held = nil
	c.await("all is answered", func() bool { return over && answered == 2 })
	for _, err := range errs {
		checkError(t, "a request to a dropped collection", err, flow.NotFound, `"films" not exist`)
	}
	c.create("films", 2, flow.Euclid)
	c.quiet()
	answered = 0
	if n := asker.fill(&answered); n != places {
		t.Errorf("%d requests were taken, the limit is %d", n, places)
	}
}

// The steps of upkeep that a node proposes take no place from requests, even while they
// find no majority.
func TestUpkeepTakesNoPlace(t *testing.T) {
	c := newTuned(t, 3)
	c.create("films", 2, flow.Euclid)
	c.quiet()
	c.hosts[0].tuning.MaxRequests = places
	c.restart(0)
	c.quiet()
	c.writeMany("films", 0, 100)
	for _, i := range []int{1, 2} {
		c.stop(i)
	}
	for range 20 {
		c.step()
	}
	answered := 0
	if n := c.hosts[0].fill(&answered); n != places {
		t.Errorf("%d requests were taken, the limit is %d", n, places)
	}
	c.await("they are answered", func() bool { return answered == places+1 })
}

func (c *cluster) stop(i int) {
	h := c.hosts[i]
	h.n.Close()
	h.n, h.done = nil, nil
}

// removeMany deletes points of every shard.
func removeMany(n uint64) (ops []flow.Op) {
	for i := range n {
		ops = append(ops, remove(i)...)
	}
	return ops
}
