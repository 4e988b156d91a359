package api

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

// connect serves a fake to a client over a real connection.
func connect(t *testing.T) (*fake, *client.Client, context.Context) {
	t.Helper()
	f := newFake()
	s := httptest.NewServer(New(f, Config{}))
	c := client.New(s.URL)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(func() { cancel(); c.Close(); s.Close() })
	return f, c, ctx
}

func stringID(t *testing.T, s string) flow.PointID {
	t.Helper()
	id, err := flow.StringID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestClientPoints writes and reads points through client and server.
func TestClientPoints(t *testing.T) {
	_, c, ctx := connect(t)
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c/ü", Dim: 2, Metric: flow.Euclid}); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c/ü", Dim: 2, Metric: flow.Euclid}); flow.KindOf(err) != flow.AlreadyExists {
		t.Errorf("create again: %v", err)
	}
	odd := stringID(t, "a\"/\\\u2028é")
	points := []flow.Point{
		{ID: flow.NumberID(2), Vector: flow.Vector{1, -0.5}, Payload: []byte(`{"a":[1,{"b":"c"}]}`)},
		{ID: flow.NumberID(1<<64 - 1), Vector: flow.Vector{3e-40, 16777216}},
		{ID: stringID(t, "2"), Vector: flow.Vector{0.1, 1e30}},
		{ID: odd, Vector: flow.Vector{0, 0}},
	}
	w, err := c.Upsert(ctx, "c/ü", points, client.WriteOptions{Results: true})
	if err != nil || len(w.Results) != 4 || w.Results[3].Status != flow.Applied || w.Token.Index(1) != 1 || w.Token.Index(2) != 3 || w.OperationID != 3 {
		t.Fatalf("upsert: %+v %v", w, err)
	}
	for _, want := range points {
		got, err := c.Get(ctx, "c/ü", want.ID, flow.ReadOptions{Level: flow.Session, Token: w.Token})
		if want.Payload == nil {
			want.Payload = []byte("{}")
		}
		want.Version = got.Version
		if err != nil || got.Version == 0 || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("get: %+v %v, want %+v", got, err, want)
		}
	}
	if _, err := c.Get(ctx, "c/ü", flow.NumberID(7), flow.ReadOptions{}); flow.KindOf(err) != flow.NotFound {
		t.Errorf("get of nothing: %v", err)
	}
	n, err := c.Count(ctx, flow.CountRequest{Collection: "c/ü", Read: flow.ReadOptions{Level: flow.Any}})
	if err != nil || n.Count != 4 || !n.Stale || len(n.Shards) != 2 {
		t.Errorf("count: %+v %v", n, err)
	}
	var seen []flow.PointID
	for from := flow.PointID(""); ; {
		page, err := c.Scroll(ctx, flow.ScrollRequest{Collection: "c/ü", From: from, Limit: 3})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Points {
			seen = append(seen, p.ID)
		}
		if from = page.Next; from == "" {
			break
		}
	}
	if fmt.Sprint(seen) != fmt.Sprint([]flow.PointID{points[0].ID, points[1].ID, points[2].ID, odd}) {
		t.Errorf("scroll: %v", seen)
	}
	hits, err := c.Search(ctx, flow.SearchRequest{Collection: "c/ü", Vector: flow.Vector{1, 0}, K: 2, Exact: true, WithVector: true})
	if err != nil || len(hits.Hits) != 2 || hits.Hits[0].ID != points[0].ID || hits.Hits[0].Score != 0.5 || hits.Hits[0].Vector[1] != -0.5 || hits.Hits[1].Score != 1 {
		t.Errorf("search: %+v %v", hits, err)
	}
	checkCollections(ctx, t, c, odd)
}

