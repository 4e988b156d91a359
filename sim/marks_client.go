package sim

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
)

// write looks at the answer to one attempt of a write; settled says that it is final.
func (m *marker) write(w *writing, answer *flow.WriteResponse, settled bool) {
	if answer == nil {
		return
	}
	shards, applied, other := map[uint64]bool{}, 0, 0
	for i, r := range answer.Results {
		switch r.Status {
		case flow.Applied:
			applied++
			shards[r.Version] = true
			m.hit("compare-and-set applied", i < len(w.req.Ops) && w.req.Ops[i].If)
		case flow.Conflicted:
			m.hit("compare-and-set refused", true)
		case flow.Absent:
			m.hit("delete of an absent point", true)
		default:
			other++
		}
	}
	m.hit("batch in part", applied > 0 && other > 0)
	m.hit("write over several shards", settled && len(answer.Token) > 1)
	m.hit("outcome unknown", answer.Err != nil && flow.KindOf(answer.Err) == flow.Unknown)
	m.hit("full disk refused writes", answer.Err != nil && flow.KindOf(answer.Err) == flow.ResourceExhausted)
	m.hit("outcome resolved later", settled && w.again)
	if !settled || w.attempts < 2 {
		return
	}
	m.hit("retry settled", true)
	for _, s := range answer.Token {
		at, known := m.w.checks.facts(s.Shard).versions[w.req.ID]
		m.hit("retry answered with its first result", known && at < s.Index)
		m.hit("retry after a failover", m.led[s.Shard][0].at > w.began)
	}
}

// read looks at the answer to a read.
func (m *marker) read(req flow.Request, resp flow.Response) {
	if err := resp.Error(); err != nil {
		m.hit("read refused for want of state", flow.KindOf(err) == flow.Unavailable)
		return
	}
	m.hit("partial answer", len(linearizability.ReadInfoOf(resp).Missing) > 0)
	switch linearizability.ReadOptionsOf(req).Level {
	case flow.Session:
		m.hit("session read", true)
	case flow.Bounded:
		m.hit("bounded read", true)
	case flow.Any:
		m.hit("any read", true)
	}
	switch r := resp.(type) {
	case *flow.SearchResponse:
		m.hit("search answered", len(r.Hits) > 0)
	case *flow.ScrollResponse:
		m.hit("scroll with a next page", r.Next != "")
	}
}
