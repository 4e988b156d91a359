package node_test

import (
	"slices"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
)

// A drop that found nothing, and whose frame the network repeats later, does not find
// what was made since.
func TestLateDrop(t *testing.T) {
	c := newCluster(t, 3)
	lead := call[*flow.StatusResponse](c.hosts[0], &flow.StatusRequest{}).SystemLeader
	via := c.hosts[int(lead)%3] // not the leader: the drop travels
	var dropped *flow.DropCollectionResponse
	via.n.Serve(&flow.DropCollectionRequest{Name: "films"}, func(r flow.Response) { dropped = r.(*flow.DropCollectionResponse) })
	via.n.Flush()
	var copies []frame
	for _, f := range c.wire {
		if carriesWrite(f) {
			copies = append(copies, frame{f.from, f.to, slices.Clone(f.bytes)})
		}
	}
	if len(copies) == 0 {
		t.Fatal("the drop did not travel")
	}
	c.await("the drop is answered", func() bool { return dropped != nil })
	if flow.KindOf(dropped.Err) != flow.NotFound {
		t.Fatalf("a drop of nothing: %v", dropped.Err)
	}
	c.create("films", 2, flow.Euclid)
	if err := c.write(via, "films", 1, 2, 3).Err; err != nil {
		t.Fatal(err)
	}
	c.wire = append(c.wire, copies...)
	for range 100 {
		c.step()
	}
	if r := call[*flow.CountResponse](via, &flow.CountRequest{Collection: "films"}); r.Err != nil || r.Count != 3 {
		t.Errorf("after the late copy the collection holds %d points, %v; want 3", r.Count, r.Err)
	}
}

func carriesWrite(f frame) bool {
	d, err := net.Decode(slices.Clone(f.bytes))
	return err == nil && slices.ContainsFunc(d.Messages, func(m net.Message) bool {
		ask, ok := m.(*net.Call)
		if !ok {
			return false
		}
		_, ok = ask.Body.(*net.Write)
		return ok
	})
}

// With two of four nodes dead, a read at any finds a live replica of every shard that
// has one, and does not wait for the dead.
func TestAnyBesideTheDead(t *testing.T) {
	const soon = 2 * time.Second
	for _, dead := range [][2]int{{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}} {
		c := newCluster(t, 4)
		c.create("films", 2, flow.Euclid)
		if err := c.write(c.hosts[0], "films", 1, 2, 3, 4, 5, 6, 7, 8, 9).Err; err != nil {
			t.Fatal(err)
		}
		for range 200 {
			c.step()
		}
		c.hosts[dead[0]].n, c.hosts[dead[1]].n = nil, nil
		for range 200 {
			c.step()
		}
		for i, h := range c.hosts {
			if h.n == nil {
				continue
			}
			at := c.now
			r := call[*flow.CountResponse](h, &flow.CountRequest{Collection: "films", Read: flow.ReadOptions{Level: flow.Any}})
			if r.Err != nil || r.Count != 9 || c.now.Sub(at) > soon {
				t.Errorf("nodes %v dead: node %d counts %d, %v, after %v; want 9 within %v", dead, i+1, r.Count, r.Err, c.now.Sub(at), soon)
			}
		}
	}
}
