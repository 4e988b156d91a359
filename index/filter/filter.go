// Package filter reads the filters that Qdrant's clients send, says whether a point
// passes one, and finds the points that do, with indexes of payload fields where
// fields are declared. It never touches disk, network or clock: payloads without
// an index are asked of the caller.
package filter

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// Limits of a filter. They bound what a request can cost before it is looked at.
const (
	// MaxBytes is the longest filter, as JSON.
	MaxBytes = 1 << 20
	// MaxDepth is how deeply filters may be nested in filters.
	MaxDepth = 16
	// MaxConditions is how many conditions a filter may hold, nested ones included.
	MaxConditions = 1024
	// MaxListed is how many values, ids or corners a filter may list in all.
	MaxListed = 65536
)

// Expr is a filter, ready to be asked. It never changes; any number of goroutines
// may use it. A nil Expr lets every point pass.
type Expr struct {
	root *clause
	// keys holds the first keys of all paths: nothing else of a payload matters.
	keys []string
}

// Parse reads a filter. Empty text, null and {} let every point pass and give a nil
// Expr. What is wrong is InvalidArgument and names the field, as in
// "filter.must[0].range.gte: ...".
func Parse(text []byte) (*Expr, error) {
	if len(text) > MaxBytes {
		return nil, flow.Errorf(flow.InvalidArgument, "filter.Parse", "filter: %d bytes, the limit is %d", len(text), MaxBytes)
	}
	if len(text) == 0 {
		return nil, nil
	}
	p := &parser{s: scan.New(text)}
	var root *clause
	err := p.s.Read(func() (bad *scan.Error) {
		if p.s.Null() {
			return nil
		}
		root, bad = p.filter(0)
		return bad.In("filter")
	})
	if err != nil {
		return nil, flow.Errorf(flow.InvalidArgument, "filter.Parse", "%s", err.Error())
	}
	if root == nil || root.empty() {
		return nil, nil
	}
	e := &Expr{root: root}
	e.keys = root.firstKeys(nil)
	return e, nil
}

// Match says whether a point passes: the definition of every condition. A payload
// that is nil, or no JSON object, is one without fields. Use a Matcher to ask often.
func (e *Expr) Match(id flow.PointID, payload []byte) bool {
	return e.Matcher().Match(id, payload)
}

// clause is conditions that are combined.
type clause struct {
	must, mustNot, should []*condition
	// atLeast of some must hold; nil some asks for nothing.
	some    []*condition
	atLeast int
}

// empty says that every point passes.
func (c *clause) empty() bool {
	return len(c.must)+len(c.mustNot)+len(c.should) == 0 && c.atLeast == 0
}

// all returns the clause's conditions.
func (c *clause) all() []*condition {
	list := make([]*condition, 0, len(c.must)+len(c.mustNot)+len(c.should)+len(c.some))
	return append(append(append(append(list, c.must...), c.mustNot...), c.should...), c.some...)
}

// firstKeys appends the first key of every path of the clause to list, each once.
func (c *clause) firstKeys(list []string) []string {
	for _, cond := range c.all() {
		if cond.op == opFilter {
			list = cond.clause.firstKeys(list)
			continue
		}
		if len(cond.path) == 0 || contains(list, cond.path[0].key) {
			continue // has_id, or known
		}
		list = append(list, cond.path[0].key)
	}
	return list
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// op is what a condition asks.
type op uint8

const (
	opFilter         op = iota + 1 // a filter within a filter
	opNested                       // a filter on each object of an array
	opHasID                        // the point's id
	opIsEmpty                      // the field is missing, null or []
	opIsNull                       // the field is null
	opCount                        // the number of values
	opString                       // a string of a list
	opInteger                      // an integer of a list
	opBool                         // a boolean
	opExceptStrings                // a value that is no string of a list
	opExceptIntegers               // a value that is no integer of a list
	opText                         // a string with all tokens
	opTextAny                      // a string with any of the tokens
	opPhrase                       // a string with the tokens in a row
	opRange                        // a number
	opTimes                        // a time
	opGeo                          // a place
)

// condition is one question about a point.
type condition struct {
	op   op
	path path
	// field is the path as declared fields spell it.
	field string
	// not turns the answer round: a field's "is_empty": false.
	not bool

	clause   *clause
	ids      map[flow.PointID]bool
	strings  *set[string]
	integers *set[int64]
	yes      bool
	tokens   []string
	numbers  span[float64]
	times    span[int64]
	counts   span[uint64]
	area     area
}

// span is bounds of values; a bound that is not set admits every value.
type span[T int64 | uint64 | float64] struct {
	lo, hi         T
	hasLo, hasHi   bool
	openLo, openHi bool
}

// holds says whether v is within the bounds. NaN never is.
func (s *span[T]) holds(v T) bool {
	if s.hasLo && !(v > s.lo || v == s.lo && !s.openLo) {
		return false
	}
	return !s.hasHi || v < s.hi || v == s.hi && !s.openHi
}

// few is up to which number of values a list is searched from end to end.
const few = 8

// set is the values of a list.
type set[T string | int64] struct {
	list []T // each once, in the order of the filter
	in   map[T]bool
}

func newSet[T string | int64](list []T) *set[T] {
	s := &set[T]{in: make(map[T]bool, len(list))}
	for _, v := range list {
		if !s.in[v] {
			s.in[v] = true
			s.list = append(s.list, v)
		}
	}
	return s
}

func (s *set[T]) has(v T) bool {
	if len(s.list) > few {
		return s.in[v]
	}
	for _, have := range s.list {
		if have == v {
			return true
		}
	}
	return false
}