// checkCollections deletes the point odd of 4, and then the collection c/ü.
func checkCollections(ctx context.Context, t *testing.T, c *client.Client, odd flow.PointID) {
	t.Helper()
	if d, err := c.Delete(ctx, "c/ü", []flow.PointID{odd, flow.NumberID(9)}, client.WriteOptions{Results: true}); err != nil || d.Results[0].Status != flow.Applied || d.Results[1].Status != flow.Absent {
		t.Errorf("delete: %+v %v", d, err)
	}
	info, err := c.Collection(ctx, "c/ü")
	if err != nil || info.PointsCount != 3 || info.Config.Params.Vectors.Size != 2 {
		t.Errorf("collection: %+v %v", info, err)
	}
	if list, err := c.ListCollections(ctx); err != nil || len(list) != 1 || list[0].Name != "c/ü" {
		t.Errorf("list: %+v %v", list, err)
	}
	if err := c.DropCollection(ctx, "c/ü"); err != nil {
		t.Error(err)
	}
	if _, err := c.Count(ctx, flow.CountRequest{Collection: "c/ü"}); flow.KindOf(err) != flow.NotFound {
		t.Errorf("count after the drop: %v", err)
	}
}

// TestClientConditions: a conflict comes with the fate of every operation.
func TestClientConditions(t *testing.T) {
	_, c, ctx := connect(t)
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 1, Metric: flow.Dot}); err != nil {
		t.Fatal(err)
	}
	op := func(n uint64, version uint64) flow.Op {
		return flow.Op{Kind: flow.Upsert, ID: flow.NumberID(n), Vector: flow.Vector{1}, If: true, IfVersion: version}
	}
	w, err := c.Write(ctx, "c", []flow.Op{op(2, 0)}, client.WriteOptions{})
	if err != nil || len(w.Results) != 1 || w.Results[0].Version != 1 {
		t.Fatalf("%+v %v", w, err)
	}
	w, err = c.Write(ctx, "c", []flow.Op{op(2, 0), op(4, 0)}, client.WriteOptions{})
	if flow.KindOf(err) != flow.Conflict || len(w.Results) != 2 || w.Results[0].Status != flow.Conflicted || w.Results[0].Version != 1 || w.Results[1].Status != flow.Applied {
		t.Errorf("%+v %v", w, err)
	}
}

// TestClientMissing: missing shards are an error, or named.
func TestClientMissing(t *testing.T) {
	f, c, ctx := connect(t)
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 1, Metric: flow.Dot}); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.missing = []flow.ShardID{2}
	f.mu.Unlock()
	r := flow.SearchRequest{Collection: "c", Vector: flow.Vector{1}, K: 1, Read: flow.ReadOptions{Partial: true}}
	if res, err := c.Search(ctx, r); err != nil || len(res.Missing) != 1 || res.Missing[0] != 2 {
		t.Errorf("partial: %+v %v", res, err)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	r.Read.Partial = false
	if _, err := c.Search(short, r); flow.KindOf(err) != flow.Unavailable {
		t.Errorf("not partial: %v", err)
	}
}

// TestClientRetriesOnce cuts connections after the server has carried out a write:
// concurrent writers retry, and every write is carried out exactly once.
func TestClientRetriesOnce(t *testing.T) {
	f := newFake()
	h := New(f, Config{})
	var mu sync.Mutex
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		cut := n%3 == 0
		mu.Unlock()
		if !cut {
			h.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	}))
	defer s.Close()
	c := client.New(s.URL)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 1, Metric: flow.Dot}); err != nil {
		t.Fatal(err)
	}
	const writers, writes = 4, 25
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			version := uint64(0)
			for range writes { // each write depends on the one before: a second application would conflict
				op := flow.Op{Kind: flow.Upsert, ID: flow.NumberID(uint64(i)), Vector: flow.Vector{1}, If: true, IfVersion: version}
				r, err := c.Write(ctx, "c", []flow.Op{op}, client.WriteOptions{})
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
				version = r.Results[0].Version
			}
		})
	}
	wg.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writes != writers*writes || f.index[1]+f.index[2] != writers*writes {
		t.Errorf("%d writes were carried out, at indexes %v; want %d", f.writes, f.index, writers*writes)
	}
}

