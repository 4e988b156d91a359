package embed

import (
	"context"
	"crypto/rand"
	"errors"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Do serves a request on this node and waits for the answer, which is of the
// request's response type in every case. When ctx ends first, a request that
// changes something answers Unknown and a read Unavailable; on a node that is
// stopped or stopping everything answers Unavailable. The request's memory
// belongs to the node from here on: after an abandoned call it may still be read.
func (s *Server) Do(ctx context.Context, req flow.Request) flow.Response {
	if ctx.Err() != nil {
		return failed(req, flow.Errorf(flow.Unavailable, "embed.Do", "the caller gave up before the request began: %w", context.Cause(ctx)))
	}
	if s.workers.waiting() > maxQueuedJobs {
		return failed(req, flow.Errorf(flow.ResourceExhausted, "embed.Do", "%w: more than %d computations wait on this node", flow.ErrQueueFull, maxQueuedJobs))
	}
	if w, ok := req.(*flow.WriteRequest); ok && w.ID.IsZero() {
		// An answer of Unknown is of use only with an id to retry with.
		named := *w
		named.ID = newRequestID(s.clock.Now())
		req = &named
	}
	c := &call{ctx: ctx, req: req, answer: make(chan flow.Response, 1), cost: cost(req)}
	if err := s.box.postCall(c); err != nil {
		return failed(req, err)
	}
	select {
	case r := <-c.answer:
		return r
	case <-ctx.Done():
		return abandoned(req, context.Cause(ctx))
	case <-s.halted:
	}
	select {
	case r := <-c.answer: // given in the last turn
		return r
	default:
		return abandoned(req, errors.New("the node stopped"))
	}
}

func newRequestID(now flow.Time) flow.RequestID {
	var random [10]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return flow.NewRequestID(now, random)
}

// cost is the memory a request holds while it waits, in bytes.
func cost(req flow.Request) int {
	w, ok := req.(*flow.WriteRequest)
	if !ok {
		return 0
	}
	n := 0
	for i := range w.Ops {
		n += 4*len(w.Ops[i].Vector) + len(w.Ops[i].Payload) + len(w.Ops[i].ID)
	}
	return n
}

// abandoned is the answer to a request whose outcome nobody will learn.
func abandoned(req flow.Request, cause error) flow.Response {
	switch req.(type) {
	case *flow.WriteRequest:
		return failed(req, flow.Errorf(flow.Unknown, "embed.Do", "no answer yet (%w); retry with the same request id to learn the outcome", cause))
	case *flow.CreateCollectionRequest, *flow.DropCollectionRequest, *flow.DeclareFieldRequest, *flow.JoinRequest:
		return failed(req, flow.Errorf(flow.Unknown, "embed.Do", "no answer yet: %w", cause))
	}
	return failed(req, flow.Errorf(flow.Unavailable, "embed.Do", "no answer yet: %w", cause))
}

// failed is the response of the request's type that holds the error.
func failed(req flow.Request, err *flow.Error) flow.Response {
	o := flow.Outcome{Err: err}
	switch q := req.(type) {
	case *flow.WriteRequest:
		r := &flow.WriteResponse{Outcome: o, ID: q.ID, Results: make([]flow.OpResult, len(q.Ops))}
		status := flow.Failed
		if err.Kind == flow.Unknown {
			status = flow.Unresolved
		}
		for i := range r.Results {
			r.Results[i] = flow.OpResult{Status: status, Err: err}
		}
		return r
	case *flow.GetRequest:
		return &flow.GetResponse{Outcome: o}
	case *flow.CountRequest:
		return &flow.CountResponse{Outcome: o}
	case *flow.ScrollRequest:
		return &flow.ScrollResponse{Outcome: o}
	case *flow.SearchRequest:
		return &flow.SearchResponse{Outcome: o}
	case *flow.CreateCollectionRequest:
		return &flow.CreateCollectionResponse{Outcome: o}
	case *flow.DropCollectionRequest:
		return &flow.DropCollectionResponse{Outcome: o}
	case *flow.DeclareFieldRequest:
		return &flow.DeclareFieldResponse{Outcome: o}
	case *flow.ListCollectionsRequest:
		return &flow.ListCollectionsResponse{Outcome: o}
	case *flow.JoinRequest:
		return &flow.JoinResponse{Outcome: o}
	case *flow.EstimateRequest:
		return &flow.EstimateResponse{Outcome: o}
	case *flow.FiguresRequest:
		return &flow.FiguresResponse{Outcome: o}
	case *flow.StatusRequest:
		return &flow.StatusResponse{Outcome: o}
	case *flow.VerifyRequest:
		return &flow.VerifyResponse{Outcome: o}
	case *flow.RetireRequest:
		return &flow.RetireResponse{Outcome: o}
	}
	return o
}
