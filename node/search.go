package node

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// maxSearchers bounds the working memories that are kept for later searches.
const maxSearchers = 64

// searcher is the working memory of one search at a time: the node hands it to a job
// and takes it back when the job is done.
type searcher struct {
	scratch  index.Scratch
	targets  []index.Target
	prefixes [][]byte // of the replicas' states, by target
	found    []index.Candidate
}

func (n *Node) takeSearcher() *searcher {
	if last := len(n.searchers) - 1; last >= 0 {
		w := n.searchers[last]
		n.searchers = n.searchers[:last]
		return w
	}
	return &searcher{}
}

func (n *Node) returnSearcher(w *searcher) {
	clear(w.targets) // lets go of the views
	clear(w.found)
	w.targets, w.prefixes, w.found = w.targets[:0], w.prefixes[:0], w.found[:0]
	if len(n.searchers) < maxSearchers {
		n.searchers = append(n.searchers, w)
	}
}

// runSearch searches all shards of a read in one job: they share the working memory and
// the bound of the best hits so far.
func (n *Node) runSearch(sv *serving, res *net.ReadResult, shards []flow.ShardID) {
	q := sv.query
	w := n.takeSearcher()
	bridges := n.bridging.of(q.Collection)
	cost := 0
	var snap disk.Snapshot
	if q.WithVector || q.WithPayload || len(q.Filter) > 0 {
		snap = n.cfg.Disk.Snapshot()
	}
	var sieves []*sieve
	for i, sieve := range n.sieves(q, shards, snap) {
		if sieve != nil {
			sieves = append(sieves, sieve)
			cost += int(n.shard(shards[i]).Count(q.Collection)) * payloadBytes
		}
	}
	for _, s := range shards {
		if v := n.shard(s).View(q.Collection); v != nil {
			w.targets = append(w.targets, index.Target{View: v})
			w.prefixes = append(w.prefixes, n.replicas[s].StatePrefix())
			cost += int(v.Bytes())
		}
	}
	done := sv.done
	sv.done = func(body net.Body, err *flow.Error) {
		n.returnSearcher(w)
		done(body, err)
	}
	n.job(sv, res, cost, snap, func() (err error) {
		if err := allow(w.targets, sieves, q.Filter); err != nil {
			return err
		}
		w.found = index.SearchAll(w.found[:0], w.targets, index.Query{
			Vector: q.Vector, K: q.K, EF: q.EF, Exact: q.Exact, Oversampling: q.Oversampling, WalkRows: n.cfg.Tuning.Index.WalkRows, Bridges: bridges,
		}, &w.scratch)
		res.Hits = make([]flow.Hit, len(w.found))
		for i, c := range w.found {
			res.Hits[i] = flow.Hit{Point: flow.Point{ID: c.ID, Version: shard.Version(c.Slot)}, Distance: c.Distance}
		}
		if !q.WithVector && !q.WithPayload {
			return nil
		}
		points := make([]located, len(w.found))
		for i, c := range w.found {
			points[i] = located{prefix: w.prefixes[c.Target], slot: c.Slot, id: c.ID}
		}
		res.Hits, err = fetch(snap, q, points, res.Hits)
		return err
	})
}
