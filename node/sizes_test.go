package node_test

import (
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// measured lets two rounds of measuring pass: the second began after all that was before.
func (c *cluster) measured() {
	for range 2 * 210 {
		c.step()
	}
}

// kept sums up what a node says of one collection, slice by slice.
func (h *host) kept(name string) (sum flow.SliceFigures) {
	for _, f := range call[*flow.FiguresResponse](h, &flow.FiguresRequest{MaxSlices: 1000}).Slices {
		if f.Collection == name {
			sum.Points += f.Points
			sum.MemoryBytes += f.MemoryBytes
			sum.DiskBytes += f.DiskBytes
			sum.Segments += f.Segments
			sum.Graphs += f.Graphs
		}
	}
	return sum
}

// TestDiskIsMeasured: what the node says of its disk is what lies there, of each shard and
// of each collection in it; it grows with what is written and falls with what is removed.
func TestDiskIsMeasured(t *testing.T) {
	c := newTuned(t, 1)
	h := c.hosts[0]
	c.create("films", 2, flow.Euclid)
	c.create("songs", 2, flow.Euclid)
	c.writeMany("films", 0, 200)
	c.await("all segments have graphs", c.indexed)
	c.measured()

	var shards uint64
	for _, r := range h.n.Replicas() {
		shards += r.DiskBytes
		var stored uint64
		prefix := replica.GroupPrefix(r.Shard)
		if err := h.Scan(prefix, disk.After(prefix), func(key, value []byte) bool {
			stored += uint64(len(key) + len(value))
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if r.DiskBytes != stored {
			t.Errorf("%v takes %d bytes of disk, there are %d", r.Shard, r.DiskBytes, stored)
		}
	}
	films := h.kept("films")
	if used := h.Usage().Used; shards > used || shards < used-1000 {
		t.Errorf("the shards take %d bytes of %d", shards, used)
	}
	if films.Points != 200 || films.Segments == 0 || films.Graphs != films.Segments || films.DiskBytes < 200*60 || films.DiskBytes > shards {
		t.Errorf("a collection of 200 points: %+v; the shards take %d bytes", films, shards)
	}
	count := call[*flow.CountResponse](h, &flow.CountRequest{Collection: "films"})
	if count.DiskBytes != films.DiskBytes || count.MemoryBytes != films.MemoryBytes || count.Segments != films.Segments {
		t.Errorf("a count says %+v, the slices sum up to %+v", count, films)
	}

	c.writeMany("songs", 0, 100)
	c.await("all segments have graphs", c.indexed)
	c.measured()
	songs := h.kept("songs")
	if now := h.kept("films"); now.DiskBytes != films.DiskBytes {
		t.Errorf("a collection that nobody wrote to took %d bytes, now %d", films.DiskBytes, now.DiskBytes)
	}
	if songs.DiskBytes < films.DiskBytes/3 || songs.DiskBytes > films.DiskBytes*2/3 {
		t.Errorf("100 points take %d bytes where 200 take %d", songs.DiskBytes, films.DiskBytes)
	}

	if err := call[*flow.DropCollectionResponse](h, &flow.DropCollectionRequest{Name: "films"}).Err; err != nil {
		t.Fatal(err)
	}
	c.measured()
	if now := h.kept("films"); now != (flow.SliceFigures{}) {
		t.Errorf("a dropped collection: %+v", now)
	}
	if now := h.kept("songs"); now.DiskBytes != songs.DiskBytes {
		t.Errorf("beside a drop a collection takes %d bytes, before %d", now.DiskBytes, songs.DiskBytes)
	}
}

// TestFiguresAreBounded: beyond so many slices they are told as a sum, and it adds up.
func TestFiguresAreBounded(t *testing.T) {
	c := newCluster(t, 1)
	h := c.hosts[0]
	for _, name := range []string{"z", "y", "x"} {
		c.create(name, 2, flow.Euclid)
		c.writeMany(name, 0, 50)
	}
	all := call[*flow.FiguresResponse](h, &flow.FiguresRequest{MaxSlices: 100})
	few := call[*flow.FiguresResponse](h, &flow.FiguresRequest{MaxSlices: 5})
	names := ""
	for _, f := range all.Slices {
		names += f.Collection
	}
	if names != strings.Repeat("z", shards)+strings.Repeat("y", shards)+strings.Repeat("x", shards) || all.OtherSlices != 0 {
		t.Errorf("all slices are of %q and %d others", names, all.OtherSlices)
	}
	points := few.Others.Points
	for _, f := range few.Slices {
		points += f.Points
	}
	if len(few.Slices) != 5 || few.OtherSlices != 3*shards-5 || points != 150 || few.Slices[4].Collection != "y" || few.Others.MemoryBytes == 0 {
		t.Errorf("of 5 slices: %+v", few)
	}
}

// TestDiskIsMeasuredWithFaults: a part that cannot be read keeps its figure, and hurts nobody.
func TestDiskIsMeasuredWithFaults(t *testing.T) {
	c := newCluster(t, 1)
	h := c.hosts[0]
	c.create("films", 2, flow.Euclid)
	c.writeMany("films", 0, 100)
	c.measured()
	before := h.kept("films").DiskBytes
	h.Reading = func() error { return flow.Errorf(flow.Corrupt, "test", "nothing can be read") }
	c.measured()
	h.Reading = nil
	if now := h.kept("films").DiskBytes; now != before || before == 0 {
		t.Errorf("the collection took %d bytes, and %d when it could not be measured", before, now)
	}
	if n := len(h.n.Replicas()); n != shards+1 {
		t.Errorf("the node has %d replicas left", n)
	}
}