// TestClientCluster reads every view of the cluster.
func TestClientCluster(t *testing.T) {
	f, c, ctx := connect(t)
	nodes, err := c.Nodes(ctx)
	if err != nil || nodes.NodeCount != 3 || nodes.HealthyNodes != 2 || nodes.Nodes[2].Status != "down" {
		t.Errorf("nodes: %+v %v", nodes, err)
	}
	shards, err := c.Shards(ctx)
	if err != nil || shards.ShardCount != 2 || shards.Shards[1].NodeID != "node2" || len(shards.Shards[0].Replicas) != 3 {
		t.Errorf("shards: %+v %v", shards, err)
	}
	stats, err := c.Stats(ctx)
	if err != nil || stats.ReplicationFactor != 3 || stats.TotalMemoryGB != 0.5 {
		t.Errorf("stats: %+v %v", stats, err)
	}
	health, err := c.Health(ctx)
	if err != nil || health.Status != client.Degraded || health.ToleratesNodeLosses != 0 {
		t.Errorf("health: %+v %v", health, err)
	}
	leader, err := c.Leader(ctx)
	if err != nil || leader.SystemLeader != "node1" || leader.Shards[1].Leader != "node2" {
		t.Errorf("leader: %+v %v", leader, err)
	}
	ring, err := c.Ring(ctx)
	if err != nil || ring.TotalSlots != 24 || len(ring.Shards[0].Preference) != 3 {
		t.Errorf("ring: %+v %v", ring, err)
	}
	verdict, err := c.Verify(ctx, time.Second)
	if err != nil || verdict.Equal || len(verdict.Shards) != 2 {
		t.Errorf("verify: %+v %v", verdict, err)
	}
	if err := c.Ready(ctx); err != nil {
		t.Errorf("ready: %v", err)
	}
	f.mu.Lock()
	f.notReady = flow.Errorf(flow.Unavailable, "x", "shard s1 has no leader")
	f.mu.Unlock()
	if err := c.Ready(ctx); flow.KindOf(err) != flow.Unavailable {
		t.Errorf("not ready: %v", err)
	}
	join := flow.JoinRequest{Name: "node3", Addr: "h3:1", APIAddr: "h3:2", Region: "eu", Nonce: [16]byte{1, 15: 2}, Replace: true, FormatVersion: 2, Timeout: time.Second}
	got, err := c.Join(ctx, join)
	if err != nil || got.ClusterID != 0xfedcba9876543210 || got.Node != 3 || got.SystemReplica != flow.NewReplicaID(3, 1) || len(got.Peers) != 2 || got.Peers[1].Region != "eu" || got.FormatVersion != 2 {
		t.Errorf("join: %+v %v", got, err)
	}
	if sent := f.requests[len(f.requests)-1].(*flow.JoinRequest); *sent != join {
		t.Errorf("the backend was asked %+v, not %+v", *sent, join)
	}
}

// TestHealthView holds the judgement of clusters in several states.
func TestHealthView(t *testing.T) {
	build := func(up ...bool) *flow.StatusResponse {
		s := &flow.StatusResponse{}
		p := flow.ShardPlacement{Shard: 1}
		for i, u := range up {
			id := flow.NewReplicaID(flow.NodeID(i+1), 1)
			p.Replicas = append(p.Replicas, id)
			n := flow.NodeStatus{NodeInfo: flow.NodeInfo{ID: flow.NodeID(i + 1), Name: fmt.Sprintf("n%d", i+1)}, Up: u}
			for g := flow.ShardID(0); g < 2; g++ {
				n.Replicas = append(n.Replicas, flow.ReplicaStatus{Shard: g, Replica: id, Role: flow.Voter, Leading: i == 0})
			}
			s.Nodes = append(s.Nodes, n)
		}
		s.Shards = []flow.ShardPlacement{p}
		return s
	}
	noLeader, five := build(true, true, true), build(true, true, true, true, true)
	noLeader.Nodes[0].Replicas[1].Leading = false
	learner := build(true, true)
	for g := range 2 {
		learner.Nodes[1].Replicas[g].Role = flow.Learner
	}
	for _, c := range []struct {
		name      string
		s         *flow.StatusResponse
		status    string
		tolerates int
	}{
		{"one", build(true), client.Healthy, 0},
		{"two", build(true, true), client.Healthy, 0},
		{"three", build(true, true, true), client.Healthy, 1},
		{"five", five, client.Healthy, 2},
		{"one of three down", build(true, true, false), client.Degraded, 0},
		{"two of three down", build(true, false, false), client.Unavailable, 0},
		{"the leader's node down", build(false, true, true), client.Unavailable, 0},
		{"no leader", noLeader, client.Unavailable, 1},
		{"a learner", learner, client.Healthy, 0},
	} {
		h := healthView(c.s)
		if h.Status != c.status || h.ToleratesNodeLosses != c.tolerates || (len(h.Problems) == 0) != (c.status == client.Healthy) {
			t.Errorf("%s: %+v, want %s tolerating %d", c.name, h, c.status, c.tolerates)
		}
	}
}

