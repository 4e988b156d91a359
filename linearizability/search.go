package linearizability

import (
	"cmp"
	"fmt"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// CheckSearches says whether every search, count and scroll returned what its level
// and the history allow. Each point is judged in the answer's window (see
// CheckReads):
//
// A search's hits were there, in their versions; their distances are those of a
// float64 brute force within the tolerance; they are ordered by distance, then id,
// without repeats. With Exact, no point that was there throughout and is strictly
// nearer than the last hit is missing, nor one that ties with it and has a smaller id,
// where the distance is a whole number that float32 holds. Exact or not, none at all is
// if there are fewer than K.
//
// A count lies between the points that were there throughout and those that may
// have been. A scroll's page is ascending and complete from From up to Next.
//
// Points of shards that the answer names as missing are excused. Where the answer
// names its applied index per shard, and no outcome on a point is unknown, the
// answer must be that of the exact state at the index.
func CheckSearches(h *History, o Options) Verdict {
	p := newPartition(h, o)
	for i := range h.ops {
		op := &h.ops[i]
		if op.Outcome != OK {
			continue
		}
		v := Verdict{OK: true}
		switch op.Kind {
		case Search:
			v = p.explained(op, p.checkSearch)
		case Count:
			v = p.explained(op, p.checkCount)
		case Scroll:
			v = p.explained(op, p.checkScroll)
		}
		if !v.OK {
			return v
		}
	}
	return Verdict{OK: true}
}

// of returns the points of a collection in id order.
func (p *partition) of(collection string) []*pointHistory {
	lo, _ := slices.BinarySearchFunc(p.points, collection, func(ph *pointHistory, c string) int { return cmp.Compare(ph.collection, c) })
	hi := lo
	for hi < len(p.points) && p.points[hi].collection == collection {
		hi++
	}
	return p.points[lo:hi]
}

func (p *partition) checkSearch(op *Operation) Verdict {
	req, resp := op.Request.(*flow.SearchRequest), op.Response.(*flow.SearchResponse)
	wrong := checkInfo(op)
	if wrong == "" && len(resp.Hits) > req.K {
		wrong = fmt.Sprintf("it has %d hits, %d were asked for", len(resp.Hits), req.K)
	}
	if wrong == "" {
		wrong = checkOrder(resp.Hits)
	}
	if wrong == "" && !resp.Metric.Valid() {
		wrong = "it names no metric"
	}
	if wrong != "" {
		return p.verdict(nil, "search", wrong, []*Operation{op})
	}
	hit := map[flow.PointID]bool{}
	for _, ht := range resp.Hits {
		hit[ht.ID] = true
		ph := p.at(req.Collection, ht.ID)
		if wrong := p.checkHit(op, ph, ht); wrong != "" {
			return p.verdict(ph, "search", wrong, ph.concerning(op))
		}
	}
	for _, ph := range p.of(req.Collection) {
		if wrong := p.checkOthers(op, ph, hit[ph.point]); wrong != "" {
			return p.verdict(ph, "search", wrong, ph.concerning(op))
		}
	}
	return Verdict{OK: true}
}

// checkOrder says what is wrong with the order of hits.
func checkOrder(hits []flow.Hit) string {
	ids := map[flow.PointID]bool{}
	for i, ht := range hits {
		if ids[ht.ID] {
			return fmt.Sprintf("point %v is among the hits twice", ht.ID)
		}
		ids[ht.ID] = true
		if i > 0 && !hits[i-1].Less(ht) {
			return fmt.Sprintf("hit %v (distance %v) comes before hit %v (distance %v)", hits[i-1].ID, hits[i-1].Distance, ht.ID, ht.Distance)
		}
	}
	return ""
}

// checkHit says what is wrong with one hit.
func (p *partition) checkHit(op *Operation, ph *pointHistory, ht flow.Hit) string {
	req, resp := op.Request.(*flow.SearchRequest), op.Response.(*flow.SearchResponse)
	if ph.opaque {
		return ""
	}
	s, w := seenHit(ht, req), p.window(op, ph)
	sp := ph.span(w)
	if sp.wrong != "" {
		return sp.wrong
	}
	vectors, wrong := ph.source(sp, w, s)
	if wrong != "" {
		return wrong
	}
	for _, v := range vectors {
		exact, scale := distance(resp.Metric, req.Vector, v)
		if p.close(float64(ht.Distance), exact, scale) {
			return ""
		}
	}
	exact, _ := distance(resp.Metric, req.Vector, vectors[0])
	return fmt.Sprintf("its distance is %v, computed anew it is %v", ht.Distance, float32(exact))
}

// checkOthers says what is wrong with a point's absence from the hits.
func (p *partition) checkOthers(op *Operation, ph *pointHistory, isHit bool) string {
	req, resp := op.Request.(*flow.SearchRequest), op.Response.(*flow.SearchResponse)
	if isHit || ph.opaque || p.missing(&resp.ReadInfo, ph.point) {
		return ""
	}
	sp := ph.span(p.window(op, ph))
	if sp.wrong != "" {
		return sp.wrong
	}
	if ph.mayLack(sp) {
		return ""
	}
	if len(resp.Hits) < req.K {
		return fmt.Sprintf("it is missing from %d hits of %d asked for, though it was there throughout%s", len(resp.Hits), req.K, ph.last(sp))
	}
	if !req.Exact {
		return ""
	}
	last := resp.Hits[len(resp.Hits)-1]
	if p.allNearer(req.Vector, ph.vectors(sp), resp.Metric, float64(last.Distance)) {
		return fmt.Sprintf("it is missing from the hits, though it was there throughout%s and is nearer than the last one", ph.last(sp))
	}
	if ph.point < last.ID && allAt(req.Vector, ph.vectors(sp), resp.Metric, last.Distance) {
		return fmt.Sprintf("it is missing from the hits, though it was there throughout%s and ties with the last one, %v, which comes after it", ph.last(sp), last.ID)
	}
	return ""
}

func (p *partition) checkCount(op *Operation) Verdict {
	req, resp := op.Request.(*flow.CountRequest), op.Response.(*flow.CountResponse)
	if s := checkInfo(op); s != "" {
		return p.verdict(nil, "count", s, []*Operation{op})
	}
	least, most := uint64(0), uint64(0)
	for _, ph := range p.of(req.Collection) {
		if p.o.ShardOf != nil && p.missing(&resp.ReadInfo, ph.point) {
			continue
		}
		if ph.opaque {
			most++
			continue
		}
		sp := ph.span(p.window(op, ph))
		if sp.wrong != "" {
			return p.verdict(ph, "count", sp.wrong, ph.concerning(op))
		}
		if ph.mayHold(sp) {
			most++
		}
		if !ph.mayLack(sp) && !p.missing(&resp.ReadInfo, ph.point) {
			least++
		}
	}
	if resp.Count >= least && resp.Count <= most {
		return Verdict{OK: true}
	}
	v := p.verdict(nil, "count", fmt.Sprintf("it counted %d points, there were %s", resp.Count, between(least, most)), []*Operation{op})
	v.Collection = req.Collection
	return v
}

func between(least, most uint64) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func (p *partition) checkScroll(op *Operation) Verdict {
	req, resp := op.Request.(*flow.ScrollRequest), op.Response.(*flow.ScrollResponse)
	wrong := checkInfo(op)
	if wrong == "" {
		wrong = checkPage(req, resp)
	}
	if wrong != "" {
		return p.verdict(nil, "scroll", wrong, []*Operation{op})
	}
	found := map[flow.PointID]seen{}
	for _, pt := range resp.Points {
		found[pt.ID] = seenPoint(pt, req.WithVector, req.WithPayload)
	}
	for _, ph := range p.of(req.Collection) {
		s := found[ph.point]
		outside := ph.point < req.From || resp.Next != "" && ph.point >= resp.Next
		if outside || !s.found && p.missing(&resp.ReadInfo, ph.point) {
			continue
		}
		if wrong := ph.judge(p.window(op, ph), s); wrong != "" {
			return p.verdict(ph, "scroll", wrong, ph.concerning(op))
		}
	}
	return Verdict{OK: true}
}

// checkPage says what is wrong with the shape of a page.
func checkPage(req *flow.ScrollRequest, resp *flow.ScrollResponse) string {
	if len(resp.Points) > req.Limit {
		return fmt.Sprintf("the page has %d points, the limit was %d", len(resp.Points), req.Limit)
	}
	prev := flow.PointID("")
	for _, pt := range resp.Points {
		switch {
		case pt.ID < req.From:
			return fmt.Sprintf("point %v is before the first id asked for, %v", pt.ID, req.From)
		case pt.ID <= prev:
			return fmt.Sprintf("point %v comes after point %v", pt.ID, prev)
		}
		prev = pt.ID
	}
	if resp.Next != "" && (resp.Next <= prev || resp.Next <= req.From) {
		return fmt.Sprintf("the next page would begin at %v, which this page has passed", resp.Next)
	}
	return ""
}
