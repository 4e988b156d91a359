package api

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// fake is a backend of two shards that really stores points, in maps. It keeps
// the answers to writes by request id, as a node does.
type fake struct {
	mu          sync.Mutex
	collections map[string]*fakeCollection
	answers     map[flow.RequestID]*flow.WriteResponse
	index       [3]uint64 // the last log index of each shard
	writes      int       // how many writes were carried out
	joined      []flow.NodeInfo

	// fail, when set, answers instead of carrying out; notReady is Ready's answer.
	fail     func(flow.Request) error
	missing  []flow.ShardID
	notReady error
	requests []flow.Request
}

type fakeCollection struct {
	flow.Collection
	points map[flow.PointID]flow.Point
}

func newFake() *fake {
	return &fake{collections: map[string]*fakeCollection{}, answers: map[flow.RequestID]*flow.WriteResponse{}}
}

func (f *fake) Ready() error { return f.notReady }

func (f *fake) Do(ctx context.Context, req flow.Request) flow.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, req)
	if f.fail != nil {
		if err := f.fail(req); err != nil {
			return flow.Outcome{Err: err}
		}
	}
	switch r := req.(type) {
	case *flow.WriteRequest:
		return f.write(r)
	case *flow.GetRequest:
		return f.get(r)
	case *flow.CountRequest:
		c, err := f.collection(r.Collection)
		resp := &flow.CountResponse{Outcome: flow.Outcome{Err: err}, ReadInfo: f.info(r.Read)}
		if err == nil {
			resp.Count = uint64(len(c.points))
			resp.MemoryBytes, resp.DiskBytes, resp.Segments = 1000*resp.Count, 2000*resp.Count, 7
		}
		return resp
	case *flow.ScrollRequest:
		return f.scroll(r)
	case *flow.SearchRequest:
		return f.search(r)
	case *flow.CreateCollectionRequest:
		if _, ok := f.collections[r.Name]; ok {
			return &flow.CreateCollectionResponse{Outcome: failed(flow.AlreadyExists, "collection %q exists", r.Name)}
		}
		c := flow.Collection{ID: flow.CollectionID(len(f.collections) + 1), Name: r.Name, Dim: r.Dim, Metric: r.Metric, IndexParams: r.IndexParams.WithDefaults()}
		f.collections[r.Name] = &fakeCollection{c, map[flow.PointID]flow.Point{}}
		return &flow.CreateCollectionResponse{Collection: c}
	case *flow.DropCollectionRequest:
		_, err := f.collection(r.Name)
		delete(f.collections, r.Name)
		return &flow.DropCollectionResponse{Outcome: flow.Outcome{Err: err}}
	case *flow.DeclareFieldRequest:
		c, err := f.collection(r.Collection)
		if err == nil {
			c.Fields = slices.DeleteFunc(c.Fields, func(have flow.Field) bool { return have.Path == r.Field.Path })
			if !r.Remove {
				c.Fields = append(c.Fields, r.Field)
			}
		}
		return &flow.DeclareFieldResponse{Outcome: flow.Outcome{Err: err}}
	case *flow.EstimateRequest:
		n := r.Points * uint64(4*r.Collection.Dim+r.PayloadBytes)
		return &flow.EstimateResponse{MemoryBytes: n, DiskBytes: 2 * n, Copies: 3, NodeMemoryBytes: n, NodeDiskBytes: 2 * n, Problems: []string{"node x is full"}}
	case *flow.ListCollectionsRequest:
		return &flow.ListCollectionsResponse{Collections: f.list()}
	case *flow.StatusRequest:
		return f.status()
	case *flow.VerifyRequest:
		a, b := flow.NewReplicaID(1, 1), flow.NewReplicaID(2, 1)
		return &flow.VerifyResponse{Shards: []flow.ShardVerdict{
			{Shard: 0, Index: 9, Digests: map[flow.ReplicaID]uint64{a: 5, b: 5}, Equal: true},
			{Shard: 1, Index: 20, Digests: map[flow.ReplicaID]uint64{b: 0xabc}, Missing: []flow.ReplicaID{a}},
		}}
	case *flow.JoinRequest:
		info := flow.NodeInfo{ID: 3, Name: r.Name, Addr: r.Addr, APIAddr: r.APIAddr, Region: r.Region}
		f.joined = append(f.joined, info)
		return &flow.JoinResponse{FormatVersion: 2, ClusterID: 0xfedcba9876543210, Node: 3, SystemReplica: flow.NewReplicaID(3, 1), Peers: []flow.NodeInfo{{ID: 1, Name: "node1", Addr: "h1:1", APIAddr: "h1:2"}, info}}
	}
	return nil
}

