package linearizability

import (
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

func upsert(id string, x float32) flow.Op {
	return flow.Op{Kind: flow.Upsert, ID: pid(id), Vector: flow.Vector{x}}
}

func answered(results ...flow.OpResult) *flow.WriteResponse {
	return &flow.WriteResponse{Results: results}
}

var (
	applied5   = flow.OpResult{Status: flow.Applied, Version: 5}
	unresolved = flow.OpResult{Status: flow.Unresolved}
	failed     = flow.OpResult{Status: flow.Failed}
)

// TestRetriesAreOneOperation: attempts with one request id are one operation, from
// the first call to the answer that decided it.
func TestRetriesAreOneOperation(t *testing.T) {
	refusal := &flow.WriteResponse{Outcome: flow.Outcome{Err: flow.Errorf(flow.Unavailable, "test", "no leader")}}
	timeout := &flow.WriteResponse{Outcome: flow.Outcome{Err: flow.Errorf(flow.Unknown, "test", "no answer in time")}}
	for _, c := range []struct {
		name    string
		answers []flow.Response // one an attempt; call at 10i, return at 10i+5
		outcome Outcome
		status  flow.OpStatus
		ret     flow.Time
	}{
		{"answered", []flow.Response{answered(applied5)}, OK, flow.Applied, 5},
		{"answered again", []flow.Response{answered(applied5), answered(applied5)}, OK, flow.Applied, 5},
		{"lost, then answered", []flow.Response{nil, answered(applied5)}, OK, flow.Applied, 15},
		{"lost", []flow.Response{nil}, Unknown, flow.Unresolved, Forever},
		{"timed out", []flow.Response{timeout}, Unknown, flow.Unresolved, Forever},
		{"answered without results", []flow.Response{answered()}, Unknown, flow.Unresolved, Forever},
		{"refused", []flow.Response{refusal}, Fail, flow.Failed, 5},
		{"refused twice", []flow.Response{refusal, answered(failed)}, Fail, flow.Failed, 15},
		{"lost, then refused", []flow.Response{nil, refusal}, Unknown, flow.Unresolved, Forever},
		{"unresolved, then refused", []flow.Response{answered(unresolved), answered(failed)}, Unknown, flow.Unresolved, Forever},
		{"refused, then answered", []flow.Response{refusal, answered(applied5)}, OK, flow.Applied, 15},
		{"answered, then lost", []flow.Response{answered(applied5), nil}, OK, flow.Applied, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, w := &History{}, &flow.WriteRequest{ID: testRequestID("r1"), Collection: "c", Ops: []flow.Op{upsert("p1", 1)}}
			for i, answer := range c.answers {
				token := h.Begin(1, flow.Time(10*i), w)
				h.End(token, flow.Time(10*i+5), answer)
			}
			if h.Len() != 1 {
				t.Fatalf("%d operations, want 1", h.Len())
			}
			op := h.Operations()[0]
			got := op.Response.(*flow.WriteResponse).Results[0].Status
			if op.Outcome != c.outcome || got != c.status || op.Call != 0 || op.Return != c.ret || op.Attempts != len(c.answers) {
				t.Errorf("outcome %v, result %v, call %d, return %d, %d attempts; want %v, %v, 0, %d, %d",
					op.Outcome, got, op.Call, op.Return, op.Attempts, c.outcome, c.status, c.ret, len(c.answers))
			}
		})
	}
}

// TestOpenAttemptIsUnknown: while an attempt is under way, a refusal of another
// decides nothing.
func TestOpenAttemptIsUnknown(t *testing.T) {
	h, w := &History{}, &flow.WriteRequest{ID: testRequestID("r1"), Collection: "c", Ops: []flow.Op{upsert("p1", 1)}}
	first := h.Begin(1, 0, w)
	h.End(h.Begin(1, 1, w), 2, answered(failed))
	if got := h.Operations()[0].Outcome; got != Unknown {
		t.Errorf("outcome %v while the first attempt is open, want %v", got, Unknown)
	}
	h.End(first, 3, answered(failed))
	if op := h.Operations()[0]; op.Outcome != Fail || op.Return != 3 {
		t.Errorf("outcome %v at %d after both were refused, want %v at 3", op.Outcome, op.Return, Fail)
	}
	h.Begin(1, 4, w)
	if op := h.Operations()[0]; op.Outcome != Unknown || op.Return != Forever {
		t.Errorf("outcome %v at %d with a third attempt open, want %v at %d", op.Outcome, op.Return, Unknown, Forever)
	}
}

