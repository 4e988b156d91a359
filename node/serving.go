package node

import (
	"cmp"
	"errors"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// serving is a Read that waits until this node's replicas are fit for it.
type serving struct {
	query   *net.Read
	due     flow.Time
	waiting int
	ready   []flow.ShardID
	handles []*replica.Read
	done    answerFunc
	ended   bool
}

// serveRead reads from this node's replicas once they are fit for the read level,
// or, when patience ends, from those that are.
func (n *Node) serveRead(q *net.Read, done answerFunc) {
	sv := &serving{query: q, due: n.cfg.Clock.Now().Add(q.Patience), done: done}
	sv.waiting = 1 // until all shards are asked
	for _, s := range q.Shards {
		r := n.touch(s)
		if r == nil || s == flow.SystemShard || r.Applied() == 0 {
			continue
		}
		fit := func() {
			sv.ready = append(sv.ready, s)
			sv.waiting--
			n.runWhenReady(sv)
		}
		sv.waiting++
		switch q.Level {
		case flow.Session:
			sv.handles = append(sv.handles, r.AtIndex(q.Token.Index(s), fit))
		case flow.Bounded:
			sv.handles = append(sv.handles, r.Fresh(q.MaxStaleness, fit))
		case flow.Any:
			sv.handles = append(sv.handles, r.AtIndex(0, fit))
		default:
			sv.handles = append(sv.handles, r.Linearizable(fit))
		}
	}
	sv.waiting--
	n.requests.serving = append(n.requests.serving, sv)
	n.runWhenReady(sv)
}

func (n *Node) runWhenReady(sv *serving) {
	if sv.waiting > 0 || sv.ended {
		return
	}
	sv.ended = true
	n.fx.Compute = append(n.fx.Compute, func() { n.run(sv) })
}

func (n *Node) tickServing() {
	now := n.cfg.Clock.Now()
	n.requests.serving = slices.DeleteFunc(n.requests.serving, func(sv *serving) bool {
		if !sv.ended && now >= sv.due {
			for _, h := range sv.handles {
				h.Cancel()
			}
			sv.waiting = 0
			n.runWhenReady(sv)
		}
		return sv.ended
	})
}

// located is a point that a job will read.
type located struct {
	prefix []byte // of the replica's state
	slot   uint64
	id     flow.PointID
}

// run answers a read from the state as it is at the end of this turn: every
// replica in ready is at or past the index that the level asks for.
func (n *Node) run(sv *serving) {
	res := &net.ReadResult{}
	var shards []flow.ShardID
	slices.Sort(sv.ready)
	for _, s := range sv.ready {
		r := n.replicas[s]
		if r == nil {
			continue // destroyed since
		}
		if n.shard(s).IsDropped(sv.query.Collection) {
			sv.done(&net.ReadResult{Dropped: true}, nil)
			return
		}
		shards = append(shards, s)
		res.Served = append(res.Served, flow.ShardIndex{Shard: s, Index: r.Applied()})
	}
	switch sv.query.Kind {
	case net.ReadCount:
		n.account(res, sv.query.Collection, shards)
		if len(sv.query.Filter) > 0 {
			n.runCount(sv, res, shards)
			return
		}
		for _, s := range shards {
			res.Count += n.shard(s).Count(sv.query.Collection)
		}
		sv.done(res, nil)
	case net.ReadGet:
		n.runGet(sv, res, shards)
	case net.ReadScroll:
		n.runScroll(sv, res, shards)
	case net.ReadSearch:
		n.runSearch(sv, res, shards)
	default:
		sv.done(nil, flow.Errorf(flow.InvalidArgument, "node.run", "unknown kind of read %d", sv.query.Kind))
	}
}

// maxResultBytes bounds the vectors and payloads of one node's answer to a read.
const maxResultBytes = 64 << 20

// pointBytes is an estimate of a stored point, for the cost of jobs.
const pointBytes = 4096

func (n *Node) runGet(sv *serving, res *net.ReadResult, shards []flow.ShardID) {
	starts := n.starts()
	if len(starts) == 0 {
		sv.done(nil, n.noState())
		return
	}
	var points []located
	for _, id := range sv.query.IDs {
		s := flow.ShardID(ring.Find(starts, ring.Hash(id)) + 1)
		if !slices.Contains(shards, s) {
			continue
		}
		if slot, ok := n.shard(s).Slot(sv.query.Collection, id); ok {
			points = append(points, located{prefix: n.replicas[s].StatePrefix(), slot: slot, id: id})
		}
	}
	view := n.cfg.Disk.Snapshot()
	n.job(sv, res, len(points)*pointBytes, view, func() (err error) {
		res.Hits, err = fetch(view, sv.query, points, nil)
		return err
	})
}

func (n *Node) runScroll(sv *serving, res *net.ReadResult, shards []flow.ShardID) {
	var prefixes [][]byte
	for _, s := range shards {
		prefixes = append(prefixes, n.replicas[s].StatePrefix())
	}
	view := n.cfg.Disk.Snapshot()
	sieves := n.sieves(sv.query, shards, view)
	n.job(sv, res, sv.query.Limit*pointBytes, view, func() error {
		points, err := scan(view, sv.query, prefixes, sieves)
		if err != nil {
			return err
		}
		res.Hits, err = fetch(view, sv.query, points, nil)
		return err
	})
}

// job runs a read's computation on a worker and answers with its result.
func (n *Node) job(sv *serving, res *net.ReadResult, cost int, view disk.Snapshot, run func() error) {
	var failed error
	host{n}.Do(cost, func() {
		failed = run()
		if view != nil {
			if err := view.Close(); failed == nil {
				failed = err
			}
		}
	}, func() {
		if failed != nil {
			if e := (*flow.Error)(nil); errors.As(failed, &e) && e.Kind == flow.Corrupt && e.HasShard {
				n.condemn(e.Shard, failed)
			}
			sv.done(nil, flow.Errorf(flow.KindOf(failed), "node.job", "reading points: %w", failed))
			return
		}
		sv.done(res, nil)
	})
}

// scan lists the first points of some shards in id order, those that pass the sieves.
func scan(view disk.Reader, q *net.Read, prefixes [][]byte, sieves []*sieve) ([]located, error) {
	var points []located
	for i, prefix := range prefixes {
		var filtered *passing
		if sieves != nil {
			if sieves[i] == nil {
				continue // no such collection there
			}
			var err error
			if filtered, err = sieves[i].passing(q.Filter); err != nil {
				return nil, err
			}
		}
		if filtered.few(q.Limit) {
			list, err := filtered.first(q)
			if err != nil {
				return nil, err
			}
			points = append(points, list...)
			continue
		}
		lo, hi := shard.IDRange(q.Collection, q.From)
		skip := len(prefix) + 9 // the kind of row and the collection
		count := 0
		var bad error
		err := view.Scan(join(prefix, lo), join(prefix, hi), func(key, value []byte) bool {
			slot, err := shard.DecodeSlot(value)
			pass := false
			if err == nil {
				pass, err = filtered.slot(slot)
			}
			if bad = err; !pass || err != nil {
				return err == nil
			}
			points = append(points, located{prefix: prefix, slot: slot, id: flow.PointID(key[skip:])})
			count++
			return count < q.Limit
		})
		if err == nil {
			err = bad
		}
		if err != nil {
			return nil, onShard(prefix, err)
		}
	}
	sortByID(points)
	return points[:min(len(points), q.Limit)], nil
}

func sortByID(points []located) {
	slices.SortFunc(points, func(a, b located) int { return cmp.Compare(a.id, b.id) })
}

// fetch reads what a query wants of points; with hits, their distances come along.
func fetch(view disk.Reader, q *net.Read, points []located, hits []flow.Hit) ([]flow.Hit, error) {
	list := make([]flow.Hit, len(points))
	bytes := 0
	for i, at := range points {
		p := flow.Point{ID: at.id, Version: shard.Version(at.slot)}
		if err := at.fill(view, q, &p); err != nil {
			return nil, onShard(at.prefix, err)
		}
		if bytes += 4*len(p.Vector) + len(p.Payload); bytes > maxResultBytes {
			return nil, flow.Errorf(flow.ResourceExhausted, "node.fetch", "the answer is larger than %d bytes: ask for fewer points, or without vectors and payloads", maxResultBytes)
		}
		list[i].Point = p
		if hits != nil {
			list[i].Distance = hits[i].Distance
		}
	}
	return list, nil
}

// fill reads a point's vector and payload, as far as they are asked for.
func (at *located) fill(view disk.Reader, q *net.Read, p *flow.Point) error {
	if q.WithVector {
		value, ok, err := view.Get(join(at.prefix, shard.PointKey(q.Collection, at.slot)))
		if err == nil && !ok {
			err = flow.Errorf(flow.Corrupt, "node.fill", "the row of point %v is missing", at.id)
		}
		if err != nil {
			return err
		}
		if *p, err = shard.DecodePoint(at.slot, value); err != nil {
			return err
		}
		if p.ID != at.id {
			return flow.Errorf(flow.Corrupt, "node.fill", "the row of point %v holds point %v", at.id, p.ID)
		}
	}
	if q.WithPayload {
		payload, _, err := view.Get(join(at.prefix, shard.PayloadKey(q.Collection, at.slot)))
		p.Payload = payload
		return err
	}
	return nil
}

// onShard names the shard whose rows an error is about.
func onShard(prefix []byte, err error) error {
	s, _ := replica.ShardOf(prefix)
	return flow.Errorf(flow.KindOf(err), "node.fetch", "%w", err).OnShard(s)
}

func join(prefix, key []byte) []byte {
	return append(append(make([]byte, 0, len(prefix)+len(key)), prefix...), key...)
}