func failed(kind flow.Kind, format string, args ...any) flow.Outcome {
	return flow.Outcome{Err: flow.Errorf(kind, "api.fake", format, args...)}
}

func (f *fake) list() []flow.Collection {
	var all []flow.Collection
	for _, c := range f.collections {
		all = append(all, c.Collection)
	}
	slices.SortFunc(all, func(a, b flow.Collection) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (f *fake) collection(name string) (*fakeCollection, error) {
	if c, ok := f.collections[name]; ok {
		return c, nil
	}
	return nil, flow.Errorf(flow.NotFound, "api.fake", "there is no collection %q", name)
}

// shardOf puts even numbers on shard 1 and all else on shard 2.
func shardOf(id flow.PointID) flow.ShardID {
	if n, ok := id.Number(); ok && n%2 == 0 {
		return 1
	}
	return 2
}

func (f *fake) write(r *flow.WriteRequest) *flow.WriteResponse {
	if a, ok := f.answers[r.ID]; ok && !r.ID.IsZero() {
		return a
	}
	resp := &flow.WriteResponse{ID: r.ID}
	if resp.ID.IsZero() {
		resp.ID = flow.NewRequestID(flow.Time(time.Second), [10]byte{1})
	}
	c, err := f.collection(r.Collection)
	if err != nil {
		resp.Err = err
		return resp
	}
	for _, op := range r.Ops {
		if op.Kind == flow.Upsert {
			if err := op.Vector.Check(c.Dim, c.Metric); err != nil {
				resp.Err = err
				return resp
			}
		}
	}
	f.writes++
	for _, op := range r.Ops {
		s := shardOf(op.ID)
		f.index[s]++
		old, there := c.points[op.ID]
		res := flow.OpResult{Status: flow.Applied, Version: f.index[s]}
		switch {
		case op.If && op.IfVersion != old.Version:
			res = flow.OpResult{Status: flow.Conflicted, Version: old.Version}
		case op.Kind == flow.Delete && !there:
			res = flow.OpResult{Status: flow.Absent}
		case op.Kind == flow.Delete:
			delete(c.points, op.ID)
		default:
			c.points[op.ID] = flow.Point{ID: op.ID, Vector: slices.Clone(op.Vector), Payload: bytes.Clone(op.Payload), Version: f.index[s]}
		}
		resp.Results = append(resp.Results, res)
		resp.Token = resp.Token.Merge(flow.SessionToken{{Shard: s, Index: f.index[s]}})
	}
	f.answers[resp.ID] = resp
	return resp
}

func (f *fake) info(o flow.ReadOptions) flow.ReadInfo {
	info := flow.ReadInfo{Missing: f.missing, Stale: o.Level == flow.Any}
	for s := flow.ShardID(1); s <= 2; s++ {
		if !slices.Contains(f.missing, s) {
			info.Shards = append(info.Shards, flow.ShardIndex{Shard: s, Index: f.index[s]})
		}
	}
	return info
}

func (f *fake) get(r *flow.GetRequest) *flow.GetResponse {
	c, err := f.collection(r.Collection)
	resp := &flow.GetResponse{Outcome: flow.Outcome{Err: err}, ReadInfo: f.info(r.Read)}
	if err != nil {
		return resp
	}
	for _, id := range r.IDs {
		if p, ok := c.points[id]; ok {
			resp.Points = append(resp.Points, p)
		}
	}
	return resp
}

func (c *fakeCollection) sorted() []flow.Point {
	var all []flow.Point
	for _, p := range c.points {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b flow.Point) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

func (f *fake) scroll(r *flow.ScrollRequest) *flow.ScrollResponse {
	c, err := f.collection(r.Collection)
	resp := &flow.ScrollResponse{Outcome: flow.Outcome{Err: err}, ReadInfo: f.info(r.Read)}
	if err != nil {
		return resp
	}
	for _, p := range c.sorted() {
		if p.ID < r.From {
			continue
		}
		if len(resp.Points) == r.Limit {
			resp.Next = p.ID
			break
		}
		resp.Points = append(resp.Points, p)
	}
	return resp
}

func (f *fake) search(r *flow.SearchRequest) *flow.SearchResponse {
	c, err := f.collection(r.Collection)
	if err == nil {
		err = r.Vector.Check(c.Dim, c.Metric)
	}
	resp := &flow.SearchResponse{Outcome: flow.Outcome{Err: err}, ReadInfo: f.info(r.Read)}
	if err != nil {
		return resp
	}
	resp.Metric = c.Metric
	for _, p := range c.sorted() {
		resp.Hits = append(resp.Hits, flow.Hit{Point: p, Distance: distance(c.Metric, p.Vector, r.Vector)})
	}
	slices.SortFunc(resp.Hits, func(a, b flow.Hit) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	resp.Hits = resp.Hits[:min(r.K, len(resp.Hits))]
	return resp
}

func distance(m flow.Metric, a, b flow.Vector) float32 {
	var l1, l2, dot, aa, bb float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		l1, l2 = l1+math.Abs(d), l2+d*d
		dot, aa, bb = dot+float64(a[i]*b[i]), aa+float64(a[i]*a[i]), bb+float64(b[i]*b[i])
	}
	switch m {
	case flow.Manhattan:
		return float32(l1)
	case flow.Dot:
		return float32(-dot)
	case flow.Cosine:
		return float32(1 - dot/math.Sqrt(aa*bb))
	}
	return float32(l2)
}

// status is a cluster of three nodes, the third of them down, with two shards:
// the first on all nodes, the second led by node2, on nodes 2 and 1.
func (f *fake) status() *flow.StatusResponse {
	var points [3]uint64
	for _, c := range f.collections {
		for id := range c.points {
			points[shardOf(id)]++
		}
	}
	id := func(n flow.NodeID) flow.ReplicaID { return flow.NewReplicaID(n, 1) }
	replica := func(s flow.ShardID, n, leader flow.NodeID) flow.ReplicaStatus {
		return flow.ReplicaStatus{Shard: s, Replica: id(n), Role: flow.Voter, Leader: id(leader), Leading: n == leader, Term: 4, Applied: f.index[s],
			Commit: f.index[s], FirstIndex: 1, LastIndex: f.index[s], Digest: 0xd00d + uint64(s), Points: points[s], MemoryBytes: 1000 * points[s], DiskBytes: 3000 * points[s]}
	}
	node := func(n flow.NodeID, name string, up bool, replicas ...flow.ReplicaStatus) flow.NodeStatus {
		return flow.NodeStatus{NodeInfo: flow.NodeInfo{ID: n, Name: name, Addr: name + ":1", APIAddr: name + ":2", Region: "r" + name[4:]}, Up: up, Incarnation: 1, FormatVersion: 2,
			LastHeard: 50 * time.Millisecond, Replicas: replicas,
			Usage: flow.NodeUsage{MemoryBytes: 250e6, CPUPercent: 12.5, NetworkBitsPerSecond: 8e6, CPUSeconds: 3, DiskUsedBytes: 1e9, DiskFreeBytes: 9e9, Kernel: "portable"}}
	}
	return &flow.StatusResponse{FormatVersion: 2, ClusterID: 7, Self: 1, ReplicationFactor: 3, VirtualNodes: 8, Epoch: 2, SystemLeader: 1, Collections: f.list(),
		Problems: []string{"node node3 is down"},
		Nodes: []flow.NodeStatus{
			node(1, "node1", true, replica(0, 1, 1), replica(1, 1, 1), replica(2, 1, 2)),
			node(2, "node2", true, replica(0, 2, 1), replica(1, 2, 1), replica(2, 2, 2)),
			node(3, "node3", false, replica(0, 3, 1), replica(1, 3, 1)),
		},
		Shards: []flow.ShardPlacement{
			{Shard: 1, Start: 0, Epoch: 2, Replicas: []flow.ReplicaID{id(1), id(2), id(3)}},
			{Shard: 2, Start: 1 << 63, Epoch: 1, Replicas: []flow.ReplicaID{id(2), id(1)}, Moving: true},
		},
	}
}
