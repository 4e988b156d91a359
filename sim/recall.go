package sim

import (
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
)

// The recall that searches with the default EF keep, as a part of the true hits: during
// the load, under all faults, and at the end, after all crashes, snapshots and moves.
const (
	declaredRecall = 0.95
	// minRecallHits is how many hits make a world's recall worth judging.
	minRecallHits = 100
	// searchesAtEnd is how many searches each host answers in the quiet cluster.
	searchesAtEnd = 4
)

// recall is how many of the wanted hits searches found.
type recall struct{ found, wanted int }

func (r recall) low() bool {
	return r.wanted >= minRecallHits && float64(r.found) < declaredRecall*float64(r.wanted)
}

// searchAll searches the quiet cluster through every host, by graphs and exactly.
func (w *World) searchAll(collections []string) {
	w.quiet = w.load.now()
	o := flow.ReadOptions{Timeout: 5 * time.Second}
	pending := 0
	for i, h := range w.core() {
		r := stream(w.scenario.Seed, purposeEnding, 3, uint64(i))
		for _, name := range collections {
			for n := range searchesAtEnd {
				req := &flow.SearchRequest{Collection: name, Vector: drawVector(r, w.scenario), K: 1 + r.IntN(10), Exact: n == 0, Read: o}
				pending++
				w.load.send(nil, h, req, o.Timeout, func(resp flow.Response) {
					pending--
					if resp == nil || resp.Error() != nil {
						w.fail(OracleLiveness, "%s did not search a healthy cluster: %v", h.name, resp)
					}
				})
			}
		}
	}
	if !w.runUntil(w.now+healWithin, func() bool { return pending == 0 }) {
		w.fail(OracleLiveness, "%d final searches were not answered", pending)
	}
}

// judgeRecall measures the searches by graphs.
func (w *World) judgeRecall(o linearizability.Options) {
	w.recall.found, w.recall.wanted = linearizability.Recall(&w.load.history, o, 0)
	w.recallAtEnd.found, w.recallAtEnd.wanted = linearizability.Recall(&w.load.history, o, w.quiet)
	for _, r := range []recall{w.recall, w.recallAtEnd} {
		if r.low() {
			w.fail(OracleRecall, "searches by graphs found %d of %d hits; at least %v of them are declared", r.found, r.wanted, declaredRecall)
		}
	}
}