// TestOutcomePerOp: of a batch, some Ops may be decided and others not.
func TestOutcomePerOp(t *testing.T) {
	h := &History{}
	w := &flow.WriteRequest{Collection: "c", Ops: []flow.Op{upsert("p1", 1), upsert("p2", 2), upsert("p3", 3)}}
	h.End(h.Begin(1, 0, w), 1, answered(applied5, unresolved, failed))
	h.End(h.Begin(1, 2, &flow.GetRequest{Collection: "c", IDs: []flow.PointID{pid("p1"), pid("p2"), pid("p3")}}), 3,
		&flow.GetResponse{Points: []flow.Point{{ID: pid("p1"), Version: 5}, {ID: pid("p2"), Version: 6}}})
	if v := Check(h, Options{}); !v.OK {
		t.Errorf("what the batch allows was rejected: %v", v)
	}
	h.End(h.Begin(1, 4, &flow.GetRequest{Collection: "c", IDs: []flow.PointID{pid("p3")}}), 5,
		&flow.GetResponse{Points: []flow.Point{{ID: pid("p3"), Version: 5}}})
	if v := Check(h, Options{}); v.OK || v.Point != pid("p3") {
		t.Errorf("a read of a failed Op was accepted: %v", v)
	}
}

// TestHistoryCopies: what the caller changes afterwards does not change the record.
func TestHistoryCopies(t *testing.T) {
	h := &History{}
	w := &flow.WriteRequest{Collection: "c", Ops: []flow.Op{upsert("p1", 1)}}
	token := h.Begin(1, 0, w)
	w.Ops[0].Vector[0] = 9
	h.End(token, 1, answered(applied5))
	resp := &flow.GetResponse{Points: []flow.Point{{ID: pid("p1"), Version: 5, Vector: flow.Vector{1}}}}
	h.End(h.Begin(1, 2, &flow.GetRequest{Collection: "c", IDs: []flow.PointID{pid("p1")}, WithVector: true}), 3, resp)
	resp.Points[0].Vector[0] = 7
	if v := Check(h, Options{}); !v.OK {
		t.Errorf("the history shares memory with its caller: %v", v)
	}
}

// TestHistoryOrder: the order of recording counts, not clocks that step back or stand still.
func TestHistoryOrder(t *testing.T) {
	h := &History{}
	h.End(h.Begin(1, 10, &flow.WriteRequest{Collection: "c", Ops: []flow.Op{upsert("p1", 1)}}), 5, answered(applied5))
	h.End(h.Begin(1, 5, &flow.GetRequest{Collection: "c", IDs: []flow.PointID{pid("p1")}}), 5, &flow.GetResponse{})
	if ops := h.Operations(); ops[0].Return != 10 || ops[1].Call != 10 {
		t.Errorf("a time before an earlier one was kept: return %d, next call %d, want 10", ops[0].Return, ops[1].Call)
	}
	if v := CheckPoints(h, Options{}); v.OK {
		t.Error("a lost write was accepted because all times are equal")
	}
}

// TestHistoryIgnoresOtherRequests: creating a collection is no operation on points.
func TestHistoryIgnoresOtherRequests(t *testing.T) {
	h := &History{}
	h.End(h.Begin(1, 0, &flow.CreateCollectionRequest{Name: "c"}), 1, &flow.CreateCollectionResponse{})
	if h.Len() != 0 {
		t.Errorf("%d operations, want 0", h.Len())
	}
}

// TestMisusePanics: a recorder used wrongly must not make a history.
func TestMisusePanics(t *testing.T) {
	for name, misuse := range map[string]func(h *History){
		"attempt ended twice": func(h *History) {
			token := h.Begin(1, 0, &flow.CountRequest{Collection: "c"})
			h.End(token, 1, nil)
			h.End(token, 2, nil)
		},
		"one id for two requests": func(h *History) {
			h.Begin(1, 0, &flow.WriteRequest{ID: testRequestID("r1"), Collection: "c", Ops: []flow.Op{upsert("p1", 1)}})
			h.Begin(1, 0, &flow.WriteRequest{ID: testRequestID("r1"), Collection: "d", Ops: []flow.Op{upsert("p1", 1)}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			misuse(&History{})
		})
	}
}
