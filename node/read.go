package node

import (
	"fmt"
	"slices"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

const (
	// hedgeTicks is how long a node is waited for before another is asked too (0.5 s).
	hedgeTicks = 20
	// maxAsked bounds the nodes that work on a shard of a read at the same time.
	maxAsked = 2
)

// readOp is a read being routed: it asks nodes for shards until each has answered
// once, or its time is up.
type readOp struct {
	collection flow.Collection
	query      net.Read
	due        flow.Time
	partial    bool
	targets    []*target
	results    []*net.ReadResult
	err        *flow.Error
	// done is called once, with all shards answered or named as missing.
	done  func(op *readOp, missing []flow.ShardID, err *flow.Error)
	ended bool
}

// target is a shard of a read.
type target struct {
	shard flow.ShardID
	ids   []flow.PointID
	// served says that a node has answered; index is where its replica stood.
	served bool
	index  uint64
	// asked holds the nodes that work on it, past those that ever did, latest last; the
	// next one is asked at tick nextTry.
	asked, past []flow.NodeID
	nextTry     uint64
}

// read routes a read of a collection. The query's Collection, Shards and IDs are
// filled in here.
func (n *Node) read(name string, query net.Read, ids []flow.PointID, opts flow.ReadOptions, done func(op *readOp, missing []flow.ShardID, err *flow.Error)) {
	if err := n.admit(); err != nil {
		done(nil, nil, err)
		return
	}
	query.Level, query.Token, query.MaxStaleness = opts.Level, opts.Token, opts.MaxStaleness
	due := n.due(opts.Timeout)
	n.resolve(name, 0, due, func(c flow.Collection, err *flow.Error) {
		if err == nil && query.Kind == net.ReadSearch {
			if cerr := query.Vector.Check(c.Dim, c.Metric); cerr != nil {
				err = flow.Errorf(flow.InvalidArgument, "node.read", "query: %w", cause(cerr))
			}
		}
		if err != nil {
			done(nil, nil, err)
			return
		}
		query.Collection = c.ID
		op := &readOp{collection: c, query: query, due: due, partial: opts.Partial, targets: n.targets(ids, query.Kind), done: done}
		n.beginRead(op)
	})
}

func (n *Node) beginRead(op *readOp) {
	n.requests.reads = append(n.requests.reads, op)
	n.requests.open++
	n.sendRead(op)
}

// targets lists the shards a read touches: all, or those of the ids of a get.
func (n *Node) targets(ids []flow.PointID, kind net.ReadKind) []*target {
	starts := n.starts()
	all := make([]*target, len(starts))
	for i := range all {
		all[i] = &target{shard: flow.ShardID(i + 1)}
	}
	if kind != net.ReadGet {
		return all
	}
	for _, id := range ids {
		t := all[ring.Find(starts, ring.Hash(id))]
		t.ids = append(t.ids, id)
	}
	return slices.DeleteFunc(all, func(t *target) bool { return len(t.ids) == 0 })
}

// sendRead asks for every shard that is not answered and due to be asked for, with
// one call a node.
func (n *Node) sendRead(op *readOp) {
	groups := map[flow.NodeID][]*target{}
	var order []flow.NodeID
	for _, t := range op.targets {
		if t.served || len(t.asked) >= maxAsked || n.ticks < t.nextTry {
			continue
		}
		to := n.readFrom(t)
		if to == 0 {
			continue
		}
		if groups[to] == nil {
			order = append(order, to)
		}
		groups[to] = append(groups[to], t)
	}
	left := op.due.Sub(n.cfg.Clock.Now())
	for _, to := range order {
		group := groups[to]
		q := op.query
		q.Patience = left
		q.Shards, q.IDs = nil, nil
		for _, t := range group {
			t.past = append(slices.DeleteFunc(t.past, func(id flow.NodeID) bool { return id == to }), to)
			t.asked = append(t.asked, to)
			t.nextTry = n.ticks + hedgeTicks
			q.Shards = append(q.Shards, t.shard)
			q.IDs = append(q.IDs, t.ids...)
		}
		due := n.ticks + uint64(left/n.cfg.Tuning.TickEvery) + 1
		if !n.up(to) {
			due = min(due, n.ticks+callTicks)
		}
		n.callUntil(due, to, &q, func(body net.Body, err *flow.Error) { n.takeRead(op, to, group, body, err) })
	}
}

// readFrom chooses the node that is asked for a shard: this one if it has a
// replica, then the leader, then the others in turn.
func (n *Node) readFrom(t *target) flow.NodeID {
	p := n.system().Placement(t.shard)
	if p == nil || len(p.Replicas) == 0 {
		return 0
	}
	var choices []flow.NodeID
	add := func(id flow.NodeID) {
		if id != 0 && !slices.Contains(choices, id) {
			choices = append(choices, id)
		}
	}
	for _, id := range p.Replicas {
		if id.Node() == n.identity.Node && n.replicas[t.shard] != nil {
			add(n.identity.Node)
		}
	}
	add(n.leaderOf(t.shard))
	for _, id := range p.Replicas {
		if n.up(id.Node()) {
			add(id.Node())
		}
	}
	for _, id := range p.Replicas {
		add(id.Node())
	}
	choices = slices.DeleteFunc(choices, func(id flow.NodeID) bool { return slices.Contains(t.asked, id) })
	if len(choices) == 0 {
		return 0
	}
	// One that was not asked yet, in the order above; then the one asked longest ago.
	return slices.MinFunc(choices, func(a, b flow.NodeID) int { return slices.Index(t.past, a) - slices.Index(t.past, b) })
}

func (n *Node) takeRead(op *readOp, from flow.NodeID, group []*target, body net.Body, err *flow.Error) {
	if op.ended {
		return
	}
	for _, t := range group {
		t.asked = slices.DeleteFunc(t.asked, func(id flow.NodeID) bool { return id == from })
		t.nextTry = min(t.nextTry, n.ticks+retryTicks)
	}
	res, ok := body.(*net.ReadResult)
	switch {
	case err != nil && (err.Kind == flow.ResourceExhausted || err.Kind == flow.InvalidArgument):
		n.endRead(op, nil, err) // another replica would say the same
		return
	case err != nil:
		op.err = err
	case ok && res.Dropped:
		n.resolveAgain(op)
		return
	case ok && fresh(group, res):
		op.results = append(op.results, res)
		for _, t := range group {
			if i := res.Served.Index(t.shard); i > 0 {
				t.served, t.index = true, i
			}
		}
	}
	if slices.IndexFunc(op.targets, func(t *target) bool { return !t.served }) < 0 {
		n.endRead(op, nil, nil)
	}
}

// fresh says that an answer holds no shard that another has answered already: each
// counts once, so a late answer is taken whole or not at all.
func fresh(group []*target, res *net.ReadResult) bool {
	for _, t := range group {
		if t.served && res.Served.Index(t.shard) > 0 {
			return false
		}
	}
	return true
}

// resolveAgain starts a read over whose collection a shard has dropped.
func (n *Node) resolveAgain(op *readOp) {
	n.requests.open--
	op.ended = true // answers that are still under way belong to the old collection
	n.resolve(op.collection.Name, op.collection.ID, op.due, func(c flow.Collection, err *flow.Error) {
		if err == nil && op.query.Kind == net.ReadSearch && len(op.query.Vector) != c.Dim {
			err = flow.Errorf(flow.InvalidArgument, "node.read", "query has %d components, the collection has dimension %d", len(op.query.Vector), c.Dim)
		}
		if err != nil {
			op.done(op, nil, err)
			return
		}
		again := &readOp{collection: c, query: op.query, due: op.due, partial: op.partial, done: op.done}
		again.query.Collection = c.ID
		for _, t := range op.targets {
			again.targets = append(again.targets, &target{shard: t.shard, ids: t.ids})
		}
		n.beginRead(again)
	})
}

func (n *Node) endRead(op *readOp, missing []flow.ShardID, err *flow.Error) {
	op.ended = true
	n.requests.open--
	op.done(op, missing, err)
}

func (n *Node) tickReads() {
	now := n.cfg.Clock.Now()
	list := n.requests.reads
	n.requests.reads = nil
	for _, op := range list {
		if !op.ended && now >= op.due {
			n.timeOut(op)
		}
		if !op.ended {
			n.sendRead(op)
		}
		if !op.ended {
			n.requests.reads = append(n.requests.reads, op)
		}
	}
}

// timeOut ends a read with what it has, if that was asked for.
func (n *Node) timeOut(op *readOp) {
	var missing []flow.ShardID
	var names []string
	for _, t := range op.targets {
		if !t.served {
			missing = append(missing, t.shard)
			names = append(names, fmt.Sprint(t.shard.UserID()))
		}
	}
	if op.partial && len(missing) < len(op.targets) {
		n.endRead(op, missing, nil)
		return
	}
	why := ""
	if op.err != nil {
		why = ": " + op.err.Error()
	}
	n.endRead(op, missing, flow.Errorf(flow.Unavailable, "node.read", "no answer in time from shards %s%s", strings.Join(names, ", "), why))
}

// info says where the answer came from.
func (op *readOp) info(missing []flow.ShardID) flow.ReadInfo {
	if op == nil {
		return flow.ReadInfo{Missing: missing}
	}
	info := flow.ReadInfo{Missing: missing, Stale: op.query.Level == flow.Any}
	for _, t := range op.targets {
		if t.served {
			info.Shards = append(info.Shards, flow.ShardIndex{Shard: t.shard, Index: t.index})
		}
	}
	return info
}

// lists returns the hits of all answers.
func (op *readOp) lists() [][]flow.Hit {
	lists := make([][]flow.Hit, 0, len(op.results))
	for _, r := range op.results {
		lists = append(lists, r.Hits)
	}
	return lists
}

func outcome(err *flow.Error) flow.Outcome {
	if err == nil {
		return flow.Outcome{}
	}
	return flow.Outcome{Err: err}
}

func (n *Node) serveGet(req *flow.GetRequest, reply func(flow.Response)) {
	if err := checkGet(req); err != nil {
		reply(&flow.GetResponse{Outcome: outcome(err)})
		return
	}
	ids := slices.Clone(req.IDs)
	slices.Sort(ids)
	q := net.Read{Kind: net.ReadGet, WithVector: req.WithVector, WithPayload: req.WithPayload}
	n.read(req.Collection, q, slices.Compact(ids), req.Read, func(op *readOp, missing []flow.ShardID, err *flow.Error) {
		resp := &flow.GetResponse{Outcome: outcome(err), ReadInfo: op.info(missing)}
		if err == nil {
			found := map[flow.PointID]flow.Point{}
			for _, hits := range op.lists() {
				for _, h := range hits {
					found[h.ID] = h.Point
				}
			}
			for _, id := range req.IDs {
				if p, ok := found[id]; ok {
					resp.Points = append(resp.Points, p)
				}
			}
		}
		reply(resp)
	})
}

func checkGet(req *flow.GetRequest) *flow.Error {
	switch {
	case len(req.IDs) == 0:
		return flow.Errorf(flow.InvalidArgument, "node.checkGet", "ids is empty")
	case len(req.IDs) > flow.MaxBatchPoints:
		return flow.Errorf(flow.InvalidArgument, "node.checkGet", "ids holds %d ids, the limit is %d", len(req.IDs), flow.MaxBatchPoints)
	}
	for i, id := range req.IDs {
		if !id.Valid() {
			return flow.Errorf(flow.InvalidArgument, "node.checkGet", "ids[%d] is missing or longer than %d bytes", i, flow.MaxPointIDBytes)
		}
	}
	return nil
}

func (n *Node) serveCount(req *flow.CountRequest, reply func(flow.Response)) {
	if err := checkFilter(req.Filter); err != nil {
		reply(&flow.CountResponse{Outcome: outcome(err)})
		return
	}
	n.read(req.Collection, net.Read{Kind: net.ReadCount, Filter: req.Filter}, nil, req.Read, func(op *readOp, missing []flow.ShardID, err *flow.Error) {
		resp := &flow.CountResponse{Outcome: outcome(err), ReadInfo: op.info(missing)}
		if err == nil {
			for _, r := range op.results {
				resp.Count += r.Count
				resp.MemoryBytes += r.MemoryBytes
				resp.DiskBytes += r.DiskBytes
				resp.Segments += r.Segments
			}
		}
		reply(resp)
	})
}

func (n *Node) serveScroll(req *flow.ScrollRequest, reply func(flow.Response)) {
	if req.Limit < 1 || req.Limit > flow.MaxScroll {
		reply(&flow.ScrollResponse{Outcome: outcome(flow.Errorf(flow.InvalidArgument, "node.serveScroll", "limit is %d, it must be in 1..%d", req.Limit, flow.MaxScroll))})
		return
	}
	if err := checkFilter(req.Filter); err != nil {
		reply(&flow.ScrollResponse{Outcome: outcome(err)})
		return
	}
	q := net.Read{Kind: net.ReadScroll, Filter: req.Filter, From: req.From, Limit: req.Limit + 1, WithVector: req.WithVector, WithPayload: req.WithPayload}
	n.read(req.Collection, q, nil, req.Read, func(op *readOp, missing []flow.ShardID, err *flow.Error) {
		resp := &flow.ScrollResponse{Outcome: outcome(err), ReadInfo: op.info(missing)}
		if err == nil {
			for _, h := range index.Merge(req.Limit+1, op.lists()...) {
				resp.Points = append(resp.Points, h.Point)
			}
			if len(resp.Points) > req.Limit {
				resp.Next = resp.Points[req.Limit].ID
				resp.Points = resp.Points[:req.Limit]
			}
		}
		reply(resp)
	})
}

func (n *Node) serveSearch(req *flow.SearchRequest, reply func(flow.Response)) {
	if err := checkSearch(req); err != nil {
		reply(&flow.SearchResponse{Outcome: outcome(err)})
		return
	}
	q := net.Read{Kind: net.ReadSearch, Filter: req.Filter, Vector: req.Vector, K: req.K, EF: req.EF, Oversampling: req.Oversampling,
		Exact: req.Exact, WithVector: req.WithVector, WithPayload: req.WithPayload}
	n.read(req.Collection, q, nil, req.Read, func(op *readOp, missing []flow.ShardID, err *flow.Error) {
		resp := &flow.SearchResponse{Outcome: outcome(err), ReadInfo: op.info(missing)}
		if err == nil {
			resp.Metric = op.collection.Metric
			resp.Hits = index.Merge(req.K, op.lists()...)
		}
		reply(resp)
	})
}

func checkSearch(req *flow.SearchRequest) *flow.Error {
	const op = "node.checkSearch"
	switch {
	case req.K < 1 || req.K > flow.MaxK:
		return flow.Errorf(flow.InvalidArgument, op, "limit (k) is %d, it must be in 1..%d", req.K, flow.MaxK)
	case req.EF < 0 || req.EF > flow.MaxEF:
		return flow.Errorf(flow.InvalidArgument, op, "params.hnsw_ef is %d, it must be in 1..%d", req.EF, flow.MaxEF)
	case req.Oversampling != 0 && !(req.Oversampling >= 1 && req.Oversampling <= flow.MaxOversampling):
		return flow.Errorf(flow.InvalidArgument, op, "params.quantization.oversampling is %v, it must be in 1..%d", req.Oversampling, flow.MaxOversampling)
	}
	return checkFilter(req.Filter)
}