// BenchmarkClient sends requests for one point of 784 components over TCP to a
// backend that keeps points in a map: what is measured is HTTP and JSON.
func BenchmarkClient(b *testing.B) {
	server := httptest.NewServer(New(newFake(), Config{}))
	defer server.Close()
	c := client.New(server.URL)
	defer c.Close()
	ctx := context.Background()
	v := make(flow.Vector, 784)
	for i := range v {
		v[i] = rand.Float32()
	}
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: len(v), Metric: flow.Euclid}); err != nil {
		b.Fatal(err)
	}
	point := []flow.Point{{ID: flow.NumberID(1), Vector: v}}
	b.Run("put", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Upsert(ctx, "c", point, client.WriteOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p, err := c.Get(ctx, "c", flow.NumberID(1), flow.ReadOptions{}); err != nil || len(p.Vector) != len(v) {
				b.Fatal(err)
			}
		}
	})
}

// TestSearchParams: what a search asks of graphs reaches the node as it was given.
func TestSearchParams(t *testing.T) {
	f, c, ctx := connect(t)
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 1, Metric: flow.Dot, IndexParams: flow.IndexParams{M: 5, EfConstruct: 70, Quantization: flow.Binary}}); err != nil {
		t.Fatal(err)
	}
	info, err := c.Collection(ctx, "c")
	if want := (flow.IndexParams{M: 5, EfConstruct: 70, Quantization: flow.Binary}); err != nil || info.Config.IndexParams() != want {
		t.Errorf("the collection has %+v, error %v, want %+v", info.Config.IndexParams(), err, want)
	}
	want := flow.SearchRequest{Collection: "c", Vector: flow.Vector{1}, K: 1, EF: 77, Oversampling: 2.5}
	if _, err := c.Search(ctx, want); err != nil {
		t.Fatal(err)
	}
	got, ok := f.requests[len(f.requests)-1].(*flow.SearchRequest)
	if !ok || got.EF != want.EF || got.Oversampling != want.Oversampling || got.Exact {
		t.Errorf("the node was asked %+v", got)
	}
}

// TestFilterParams: a filter reaches the node as the client gave it.
func TestFilterParams(t *testing.T) {
	f, c, ctx := connect(t)
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 1, Metric: flow.Dot}); err != nil {
		t.Fatal(err)
	}
	want := flow.Filter(`{"must":[{"key":"a\\u0041","match":{"value":1}}]}`)
	latest := func() flow.Request {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.requests[len(f.requests)-1]
	}
	if _, err := c.Search(ctx, flow.SearchRequest{Collection: "c", Vector: flow.Vector{1}, K: 1, Filter: want}); err != nil {
		t.Fatal(err)
	}
	if got, ok := latest().(*flow.SearchRequest); !ok || string(got.Filter) != string(want) {
		t.Errorf("the node was asked %+v", got)
	}
	if _, err := c.Scroll(ctx, flow.ScrollRequest{Collection: "c", Limit: 3, Filter: want}); err != nil {
		t.Fatal(err)
	}
	if got, ok := latest().(*flow.ScrollRequest); !ok || string(got.Filter) != string(want) {
		t.Errorf("the node was asked %+v", got)
	}
	if _, err := c.Count(ctx, flow.CountRequest{Collection: "c", Filter: want}); err != nil {
		t.Fatal(err)
	}
	if got, ok := latest().(*flow.CountRequest); !ok || string(got.Filter) != string(want) {
		t.Errorf("the node was asked %+v", got)
	}
}

