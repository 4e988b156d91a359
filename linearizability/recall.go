package linearizability

import (
	flow "github.com/ruvector-flow/ruvector-flow"
)

// Recall measures the searches that were not asked to be exact and left EF to its
// default, from a time on: how
// many hits they had (wanted) less, for each, the points that were there throughout
// and strictly nearer than its last hit but missing (found). A point whose state is
// not certain counts for the search. With no such search both are 0.
func Recall(h *History, o Options, from flow.Time) (found, wanted int) {
	p := newPartition(h, o)
	for i := range h.ops {
		op := &h.ops[i]
		if op.Kind != Search || op.Outcome != OK || op.Call < from || len(op.Former) > 0 {
			continue
		}
		if req := op.Request.(*flow.SearchRequest); req.Exact || req.EF != 0 {
			continue
		}
		hits := len(op.Response.(*flow.SearchResponse).Hits)
		wanted += hits
		found += hits - min(hits, p.passedOver(op))
	}
	return found, wanted
}

// passedOver counts the points that an exact search would have preferred to the last hit.
func (p *partition) passedOver(op *Operation) (n int) {
	req, resp := op.Request.(*flow.SearchRequest), op.Response.(*flow.SearchResponse)
	if len(resp.Hits) < req.K {
		return 0 // there were no more: CheckSearches sees to it
	}
	hit := map[flow.PointID]bool{}
	for _, ht := range resp.Hits {
		hit[ht.ID] = true
	}
	last := float64(resp.Hits[len(resp.Hits)-1].Distance)
	for _, ph := range p.of(req.Collection) {
		if hit[ph.point] || ph.opaque || p.missing(&resp.ReadInfo, ph.point) {
			continue
		}
		sp := ph.span(p.window(op, ph))
		if sp.wrong == "" && !ph.mayLack(sp) && p.allNearer(req.Vector, ph.vectors(sp), resp.Metric, last) {
			n++
		}
	}
	return n
}

// allNearer says whether all of a point's vectors are strictly nearer than a distance.
func (p *partition) allNearer(q flow.Vector, vectors []flow.Vector, m flow.Metric, than float64) bool {
	for _, v := range vectors {
		d, scale := distance(m, q, v)
		if d >= than || p.close(than, d, scale) {
			return false
		}
	}
	return true
}
