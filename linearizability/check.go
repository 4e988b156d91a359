package linearizability

import (
	"fmt"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Options tell the checkers what they cannot see in the history. The zero value
// is valid and the weakest: no shards, nothing resolved, default limits.
type Options struct {
	// ShardOf returns the shard that holds a point. With it, points of shards that
	// an answer names as missing are excused (without it, all points are, in an
	// answer that misses any), session tokens bind, and an answer that names its
	// applied index per shard is compared with the exact state at that index.
	ShardOf func(flow.PointID) flow.ShardID
	// Pass says whether a filter lets a point with a payload pass, by its definition. It is
	// needed if reads have filters, and must be a function of what it is given.
	Pass func(f flow.Filter, id flow.PointID, payload []byte) bool
	// Record is what the system itself says it applied; nil for nothing. It turns
	// unknown outcomes into known ones and shows a request that was applied twice.
	Record *Record
	// DistanceTolerance is how far a hit's distance may be from the float64 brute
	// force, as a part of the sum of the absolute values of the terms (of 1 under
	// Cosine); 0 means DefaultDistanceTolerance. Too large hides wrong distances.
	DistanceTolerance float64
	// Since returns the earliest time from which a clock of the system that decides
	// whether a bounded read's state is fresh may have counted no more than age until at.
	// nil means right clocks: at less age.
	Since func(at flow.Time, age time.Duration) flow.Time
	// MaxSteps bounds the search for an order of one point's operations, in model
	// steps; 0 means DefaultMaxSteps. Reaching it is a failure that says so.
	MaxSteps int
}

func (o *Options) since(at flow.Time, age time.Duration) flow.Time {
	if o.Since == nil {
		return at.Add(-age)
	}
	return o.Since(at, age)
}

// Defaults of Options.
const (
	// DefaultDistanceTolerance allows for float32 summation over some thousand components.
	DefaultDistanceTolerance = 1e-4
	// DefaultMaxSteps is some seconds of work for one point.
	DefaultMaxSteps = 1_000_000
)

// Change is one change of one point, as a replica of the system applied it.
type Change struct {
	// Request is the id of the write.
	Request    flow.RequestID
	Collection string
	Point      flow.PointID
	// Version is the Raft index at which it was applied.
	Version uint64
}

// Record gathers the changes the system applied, seen in its replicas. Several
// replicas may report the same change. The zero value is empty.
type Record struct {
	// Complete says that every change applied in the run is in the record, so that
	// a write that is not there never happened. Set it only when every replica of
	// every shard has been heard up to the end.
	Complete bool

	changes map[changeKey][]uint64 // versions, ascending, each once
}

type changeKey struct {
	request flow.RequestID
	point   flow.PointID
}

// Verdict is a checker's answer.
type Verdict struct {
	OK bool
	// Check names the check that failed: "point", "exactly-once", "get", "count",
	// "scroll" or "search".
	Check string
	// Collection and Point name the point at fault, when there is one.
	Collection string
	Point      flow.PointID
	// Reason says in a sentence what is wrong; "" when OK.
	Reason string
	// Operations are the operations that show it, a line each, in order of call:
	// for a point, the shortest part of its history that no order explains.
	Operations []string
	// Shown are the positions in History.Operations of the same operations.
	Shown []int
}

// String returns "ok", or the reason and the operations, a line each.
func (v Verdict) String() string {
	if v.OK {
		return "ok"
	}
	var b strings.Builder
	b.WriteString(v.Check)
	if v.Point != "" {
		fmt.Fprintf(&b, " %s/%s", v.Collection, v.Point)
	} else if v.Collection != "" {
		fmt.Fprintf(&b, " %s", v.Collection)
	}
	fmt.Fprintf(&b, ": %s", v.Reason)
	for _, line := range v.Operations {
		b.WriteString("\n  " + line)
	}
	return b.String()
}

// Check runs CheckPoints, CheckReads and CheckSearches and returns the first
// verdict that is not OK.
func Check(h *History, o Options) Verdict {
	for _, check := range []func(*History, Options) Verdict{CheckPoints, CheckReads, CheckSearches} {
		if v := check(h, o); !v.OK {
			return v
		}
	}
	return Verdict{OK: true}
}
