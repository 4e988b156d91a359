package embed

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

func TestEveryRequestFailsWithItsOwnResponseType(t *testing.T) {
	requests := []flow.Request{
		&flow.WriteRequest{Ops: make([]flow.Op, 2)}, &flow.GetRequest{}, &flow.CountRequest{}, &flow.ScrollRequest{},
		&flow.SearchRequest{}, &flow.CreateCollectionRequest{}, &flow.DropCollectionRequest{},
		&flow.ListCollectionsRequest{}, &flow.JoinRequest{}, &flow.StatusRequest{}, &flow.VerifyRequest{}, &flow.RetireRequest{},
	}
	changes := map[string]bool{"WriteRequest": true, "CreateCollectionRequest": true, "DropCollectionRequest": true, "JoinRequest": true}
	for _, req := range requests {
		name := reflect.TypeOf(req).Elem().Name()
		r := abandoned(req, errors.New("gone"))
		want := strings.TrimSuffix(name, "Request") + "Response"
		if got := reflect.TypeOf(r); got.Kind() != reflect.Pointer || got.Elem().Name() != want {
			t.Errorf("%s is answered with %v, want *flow.%s", name, got, want)
		}
		kind := flow.Unavailable
		if changes[name] {
			kind = flow.Unknown
		}
		if flow.KindOf(r.Error()) != kind {
			t.Errorf("%s abandoned: %v, want %v", name, r.Error(), kind)
		}
	}
}

func TestFailedWriteTellsEachOp(t *testing.T) {
	req := &flow.WriteRequest{ID: flow.NewRequestID(1e18, [10]byte{1}), Ops: make([]flow.Op, 3)}
	w := abandoned(req, errors.New("gone")).(*flow.WriteResponse)
	if len(w.Results) != 3 || w.Results[2].Status != flow.Unresolved || w.ID != req.ID {
		t.Fatalf("abandoned write: %+v", w)
	}
	w = failed(req, flow.Errorf(flow.Unavailable, "test", "no")).(*flow.WriteResponse)
	if len(w.Results) != 3 || w.Results[0].Status != flow.Failed || w.Results[0].Err == nil {
		t.Fatalf("refused write: %+v", w)
	}
}
