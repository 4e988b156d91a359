package linearizability

import (
	"cmp"
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// settings of a generated run.
type settings struct {
	seed           uint64
	clients, ops   int // operations of each client
	points, shards int
	unknown        float64 // part of the writes whose answer is lost
	distinct       bool    // every upsert stores another value
	withIndex      bool    // answers name their applied index
	gets           float64 // part of the operations that are gets of one point; writes are half of the rest
}

// run is a generated run: what clients saw and what the store applied.
type run struct {
	settings
	lines  []line
	record Record
}

func (r *run) shardOf(id flow.PointID) flow.ShardID {
	n, _ := id.Number()
	return flow.ShardID(n%uint64(r.shards) + 1)
}

// store is a correct store with a log per shard, and the clients that use it.
type store struct {
	run
	rand  *rand.Rand
	now   flow.Time
	queue events
	shard []*shardLog // by ShardID; 0 is not used
	value float32
	n     int
}

type shardLog struct {
	index   uint64
	entries []entry
	dedup   map[flow.RequestID][]flow.OpResult
}

// entry is a change of a point in a shard's log.
type entry struct {
	index  uint64
	at     flow.Time
	id     flow.PointID
	exists bool
	point  flow.Point
}

type pending struct {
	at  flow.Time
	seq int
	do  func()
}

type events []pending

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(pending)) }
func (e *events) Pop() any {
	x := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return x
}

// generate runs clients against a store; equal settings give equal runs.
func generate(set settings) *run {
	s := &store{run: run{settings: set, record: Record{Complete: true}}, rand: rand.New(rand.NewPCG(set.seed, 1))}
	for range set.shards + 1 {
		s.shard = append(s.shard, &shardLog{index: 1, dedup: map[flow.RequestID][]flow.OpResult{}})
	}
	for c := range set.clients {
		s.after(func() { s.client(c, set.ops, nil) })
	}
	for len(s.queue) > 0 {
		p := heap.Pop(&s.queue).(pending)
		s.now = p.at
		p.do()
	}
	return &s.run
}

// after does something a little later.
func (s *store) after(do func()) { s.later(10*time.Millisecond, do) }

func (s *store) later(most time.Duration, do func()) {
	s.n++
	heap.Push(&s.queue, pending{s.now.Add(1 + time.Duration(s.rand.Int64N(int64(most)))), s.n, do})
}

// client does n operations, one after another.
func (s *store) client(c, n int, token flow.SessionToken) {
	if n == 0 {
		return
	}
	next := func(t flow.SessionToken) { s.after(func() { s.client(c, n-1, token.Merge(t)) }) }
	switch r := s.rand.Float64(); {
	case r < s.gets:
		s.read(c, &flow.GetRequest{Collection: "c", IDs: s.ids(1 + s.rand.IntN(2)), WithVector: true, WithPayload: true, Read: s.level(token)}, next)
	case r < (1+s.gets)/2:
		s.write(c, s.newWrite(), 3, next)
	case r < (1+s.gets)/2+(1-s.gets)/4:
		s.read(c, &flow.SearchRequest{Collection: "c", Vector: s.vector(), K: 1 + s.rand.IntN(4), Exact: true, WithVector: s.chance(0.3), Read: s.level(token)}, next)
	case s.chance(0.5):
		s.read(c, &flow.CountRequest{Collection: "c", Read: s.level(token)}, next)
	default:
		s.read(c, &flow.ScrollRequest{Collection: "c", From: s.ids(1)[0], Limit: 1 + s.rand.IntN(4), WithVector: s.chance(0.3), Read: s.level(token)}, next)
	}
}

func (s *store) chance(p float64) bool { return s.rand.Float64() < p }

