package linearizability

import (
	"fmt"
	"slices"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// maxLines is the largest number of operations a verdict lists; the latest stay.
const maxLines = 100

// maxListed is the largest number of points listed of one answer.
const maxListed = 12

// verdict returns a failure with the operations that show it; ph may be nil.
func (p *partition) verdict(ph *pointHistory, check, reason string, ops []*Operation) Verdict {
	v := Verdict{Check: check, Reason: reason}
	id := flow.PointID("")
	if ph != nil {
		v.Collection, v.Point, id = ph.collection, ph.point, ph.point
	}
	slices.SortStableFunc(ops, func(a, b *Operation) int { return int(a.call - b.call) })
	ops = slices.CompactFunc(ops, func(a, b *Operation) bool { return a == b })
	if n := len(ops) - maxLines; n > 0 {
		v.Operations = append(v.Operations, fmt.Sprintf("(%d earlier operations)", n))
		ops = ops[n:]
	}
	for _, op := range ops {
		v.Operations = append(v.Operations, lineOf(p.h, op, id))
		v.Shown = append(v.Shown, slices.IndexFunc(p.h.ops, func(o Operation) bool { return o.call == op.call }))
	}
	return v
}

// Line writes the operation at a position of Operations in one line.
func (h *History) Line(i int) string { return lineOf(h, &h.ops[i], "") }

// lineOf writes an operation in one line, of a write only what concerns the point
// unless that is "".
func lineOf(h *History, op *Operation, id flow.PointID) string {
	call, ret := op.Call.Sub(h.events[0]), "-"
	if op.Return != Forever {
		ret = op.Return.Sub(h.events[0]).String()
	}
	line := fmt.Sprintf("[%v %v] client %d: %s", call, ret, op.Client, requestText(op, id))
	if op.Attempts > 1 {
		line += fmt.Sprintf(" (%d attempts)", op.Attempts)
	}
	return line + " -> " + responseText(op, id)
}

func requestText(op *Operation, id flow.PointID) string {
	switch r := op.Request.(type) {
	case *flow.WriteRequest:
		var parts []string
		for _, sub := range r.Ops {
			if id == "" || sub.ID == id {
				parts = append(parts, opText(sub))
			}
		}
		return list(parts)
	case *flow.GetRequest:
		if id != "" {
			return "get " + id.Text() + readText(r.Read)
		}
		return "get " + list(texts(r.IDs, flow.PointID.Text)) + readText(r.Read)
	case *flow.CountRequest:
		return "count" + filterText(r.Filter) + readText(r.Read)
	case *flow.ScrollRequest:
		return fmt.Sprintf("scroll from %q limit %d", r.From.Text(), r.Limit) + filterText(r.Filter) + readText(r.Read)
	case *flow.SearchRequest:
		exact := ""
		if r.Exact {
			exact = " exact"
		}
		return fmt.Sprintf("search %s k=%d%s", vectorText(r.Vector), r.K, exact) + filterText(r.Filter) + readText(r.Read)
	}
	return "?"
}

func filterText(f flow.Filter) string {
	if len(f) == 0 {
		return ""
	}
	return " where " + string(f)
}

func opText(op flow.Op) string {
	s := "delete " + op.ID.Text()
	if op.Kind == flow.Upsert {
		s = "upsert " + op.ID.Text() + " " + valueText(op.Vector, op.Payload)
	}
	if op.If {
		s += fmt.Sprintf(" if v%d", op.IfVersion)
	}
	return s
}

func readText(r flow.ReadOptions) string {
	if r.Partial {
		r.Partial = false
		return readText(r) + " partial"
	}
	switch r.Level {
	case flow.Session:
		return fmt.Sprintf(" session %s", tokenText(r.Token))
	case flow.Bounded:
		return fmt.Sprintf(" bounded %v", r.MaxStaleness)
	case flow.Any:
		return " any"
	}
	return ""
}

func responseText(op *Operation, id flow.PointID) string {
	if op.Outcome == Unknown && op.Kind != Write {
		return "unknown"
	}
	if op.Outcome == Fail && op.Kind != Write {
		return "fail: " + op.Response.Error().Error()
	}
	s := ""
	switch r := op.Response.(type) {
	case *flow.WriteResponse:
		var parts []string
		for i, sub := range op.Request.(*flow.WriteRequest).Ops {
			if id == "" || sub.ID == id {
				parts = append(parts, resultText(r.Results[i]))
			}
		}
		return list(parts)
	case *flow.GetResponse:
		s = pointsText(r.Points, id)
	case *flow.CountResponse:
		s = fmt.Sprint(r.Count)
	case *flow.ScrollResponse:
		s = fmt.Sprintf("%s next %q", pointsText(r.Points, ""), r.Next.Text())
	case *flow.SearchResponse:
		s = list(texts(r.Hits, func(h flow.Hit) string {
			return fmt.Sprintf("%s v%d %v", h.ID.Text(), h.Version, h.Distance)
		}))
	}
	if info := op.info(); len(info.Shards) > 0 {
		s += " at " + tokenText(info.Shards)
	}
	if info := op.info(); len(info.Missing) > 0 {
		s += fmt.Sprintf(" missing %v", info.Missing)
	}
	return s
}

// requestName names a write by its request id.
func requestName(op *Operation) string {
	if id := requestID(op); !id.IsZero() {
		return "request " + id.String()
	}
	return "one request without an id"
}

// resultText writes an Op's result, for example "applied v7".
func resultText(r flow.OpResult) string {
	switch r.Status {
	case flow.Applied, flow.Conflicted:
		return fmt.Sprintf("%v v%d", r.Status, r.Version)
	}
	return r.Status.String()
}

func pointsText(points []flow.Point, id flow.PointID) string {
	var parts []string
	for _, pt := range points {
		if id == "" || pt.ID == id {
			parts = append(parts, fmt.Sprintf("%s v%d %s", pt.ID.Text(), pt.Version, valueText(pt.Vector, pt.Payload)))
		}
	}
	return list(parts)
}

// valueText writes a short vector and payload as they are, long ones by digest.
func valueText(v flow.Vector, payload []byte) string {
	s := vectorText(v)
	switch {
	case len(payload) > 40:
		s += fmt.Sprintf(" {%08x}", uint32(payloadDigest(payload)))
	case len(payload) > 0:
		s += " " + string(payload)
	}
	return s
}

func vectorText(v flow.Vector) string {
	if len(v) > 4 {
		return fmt.Sprintf("[%d: %08x]", len(v), uint32(vectorDigest(v)))
	}
	return fmt.Sprint([]float32(v))
}

func tokenText(t flow.SessionToken) string {
	return list(texts(t, func(e flow.ShardIndex) string { return fmt.Sprintf("%v:%d", e.Shard, e.Index) }))
}

func texts[T any](in []T, text func(T) string) []string {
	out := make([]string, len(in))
	for i, x := range in {
		out[i] = text(x)
	}
	return out
}

func list(parts []string) string {
	if len(parts) == 0 {
		return "none"
	}
	if n := len(parts) - maxListed; n > 0 {
		parts = append(slices.Clone(parts[:maxListed]), fmt.Sprintf("and %d more", n))
	}
	return strings.Join(parts, ", ")
}