// TestFields declares indexes of fields and sees them in the collection's description.
func TestFields(t *testing.T) {
	_, c, ctx := connect(t)
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 1, Metric: flow.Dot}); err != nil {
		t.Fatal(err)
	}
	paths := []string{"a", `b[]."c/d e"`}
	for i, path := range paths {
		if err := c.DeclareField(ctx, "c", flow.Field{Path: path, Kind: flow.KeywordField + flow.FieldKind(i)}); err != nil {
			t.Fatal(err)
		}
	}
	info, err := c.Collection(ctx, "c")
	if err != nil || len(info.PayloadSchema) != 2 || info.PayloadSchema[paths[1]].DataType != "integer" {
		t.Errorf("the schema is %v, error %v", info.PayloadSchema, err)
	}
	for _, path := range append(paths, "missing") {
		if err := c.ForgetField(ctx, "c", path); err != nil {
			t.Fatal(err)
		}
	}
	if info, err = c.Collection(ctx, "c"); err != nil || len(info.PayloadSchema) != 0 {
		t.Errorf("the schema is %v, error %v", info.PayloadSchema, err)
	}
	if err := c.DeclareField(ctx, "none", flow.Field{Path: "a", Kind: flow.GeoField}); flow.KindOf(err) != flow.NotFound {
		t.Errorf("a field of no collection: %v", err)
	}
}

// TestEstimateCollection: an estimate takes the shape of a creation, and creates nothing.
func TestEstimateCollection(t *testing.T) {
	f, c, ctx := connect(t)
	shape := flow.CreateCollectionRequest{Name: "c", Dim: 8, Metric: flow.Dot, IndexParams: flow.IndexParams{M: 5, Quantization: flow.Int8}}
	got, err := c.EstimateCollection(ctx, flow.EstimateRequest{Collection: shape, Points: 1000, PayloadBytes: 10})
	if err != nil || got.MemoryBytes != 42000 || got.DiskBytes != 84000 || got.Copies != 3 || got.Points != 1000 || got.Fits || len(got.Problems) != 1 {
		t.Errorf("got %+v, error %v", got, err)
	}
	if asked, ok := f.requests[len(f.requests)-1].(*flow.EstimateRequest); !ok || asked.Collection != shape {
		t.Errorf("the node was asked %+v", asked)
	}
	if list, err := c.ListCollections(ctx); err != nil || len(list) != 0 {
		t.Errorf("there are collections: %v, error %v", list, err)
	}
}

// TestDeleteMatching deletes page by page what passes, and leaves what changed meanwhile.
func TestDeleteMatching(t *testing.T) {
	f, c, ctx := connect(t)
	if err := c.CreateCollection(ctx, flow.CreateCollectionRequest{Name: "c", Dim: 1, Metric: flow.Dot}); err != nil {
		t.Fatal(err)
	}
	var all []flow.Point
	for i := range uint64(2 * deletePage) {
		all = append(all, flow.Point{ID: flow.NumberID(i), Vector: flow.Vector{1}})
	}
	if _, err := c.Upsert(ctx, "c", all, client.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteMatching(ctx, "c", nil); flow.KindOf(err) != flow.InvalidArgument {
		t.Errorf("without a filter: %v", err)
	}
	f.mu.Lock()
	f.fail = func(req flow.Request) error { // point 7 is written after it was found
		if w, ok := req.(*flow.WriteRequest); ok && w.Ops[0].ID == flow.NumberID(0) {
			p := f.collections["c"].points[flow.NumberID(7)]
			p.Version++
			f.collections["c"].points[flow.NumberID(7)] = p
		}
		return nil
	}
	f.mu.Unlock()
	want := flow.Filter(`{"must":[]}`)
	token, err := c.DeleteMatching(ctx, "c", want)
	if err != nil || len(token) == 0 {
		t.Errorf("token %v, error %v", token, err)
	}
	if n, err := c.Count(ctx, flow.CountRequest{Collection: "c"}); err != nil || n.Count != 1 {
		t.Errorf("%d points are left, error %v; want the one that was written meanwhile", n.Count, err)
	}
	f.mu.Lock()
	f.fail = func(req flow.Request) error {
		if s, ok := req.(*flow.ScrollRequest); ok && string(s.Filter) == string(want) {
			return flow.Errorf(flow.ResourceExhausted, "api.fake", "no room")
		}
		return nil
	}
	f.mu.Unlock()
	if _, err = c.DeleteMatching(ctx, "c", want); flow.KindOf(err) != flow.ResourceExhausted || !strings.Contains(err.Error(), "after the delete of 0 points") {
		t.Errorf("a delete that fails: %v", err)
	}
}