func (s *store) ids(n int) []flow.PointID {
	var ids []flow.PointID
	for len(ids) < min(n, s.points) {
		if id := flow.NumberID(uint64(s.rand.IntN(s.points))); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *store) vector() flow.Vector {
	if s.distinct {
		s.value++
		return flow.Vector{float32(s.rand.IntN(10)), s.value / 1024}
	}
	return flow.Vector{float32(s.rand.IntN(3)), float32(s.rand.IntN(3))}
}

func (s *store) level(token flow.SessionToken) flow.ReadOptions {
	r := flow.ReadOptions{Level: flow.ReadLevel(s.rand.IntN(8)), Partial: s.chance(0.1)}
	switch r.Level {
	case flow.Session:
		r.Token = token
	case flow.Bounded:
		r.MaxStaleness = 20 * time.Millisecond
	case flow.Any:
	default:
		r.Level = flow.Linearizable
	}
	return r
}

func (s *store) newWrite() *flow.WriteRequest {
	var random [10]byte
	for i := range random {
		random[i] = byte(s.rand.Uint32())
	}
	w := &flow.WriteRequest{ID: flow.NewRequestID(s.now, random), Collection: "c"}
	for _, id := range s.ids(1 + s.rand.IntN(3)) {
		for again := true; again; again = s.chance(0.1) {
			op := flow.Op{Kind: flow.Delete, ID: id}
			if s.chance(0.8) {
				op.Kind, op.Vector = flow.Upsert, s.vector()
			}
			if s.chance(0.3) {
				op.If, op.IfVersion = true, s.state(s.shardOf(id), s.shard[s.shardOf(id)].index)[id].Version
				if s.chance(0.3) {
					op.IfVersion = uint64(s.rand.IntN(9))
				}
			}
			w.Ops = append(w.Ops, op)
		}
	}
	return w
}

// write sends a write, and again when its answer is lost.
func (s *store) write(c int, w *flow.WriteRequest, attempts int, next func(flow.SessionToken)) {
	i := s.begin(c, w)
	if s.chance(s.unknown / 4) {
		s.after(func() {
			s.end(i, &flow.WriteResponse{Outcome: flow.Outcome{Err: flow.Errorf(flow.Unavailable, "test", "no leader")}, ID: w.ID})
			next(nil)
		})
		return
	}
	lost := s.chance(s.unknown)
	results := make([]flow.OpResult, len(w.Ops))
	var token flow.SessionToken
	shards := s.shardsOf(w)
	left := len(shards)
	for _, shard := range shards {
		if lost && s.chance(0.4) {
			continue
		}
		delay := 10 * time.Millisecond
		if lost {
			delay = 200 * time.Millisecond
		}
		s.later(delay, func() {
			token = token.Merge(s.apply(shard, w, results))
			if left--; left == 0 && !lost {
				s.after(func() {
					s.end(i, &flow.WriteResponse{ID: w.ID, Results: results, Token: token})
					next(token)
				})
			}
		})
	}
	if lost {
		s.after(func() {
			if s.chance(0.5) {
				s.end(i, nil)
			}
			if attempts > 1 && s.chance(0.5) {
				s.write(c, w, attempts-1, next)
			} else {
				next(nil)
			}
		})
	}
}

func (s *store) shardsOf(w *flow.WriteRequest) []flow.ShardID {
	var ids []flow.ShardID
	for _, op := range w.Ops {
		ids = append(ids, s.shardOf(op.ID))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// apply does a shard's part of a write in one place of its log, once.
func (s *store) apply(shard flow.ShardID, w *flow.WriteRequest, results []flow.OpResult) flow.SessionToken {
	l := s.shard[shard]
	done, again := l.dedup[w.ID]
	if !again {
		l.index += uint64(1 + s.rand.IntN(3))
		done = make([]flow.OpResult, len(w.Ops))
		for i, op := range w.Ops {
			if s.shardOf(op.ID) == shard {
				done[i] = s.applyOp(l, shard, w.ID, op)
			}
		}
		l.dedup[w.ID] = done
	}
	for i, op := range w.Ops {
		if s.shardOf(op.ID) == shard {
			results[i] = done[i]
		}
	}
	return flow.SessionToken{{Shard: shard, Index: l.index}}
}

func (s *store) applyOp(l *shardLog, shard flow.ShardID, id flow.RequestID, op flow.Op) flow.OpResult {
	old, exists := s.state(shard, l.index)[op.ID]
	if op.If && op.IfVersion != old.Version {
		return flow.OpResult{Status: flow.Conflicted, Version: old.Version}
	}
	if op.Kind == flow.Delete && !exists {
		return flow.OpResult{Status: flow.Absent}
	}
	l.entries = append(l.entries, entry{l.index, s.now, op.ID, op.Kind == flow.Upsert,
		flow.Point{ID: op.ID, Vector: op.Vector, Payload: op.Payload, Version: l.index}})
	s.record.Add(Change{Request: id, Collection: "c", Point: op.ID, Version: l.index})
	return flow.OpResult{Status: flow.Applied, Version: l.index}
}

// state returns a shard's points at an index.
func (s *store) state(shard flow.ShardID, index uint64) map[flow.PointID]flow.Point {
	m := map[flow.PointID]flow.Point{}
	for _, e := range s.shard[shard].entries {
		switch {
		case e.index > index:
		case e.exists:
			m[e.id] = e.point
		default:
			delete(m, e.id)
		}
	}
	return m
}

// indexFor chooses the index at which a shard answers a read that began at call.
func (s *store) indexFor(shard flow.ShardID, r flow.ReadOptions, call flow.Time) uint64 {
	l := s.shard[shard]
	least := l.index
	switch r.Level {
	case flow.Session:
		least = max(1, r.Token.Index(shard))
	case flow.Bounded:
		least = 1
		for _, e := range l.entries {
			if e.at <= call.Add(-r.MaxStaleness) {
				least = e.index
			}
		}
	case flow.Any:
		least = 1
	}
	return least + uint64(s.rand.Int64N(int64(l.index-least)+1))
}

// read asks every shard at a moment of its own and merges their answers.
func (s *store) read(c int, req flow.Request, next func(flow.SessionToken)) {
	i, call := s.begin(c, req), s.now
	r := (&Operation{Request: req}).readOptions()
	info := flow.ReadInfo{Stale: r.Level == flow.Any}
	all := map[flow.PointID]flow.Point{}
	left := s.shards
	for k := range s.shards {
		shard := flow.ShardID(k + 1)
		s.after(func() {
			if r.Partial && s.chance(0.3) {
				info.Missing = append(info.Missing, shard)
				slices.Sort(info.Missing)
			} else {
				index := s.indexFor(shard, r, call)
				info.Shards = info.Shards.Merge(flow.SessionToken{{Shard: shard, Index: index}})
				for id, p := range s.state(shard, index) {
					all[id] = p
				}
			}
			if left--; left > 0 {
				return
			}
			s.after(func() {
				token := info.Shards
				if !s.withIndex {
					info.Shards = nil
				}
				s.end(i, respond(req, info, all))
				next(token)
			})
		})
	}
}

// respond answers a read from the points there are.
func respond(req flow.Request, info flow.ReadInfo, all map[flow.PointID]flow.Point) flow.Response {
	var points []flow.Point
	for _, p := range all {
		points = append(points, p)
	}
	slices.SortFunc(points, func(a, b flow.Point) int { return cmp.Compare(a.ID, b.ID) })
	switch r := req.(type) {
	case *flow.GetRequest:
		resp := &flow.GetResponse{ReadInfo: info}
		for _, id := range r.IDs {
			if p, ok := all[id]; ok {
				resp.Points = append(resp.Points, p)
			}
		}
		return resp
	case *flow.CountRequest:
		return &flow.CountResponse{ReadInfo: info, Count: uint64(len(points))}
	case *flow.ScrollRequest:
		points = slices.DeleteFunc(points, func(p flow.Point) bool { return p.ID < r.From })
		resp := &flow.ScrollResponse{ReadInfo: info, Points: points[:min(r.Limit, len(points))]}
		if len(points) > r.Limit {
			resp.Next = points[r.Limit].ID
		}
		return resp
	case *flow.SearchRequest:
		resp := &flow.SearchResponse{ReadInfo: info, Metric: flow.Euclid}
		for _, p := range points {
			var d float32
			for j := range p.Vector {
				d += (p.Vector[j] - r.Vector[j]) * (p.Vector[j] - r.Vector[j])
			}
			resp.Hits = append(resp.Hits, flow.Hit{Point: p, Distance: d})
		}
		slices.SortFunc(resp.Hits, func(a, b flow.Hit) int {
			return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.ID, b.ID))
		})
		resp.Hits = resp.Hits[:min(r.K, len(resp.Hits))]
		return resp
	}
	panic("not a read")
}

func (s *store) begin(c int, req flow.Request) int {
	s.lines = append(s.lines, line{call: s.now, ret: -1, client: c, req: req})
	return len(s.lines) - 1
}

func (s *store) end(i int, resp flow.Response) {
	s.lines[i].ret, s.lines[i].resp = s.now, resp
}
