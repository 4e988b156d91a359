package linearizability

import (
	"fmt"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// CheckReads says whether every get, at every level, returned for each of its ids
// a state that the level allows: linearizable, one that was current during the
// call; session, one that holds the versions the token covers; bounded, one that
// was current at most MaxStaleness before the call; any, one that was current at
// some time before the answer. An answer that names its applied index must show
// exactly the state at that index.
func CheckReads(h *History, o Options) Verdict {
	p := newPartition(h, o)
	for i := range h.ops {
		op := &h.ops[i]
		if op.Kind != Get || op.Outcome != OK {
			continue
		}
		if v := p.explained(op, p.checkGet); !v.OK {
			return v
		}
	}
	return Verdict{OK: true}
}

// explained judges a read by its collection, and else by the former ones that it may show.
func (p *partition) explained(op *Operation, check func(*Operation) Verdict) Verdict {
	v := check(op)
	for i := 0; !v.OK && i < len(op.Former); i++ {
		other := *op
		other.Request = Renamed(op.Request, op.Former[i])
		if check(&other).OK {
			return Verdict{OK: true}
		}
	}
	return v
}

func (p *partition) checkGet(op *Operation) Verdict {
	req, resp := op.Request.(*flow.GetRequest), op.Response.(*flow.GetResponse)
	if s := checkInfo(op); s != "" {
		return p.verdict(nil, "get", s, []*Operation{op})
	}
	found := map[flow.PointID]seen{}
	next := 0
	for _, pt := range resp.Points {
		at := slices.Index(req.IDs[next:], pt.ID)
		if at < 0 {
			return p.verdict(p.at(req.Collection, pt.ID), "get", "the point was not asked for, or is out of order", []*Operation{op})
		}
		next += at + 1
		found[pt.ID] = seenPoint(pt, req.WithVector, req.WithPayload)
	}
	for _, id := range req.IDs {
		s, ph := found[id], p.at(req.Collection, id)
		if !s.found && p.missing(&resp.ReadInfo, id) {
			continue
		}
		if wrong := ph.judge(p.window(op, ph), s); wrong != "" {
			return p.verdict(ph, "get", wrong, ph.concerning(op))
		}
	}
	return Verdict{OK: true}
}

// checkInfo says what is wrong with an answer's account of where it came from.
func checkInfo(op *Operation) string {
	r, info := op.readOptions(), op.info()
	if len(info.Missing) > 0 && !r.Partial {
		return fmt.Sprintf("the answer lacks shards %v, which the caller did not accept", info.Missing)
	}
	if info.Stale && r.Level != flow.Any {
		return fmt.Sprintf("the answer to a %v read is of unbounded age", r.Level)
	}
	if r.Level != flow.Session {
		return ""
	}
	for _, e := range info.Shards {
		if want := r.Token.Index(e.Shard); e.Index < want {
			return fmt.Sprintf("shard %v answered at index %d, the session token demands %d", e.Shard, e.Index, want)
		}
	}
	return ""
}

// concerning returns a point's changes and the operation that is wrong about it.
func (p *pointHistory) concerning(op *Operation) []*Operation {
	var ops []*Operation
	for _, c := range p.changes {
		ops = append(ops, c.op)
	}
	for _, c := range p.effects {
		if c.unseen != nil && c.unseen.call > op.ret {
			ops = append(ops, c.unseen)
			break
		}
	}
	return append(ops, op)
}
