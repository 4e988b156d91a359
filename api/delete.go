package api

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client"
)

// deletePage is how many points a delete by filter finds and deletes at a time.
const deletePage = 1000

// removeMatching deletes the points that pass a filter, page by page. Each is deleted in
// the version in which it passed: a point that another write changes meanwhile is left to
// that write, as if it had come after the delete. What stops it half way says how
// far it came; doing it again is harmless.
func (x *exchange) removeMatching(req *flow.WriteRequest, f flow.Filter, wait bool) error {
	if !req.ID.IsZero() {
		return flow.Errorf(flow.InvalidArgument, "api.removeMatching", "%s: a delete by filter is many writes and has no request id; it may be repeated as it is", client.HeaderRequestID)
	}
	result := client.UpdateResult{Status: "acknowledged"}
	if wait {
		result.Status = "completed"
	}
	deleted := 0
	halfway := func(err error) error {
		return flow.Errorf(flow.KindOf(err), "api.removeMatching", "after the delete of %d points: %s", deleted, message(err))
	}
	scroll := &flow.ScrollRequest{Collection: req.Collection, Limit: deletePage, Filter: f, Read: flow.ReadOptions{Timeout: req.Timeout}}
	var token flow.SessionToken
	for {
		page, err := do[*flow.ScrollResponse](x, scroll)
		if err != nil {
			return halfway(err)
		}
		if len(page.Points) > 0 {
			w := &flow.WriteRequest{ID: client.NewRequestID(), Collection: req.Collection, Timeout: req.Timeout}
			for _, p := range page.Points {
				w.Ops = append(w.Ops, flow.Op{Kind: flow.Delete, ID: p.ID, If: true, IfVersion: p.Version})
			}
			resp, err := do[*flow.WriteResponse](x, w)
			if err != nil {
				return halfway(err)
			}
			for _, r := range resp.Results {
				if r.Status == flow.Applied {
					deleted++
					result.OperationID = max(result.OperationID, r.Version)
				}
			}
			token = token.Merge(resp.Token)
		}
		if page.Next == "" {
			break
		}
		scroll.From = page.Next
	}
	result.Session = token.String()
	if len(token) > 0 {
		x.w.Header().Set(client.HeaderSession, result.Session)
	}
	return x.replyJSON(nil, result)
}
