package embed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// fill writes points from..to-1 with random vectors, which do not compress.
func fill(t *testing.T, s *Server, name string, dim, from, to int) {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(dim), uint64(from)))
	for at := from; at < to; at += 500 {
		req := &flow.WriteRequest{ID: newRequestID(s.clock.Now()), Collection: name}
		for i := at; i < min(at+500, to); i++ {
			v := make(flow.Vector, dim)
			for j := range v {
				v[j] = random.Float32()
			}
			req.Ops = append(req.Ops, flow.Op{Kind: flow.Upsert, ID: flow.NumberID(uint64(i)), Vector: v})
		}
		eventually(t, "write a batch", func(ctx context.Context) error { return s.Do(ctx, req).Error() })
	}
}

func createDim(t *testing.T, s *Server, name string, dim int) {
	t.Helper()
	eventually(t, "create "+name, func(ctx context.Context) error {
		return s.Do(ctx, &flow.CreateCollectionRequest{Name: name, Dim: dim, Metric: flow.Euclid}).Error()
	})
}

// replicas returns the node's report of all that it hosts, in sum, and what it uses itself.
func replicas(t *testing.T, s *Server) (sum flow.ReplicaStatus, usage flow.NodeUsage) {
	t.Helper()
	st := s.Do(t.Context(), &flow.StatusRequest{}).(*flow.StatusResponse)
	if st.Err != nil {
		t.Fatal(st.Err)
	}
	for _, r := range st.Nodes[0].Replicas {
		sum.Points, sum.MemoryBytes, sum.DiskBytes = sum.Points+r.Points, sum.MemoryBytes+r.MemoryBytes, sum.DiskBytes+r.DiskBytes
		sum.Segments, sum.Graphs = sum.Segments+r.Segments, sum.Graphs+r.Graphs
	}
	return sum, st.Nodes[0].Usage
}

func count(t *testing.T, s *Server, name string) *flow.CountResponse {
	t.Helper()
	c := s.Do(t.Context(), &flow.CountRequest{Collection: name}).(*flow.CountResponse)
	if c.Err != nil {
		t.Fatal(c.Err)
	}
	return c
}

// near says whether a figure is within a part of another.
func near(t *testing.T, what string, got, want uint64, part float64) {
	t.Helper()
	if ratio := float64(got) / float64(want); ratio < 1-part || ratio > 1+part {
		t.Errorf("%s: %d bytes where %d are expected: %.2f times as many", what, got, want, ratio)
	}
}

// indexed waits until every segment has its graph, for as long as a merge takes to begin.
func indexed(t *testing.T, s *Server) (last flow.ReplicaStatus) {
	t.Helper()
	since := time.Now()
	eventually(t, "all is indexed", func(context.Context) error {
		sum, _ := replicas(t, s)
		if sum.Points != last.Points || sum.Segments != last.Segments || sum.Segments != sum.Graphs {
			last, since = sum, time.Now()
		}
		if quiet := time.Since(since); quiet < 3*time.Second {
			return fmt.Errorf("%d of %d segments have graphs, nothing changes for %v", sum.Graphs, sum.Segments, quiet)
		}
		return nil
	})
	return last
}

// settled waits until all is indexed and the disk has been measured since. A round of
// measuring may take long on a slow machine; that there is a figure for a collection made
// after the last graph shows that one has begun when all was in place. It returns what it
// has made: collections of one point.
func settled(t *testing.T, s *Server) (made []*flow.CountResponse) {
	t.Helper()
	for {
		before := indexed(t, s)
		name := fmt.Sprintf("late%d", len(made))
		createDim(t, s, name, 8)
		fill(t, s, name, 8, 0, 1)
		eventually(t, name+" is measured", func(context.Context) error {
			if count(t, s, name).DiskBytes == 0 {
				return errors.New("there is no figure yet")
			}
			return nil
		})
		made = append(made, count(t, s, name))
		if after, _ := replicas(t, s); after.Segments == before.Segments && after.Graphs == before.Graphs {
			return made
		}
	}
}

// TestAccounting fills a node with two collections and compares what it says of their memory
// and disk with what the store takes, and with the estimate of before.
func TestAccounting(t *testing.T) {
	s := startNode(t, Config{Name: "a", DataDir: t.TempDir(), Init: &InitOptions{Shards: 2, ReplicationFactor: 1}, MemoryLimit: NoMemoryLimit,
		Tuning: node.Tuning{Index: node.IndexTuning{MinRows: 1000}}})
	const narrow, wide, points = 32, 1024, 12000
	createDim(t, s, "wide", wide)
	createDim(t, s, "narrow", narrow)
	estimate := func(dim, points int) *flow.EstimateResponse {
		c := flow.CreateCollectionRequest{Name: "new", Dim: dim, Metric: flow.Euclid}
		return s.Do(t.Context(), &flow.EstimateRequest{Collection: c, Points: uint64(points)}).(*flow.EstimateResponse)
	}
	fill(t, s, "narrow", narrow, 0, points)
	fill(t, s, "wide", wide, 0, points)
	made := settled(t, s)
	all, usage := replicas(t, s)
	w, n := count(t, s, "wide"), count(t, s, "narrow")

	near(t, "the memory of wide against the estimate", w.MemoryBytes, estimate(wide, points).MemoryBytes, .05)
	near(t, "the memory of narrow against the estimate", n.MemoryBytes, estimate(narrow, points).MemoryBytes, .1)
	if e := estimate(narrow, points).DiskBytes; n.DiskBytes > e*11/10 || n.DiskBytes < e*6/10 { // short rows and their keys compress
		t.Errorf("the disk of narrow: %d bytes, the estimate is %d", n.DiskBytes, e)
	}
	near(t, "the disk of wide against the estimate", w.DiskBytes, estimate(wide, points).DiskBytes, .05)
	parts := flow.ReplicaStatus{Segments: w.Segments + n.Segments, MemoryBytes: w.MemoryBytes + n.MemoryBytes, DiskBytes: w.DiskBytes + n.DiskBytes}
	for _, m := range made {
		parts.Segments, parts.MemoryBytes, parts.DiskBytes = parts.Segments+m.Segments, parts.MemoryBytes+m.MemoryBytes, parts.DiskBytes+m.DiskBytes
	}
	if w.Segments == 0 || n.Segments == 0 || parts.Segments != all.Segments {
		t.Errorf("the collections have %d of %d segments, wide %d and narrow %d", parts.Segments, all.Segments, w.Segments, n.Segments)
	}
	if parts.MemoryBytes > all.MemoryBytes || parts.DiskBytes > all.DiskBytes || all.DiskBytes > usage.DiskUsedBytes {
		t.Errorf("parts are more than the whole: memory %d of %d, disk %d of %d of %d", parts.MemoryBytes, all.MemoryBytes, parts.DiskBytes, all.DiskBytes, usage.DiskUsedBytes)
	}
	f := s.store.Figures()
	if tables := usage.DiskUsedBytes - f.LogBytes; all.DiskBytes < tables*95/100 || all.DiskBytes > tables*105/100+f.MemTableBytes {
		t.Errorf("the shards take %d bytes of disk, the store's tables have %d, and %d are in memory", all.DiskBytes, tables, f.MemTableBytes)
	}
}
