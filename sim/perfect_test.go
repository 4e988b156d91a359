package sim

import (
	"math"
	"reflect"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// perfect is a database without a cluster: one memory behind every host, each
// request served at one instant. The checks must accept whatever it does.
type perfect struct {
	w       *World
	starts  []uint64
	index   []uint64 // applied index of each shard
	points  map[string]map[flow.PointID]flow.Point
	answers map[flow.RequestID]perfectAnswer
}

// perfectAnswer is a write that was done, and what was answered.
type perfectAnswer struct {
	ops  []flow.Op
	resp *flow.WriteResponse
}

func (p *perfect) shardOf(id flow.PointID) flow.ShardID {
	return flow.ShardID(ring.Find(p.starts, ring.Hash(id)) + 1)
}

func (p *perfect) info() flow.ReadInfo {
	var info flow.ReadInfo
	for i, n := range p.index[1:] {
		info.Shards = append(info.Shards, flow.ShardIndex{Shard: flow.ShardID(i + 1), Index: n})
	}
	return info
}

// infoOf is the info of a read of some points, which names only their shards.
func (p *perfect) infoOf(ids []flow.PointID) flow.ReadInfo {
	all := p.info()
	all.Shards = slices.DeleteFunc(all.Shards, func(s flow.ShardIndex) bool {
		return !slices.ContainsFunc(ids, func(id flow.PointID) bool { return p.shardOf(id) == s.Shard })
	})
	return all
}

func (p *perfect) write(r *flow.WriteRequest) *flow.WriteResponse {
	if old, ok := p.answers[r.ID]; ok && !reflect.DeepEqual(old.ops, r.Ops) {
		return &flow.WriteResponse{ID: r.ID, Outcome: flow.Outcome{Err: flow.Errorf(flow.Conflict, "sim.perfect", "request id %v was used for other operations", r.ID)}}
	} else if ok {
		return old.resp
	}
	resp := &flow.WriteResponse{ID: r.ID}
	c := p.points[r.Collection]
	if c == nil {
		resp.Err = flow.Errorf(flow.NotFound, "sim.perfect", "no collection %q", r.Collection)
		return resp
	}
	touched := map[flow.ShardID]bool{}
	for _, op := range r.Ops {
		s := p.shardOf(op.ID)
		if !touched[s] {
			touched[s] = true
			p.index[s]++
			resp.Token = resp.Token.Merge(flow.SessionToken{{Shard: s, Index: p.index[s]}})
		}
		resp.Results = append(resp.Results, p.apply(c, op, p.index[s]))
	}
	p.answers[r.ID] = perfectAnswer{slices.Clone(r.Ops), resp}
	return resp
}

func (p *perfect) apply(c map[flow.PointID]flow.Point, op flow.Op, index uint64) flow.OpResult {
	old, there := c[op.ID]
	switch {
	case op.If && op.IfVersion != old.Version:
		return flow.OpResult{Status: flow.Conflicted, Version: old.Version}
	case op.Kind == flow.Delete && !there:
		return flow.OpResult{Status: flow.Absent}
	case op.Kind == flow.Delete:
		delete(c, op.ID)
	default:
		c[op.ID] = flow.Point{ID: op.ID, Vector: op.Vector, Payload: op.Payload, Version: index}
	}
	return flow.OpResult{Status: flow.Applied, Version: index}
}

// sorted returns a collection's points that pass a filter, in id order.
func (p *perfect) sorted(name string, f flow.Filter) []flow.Point {
	var out []flow.Point
	pass := passer()
	for _, pt := range p.points[name] { // order-free: sorted below
		if pass(f, pt.ID, pt.Payload) {
			out = append(out, pt)
		}
	}
	slices.SortFunc(out, func(a, b flow.Point) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out
}

func (p *perfect) serve(req flow.Request) flow.Response {
	switch r := req.(type) {
	case *flow.WriteRequest:
		return p.write(r)
	case *flow.GetRequest:
		resp := &flow.GetResponse{ReadInfo: p.infoOf(r.IDs)}
		if p.points[r.Collection] == nil {
			resp.Err = flow.Errorf(flow.NotFound, "sim.perfect", "no collection %q", r.Collection)
			return resp
		}
		for _, id := range r.IDs {
			if pt, ok := p.points[r.Collection][id]; ok {
				resp.Points = append(resp.Points, pt)
			}
		}
		return resp
	case *flow.CountRequest:
		resp := &flow.CountResponse{ReadInfo: p.info(), Count: uint64(len(p.sorted(r.Collection, r.Filter)))}
		if p.points[r.Collection] == nil {
			resp.Err = flow.Errorf(flow.NotFound, "sim.perfect", "no collection %q", r.Collection)
		}
		return resp
	case *flow.ScrollRequest:
		resp := &flow.ScrollResponse{ReadInfo: p.info()}
		for _, pt := range p.sorted(r.Collection, r.Filter) {
			switch {
			case pt.ID < r.From:
			case len(resp.Points) < r.Limit:
				resp.Points = append(resp.Points, pt)
			case resp.Next == "":
				resp.Next = pt.ID
			}
		}
		return resp
	case *flow.SearchRequest:
		return p.search(r)
	case *flow.CreateCollectionRequest:
		if p.points[r.Name] == nil {
			p.points[r.Name] = map[flow.PointID]flow.Point{}
		}
		return &flow.CreateCollectionResponse{}
	case *flow.DeclareFieldRequest:
		return &flow.DeclareFieldResponse{}
	case *flow.DropCollectionRequest:
		delete(p.points, r.Name)
		return &flow.DropCollectionResponse{}
	}
	return &flow.StatusResponse{}
}

func (p *perfect) search(r *flow.SearchRequest) flow.Response {
	resp := &flow.SearchResponse{ReadInfo: p.info(), Metric: p.w.scenario.Metric}
	for _, pt := range p.sorted(r.Collection, r.Filter) {
		h := flow.Hit{Point: pt, Distance: plainDistance(resp.Metric, r.Vector, pt.Vector)}
		if !r.WithVector {
			h.Vector = nil
		}
		if !r.WithPayload {
			h.Payload = nil
		}
		resp.Hits = append(resp.Hits, h)
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

func plainDistance(m flow.Metric, a, b flow.Vector) float32 {
	var dot, aa, bb, l1, l2 float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
		l1, l2 = l1+math.Abs(x-y), l2+(x-y)*(x-y)
	}
	switch m {
	case flow.Euclid:
		return float32(l2)
	case flow.Manhattan:
		return float32(l1)
	case flow.Dot:
		return float32(-dot)
	}
	return float32(1 - dot/math.Sqrt(aa*bb))
}

// perfectNode serves from the shared memory; it stands on every host.
type perfectNode struct {
	p       *perfect
	answers []func()
}

func (n *perfectNode) Tick()                  {}
func (n *perfectNode) Receive([]byte)         {}
func (n *perfectNode) Done(c node.Completion) { c() }
func (n *perfectNode) Err() error             { return nil }
func (n *perfectNode) Serve(req flow.Request, reply func(flow.Response)) {
	resp := n.p.serve(req)
	n.answers = append(n.answers, func() { reply(resp) })
}

func (n *perfectNode) Flush() {
	for _, a := range n.answers {
		a()
	}
	n.answers = nil
}

// perfectWorld is a world of the seed's load and faults over the perfect database.
func perfectWorld(seed uint64) *World {
	w := newWorld(DrawScenario(seed), realTime())
	p := &perfect{w: w, starts: ring.Starts(w.scenario.Shards), index: make([]uint64, w.scenario.Shards+1),
		points: map[string]map[flow.PointID]flow.Point{}, answers: map[flow.RequestID]perfectAnswer{}}
	w.boot = func(*host) (Machine, error) { return &perfectNode{p: p}, nil }
	w.reviveHost = (*host).start
	w.groupless = true
	return w
}

// The checks raise no alarm over a perfect database under every fault there is.
func TestNoFalseAlarm(t *testing.T) {
	for seed := range uint64(10) {
		if r := perfectWorld(seed).run(); r.Failure != nil {
			t.Fatalf("%s", Story(r, "go test ./sim -run TestNoFalseAlarm"))
		} else if testing.Verbose() {
			t.Logf("seed %d: %s", seed, r.Text)
		}
	}
}
