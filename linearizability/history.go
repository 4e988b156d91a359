// Package linearizability judges histories of what clients asked a cluster and
// what it answered, simulated and real runs alike. It holds the history, the
// model of a point and the interval checks of reads and searches; it never looks
// into the code it judges, and never runs it.
package linearizability

import (
	"fmt"
	"math"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Forever is the Return of an operation that never got a decision.
const Forever flow.Time = math.MaxInt64

// forever is the position of a return that never came.
const forever int64 = math.MaxInt64

// Kind is what an operation does.
type Kind uint8

// The kinds of operation a history holds.
const (
	Write Kind = iota + 1
	Get
	Count
	Scroll
	Search
)

var kindNames = [...]string{Write: "write", Get: "get", Count: "count", Scroll: "scroll", Search: "search"}

// String returns the kind's name.
func (k Kind) String() string {
	if k >= Write && k <= Search {
		return kindNames[k]
	}
	return "none"
}

// Outcome is what a client knows of its operation.
type Outcome uint8

// The outcomes.
const (
	// OK: it happened, as the response says.
	OK Outcome = iota + 1
	// Fail: it did not happen and will not.
	Fail
	// Unknown: it may have happened, may happen yet, or never.
	Unknown
)

var outcomeNames = [...]string{OK: "ok", Fail: "fail", Unknown: "unknown"}

// String returns the outcome's name.
func (o Outcome) String() string {
	if o >= OK && o <= Unknown {
		return outcomeNames[o]
	}
	return "none"
}

// Operation is an invocation and its response. All attempts of one write (the
// same request id) are one operation.
type Operation struct {
	// Client is the number of the client that called.
	Client int
	Kind   Kind
	// Call is when the first attempt began; Return when the operation was decided,
	// Forever when it never was.
	Call, Return flow.Time
	// Outcome is OK when every Op of a write is decided, Unknown when one is not.
	Outcome Outcome
	// Request is a *flow.WriteRequest, GetRequest, CountRequest, ScrollRequest or
	// SearchRequest.
	Request flow.Request
	// Response answers Request; nil when a read got none. A write always has one:
	// Results says what all its attempts together tell of each Op.
	Response flow.Response
	// Attempts is how often it was sent.
	Attempts int

	// Former are other collections that the answer may be of: those that had the name
	// before, for a read that accepts an old state.
	Former []string

	// call and ret are positions in the order of recording, which is finer than
	// the clock: one operation precedes another when its ret is below the other's call.
	call, ret int64
	// contradiction says which two decisions of one request differ; "" for none.
	contradiction string
}

// Token names an attempt between Begin and End.
type Token int

// ignored is the token of a request that histories do not hold.
const ignored Token = -1

// History is the record of a run, in the order in which things were seen. It is
// append-only; a run with several goroutines guards it with a lock and calls
// Begin before it sends and End after it has received. The zero value is empty.
type History struct {
	ops      []Operation
	attempts []attempt              // by Token
	writes   map[flow.RequestID]int // position in ops
	merges   map[int]*merge         // of each write, by position in ops
	events   []flow.Time            // time of each recorded event, never decreasing
}

type attempt struct {
	op   int
	open bool
}

// merge gathers what the attempts of a write say of each Op.
type merge struct {
	open       int // attempts without an End
	results    []flow.OpResult
	unresolved []bool // some attempt ended without a decision on the Op
}

// Begin records that a client sends a request at a time. A write with the request
// id of an earlier one is a retry and belongs to the earlier operation. Requests
// of other kinds than the five are not recorded. The request is copied.
func (h *History) Begin(client int, at flow.Time, req flow.Request) Token {
	kind := KindOf(req)
	if kind == 0 {
		return ignored
	}
	pos := h.event(at)
	if w, ok := req.(*flow.WriteRequest); ok && !w.ID.IsZero() {
		if i, again := h.writes[w.ID]; again {
			return h.retry(i, w)
		}
	}
	i := len(h.ops)
	h.ops = append(h.ops, Operation{
		Client: client, Kind: kind, Call: h.events[pos], Return: Forever, Outcome: Unknown,
		Request: cloneRequest(req), Attempts: 1, call: pos, ret: forever,
	})
	if w, ok := req.(*flow.WriteRequest); ok {
		h.beginWrite(i, w)
	}
	h.attempts = append(h.attempts, attempt{op: i, open: true})
	return Token(len(h.attempts) - 1)
}

func (h *History) beginWrite(i int, w *flow.WriteRequest) {
	if h.writes == nil {
		h.writes, h.merges = map[flow.RequestID]int{}, map[int]*merge{}
	}
	if !w.ID.IsZero() {
		h.writes[w.ID] = i
	}
	m := &merge{open: 1, results: make([]flow.OpResult, len(w.Ops)), unresolved: make([]bool, len(w.Ops))}
	h.merges[i] = m
	h.ops[i].Response = &flow.WriteResponse{ID: w.ID, Results: m.final()}
}

func (h *History) retry(i int, w *flow.WriteRequest) Token {
	first := h.ops[i].Request.(*flow.WriteRequest)
	if first.Collection != w.Collection || len(first.Ops) != len(w.Ops) {
		panic(fmt.Sprintf("linearizability: request id %v used for two requests: %d ops on %q and %d ops on %q",
			w.ID, len(first.Ops), first.Collection, len(w.Ops), w.Collection))
	}
	op, m := &h.ops[i], h.merges[i]
	op.Attempts++
	m.open++
	answer := *op.Response.(*flow.WriteResponse)
	answer.Results = m.final()
	op.Response, op.Outcome = &answer, outcomeOf(answer.Results)
	if !m.anyDecided() {
		op.Return, op.ret = Forever, forever
	}
	h.attempts = append(h.attempts, attempt{op: i, open: true})
	return Token(len(h.attempts) - 1)
}

// MayShow says that the answer to a read may be of other collections than the one that
// Begin named: former ones of the same name, whose drop the read's level may not see.
// It is judged by each until one explains it, and bears no witness for any.
func (h *History) MayShow(t Token, collections []string) {
	if t != ignored {
		h.ops[h.attempts[t].op].Former = slices.Clone(collections)
	}
}

// End records the response to an attempt; nil means that none came and none will
// be looked at. An attempt without an End counts as one that is still under way.
// The response is copied.
func (h *History) End(t Token, at flow.Time, resp flow.Response) {
	if t == ignored {
		return
	}
	a := &h.attempts[t]
	if !a.open {
		panic(fmt.Sprintf("linearizability: attempt %d ended twice", t))
	}
	a.open = false
	pos, op := h.event(at), &h.ops[a.op]
	if op.Kind == Write {
		h.endWrite(a.op, pos, resp)
		return
	}
	if resp == nil {
		return
	}
	op.Return, op.ret, op.Outcome = h.events[pos], pos, OK
	op.Response = cloneResponse(resp)
	if resp.Error() != nil {
		op.Outcome = Fail
	}
}

func (h *History) endWrite(i int, pos int64, resp flow.Response) {
	op, m := &h.ops[i], h.merges[i]
	m.open--
	decided := m.decided()
	answer, _ := resp.(*flow.WriteResponse)
	for j := range m.results {
		if s := m.add(j, resultOf(answer, j)); s != "" && op.contradiction == "" {
			op.contradiction = s
		}
	}
	w := &flow.WriteResponse{ID: op.Request.(*flow.WriteRequest).ID, Results: m.final()}
	if old := op.Response.(*flow.WriteResponse); answer != nil {
		w.Token, w.Err = old.Token.Merge(answer.Token), answer.Err
		if w.ID.IsZero() {
			w.ID = answer.ID
		}
	}
	op.Response, op.Outcome = w, outcomeOf(w.Results)
	if !decided {
		op.Return, op.ret = Forever, forever
		if op.Outcome != Unknown || m.anyDecided() {
			op.Return, op.ret = h.events[pos], pos
		}
	}
}

// add takes one attempt's result of Op j and returns a contradiction, or "".
func (m *merge) add(j int, r flow.OpResult) string {
	old := m.results[j]
	switch {
	case !isDecision(r.Status):
		if r.Status != flow.Failed {
			m.unresolved[j] = true
		} else if old.Status == 0 {
			m.results[j] = r
		}
	case !isDecision(old.Status):
		m.results[j] = r
	case old.Status != r.Status || old.Version != r.Version:
		return fmt.Sprintf("one attempt was answered %s, another %s", resultText(old), resultText(r))
	}
	return ""
}

// final returns what is known of each Op: a decision counts from whichever
// attempt it came; a refusal counts only when every attempt was refused.
func (m *merge) final() []flow.OpResult {
	out := slices.Clone(m.results)
	for j := range out {
		if !isDecision(out[j].Status) && (m.open > 0 || m.unresolved[j] || out[j].Status == 0) {
			out[j] = flow.OpResult{Status: flow.Unresolved, Err: out[j].Err}
		}
	}
	return out
}

func (m *merge) decided() bool {
	return !slices.ContainsFunc(m.results, func(r flow.OpResult) bool { return !isDecision(r.Status) })
}

func (m *merge) anyDecided() bool {
	return slices.ContainsFunc(m.results, func(r flow.OpResult) bool { return isDecision(r.Status) })
}

// isDecision says whether a status was decided by applying the command.
func isDecision(s flow.OpStatus) bool {
	return s == flow.Applied || s == flow.Absent || s == flow.Conflicted
}

// resultOf returns what an answer says of Op j, Unresolved when it says nothing.
func resultOf(w *flow.WriteResponse, j int) flow.OpResult {
	switch {
	case w == nil:
		return flow.OpResult{Status: flow.Unresolved}
	case j < len(w.Results):
		return w.Results[j]
	case len(w.Results) == 0 && w.Err != nil && refused(flow.KindOf(w.Err)):
		return flow.OpResult{Status: flow.Failed, Err: w.Err}
	}
	return flow.OpResult{Status: flow.Unresolved, Err: w.Err}
}

// refused says whether an error of the kind means that nothing happened.
func refused(k flow.Kind) bool {
	switch k {
	case flow.InvalidArgument, flow.NotFound, flow.AlreadyExists, flow.Conflict, flow.NotLeader,
		flow.Unavailable, flow.ResourceExhausted, flow.PermissionDenied:
		return true
	}
	return false
}

func outcomeOf(results []flow.OpResult) Outcome {
	failed := 0
	for _, r := range results {
		switch r.Status {
		case flow.Unresolved:
			return Unknown
		case flow.Failed:
			failed++
		}
	}
	if failed == len(results) {
		return Fail
	}
	return OK
}

// event notes that something happened at a time and returns its position.
func (h *History) event(at flow.Time) int64 {
	if n := len(h.events); n > 0 {
		at = max(at, h.events[n-1])
	}
	h.events = append(h.events, at)
	return int64(len(h.events) - 1)
}

// before returns the position of the last event earlier than the time, -1 for none.
func (h *History) before(at flow.Time) int64 {
	i, _ := slices.BinarySearch(h.events, at)
	return int64(i) - 1
}

// Operations returns the operations in the order of their calls. They share
// memory with the history and must not be changed.
func (h *History) Operations() []Operation { return slices.Clip(h.ops) }

// Len returns the number of operations.
func (h *History) Len() int { return len(h.ops) }
