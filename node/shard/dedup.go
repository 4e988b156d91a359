package shard

import (
	"bytes"
	"container/heap"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

const (
	// dedupWindow is how long a request is remembered, in the shard's log time.
	dedupWindow = 5 * time.Minute
	// maxAhead is how far the time of a request id may be ahead of the log time.
	maxAhead = time.Minute
	// maxDedupEntries and maxDedupBytes (of results) bound the table; past them the
	// oldest requests are forgotten early, and retries of them refused.
	maxDedupEntries = 1 << 16
	maxDedupBytes   = 8 << 20
)

// dedup is the table of requests that were applied: part of the replicated state,
// so it changes by what is in the log and by nothing else.
//
// What is forgotten is refused: every id whose time is at or before floor is either
// forgotten or about to be, and floor only rises. A shard's log time is the largest
// proposer's clock among its commands; if it runs ahead, requests are refused for a
// while, but never applied twice.
type dedup struct {
	results map[flow.RequestID][]byte
	order   requestHeap
	bytes   int
	// logTime is the largest time of any command; floor is where memory ends.
	logTime, floor flow.Time
}

// requestHeap orders ids by their bytes, which begin with their time.
type requestHeap []flow.RequestID

func (h requestHeap) Len() int           { return len(h) }
func (h requestHeap) Less(i, j int) bool { return bytes.Compare(h[i][:], h[j][:]) < 0 }
func (h requestHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *requestHeap) Push(x any)        { *h = append(*h, x.(flow.RequestID)) }
func (h *requestHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// advance takes the time of a command, and forgets what the window has left behind.
func (d *dedup) advance(now flow.Time, rows *replica.Rows) {
	d.logTime = max(d.logTime, now)
	d.floor = max(d.floor, d.logTime.Add(-dedupWindow))
	for len(d.order) > 0 && (d.order[0].Time() <= d.floor || len(d.order) > maxDedupEntries || d.bytes > maxDedupBytes) {
		id := heap.Pop(&d.order).(flow.RequestID)
		rows.Delete(dedupKey(id), replica.RowHash(dedupKey(id), d.results[id]))
		d.bytes -= len(d.results[id])
		delete(d.results, id)
		d.floor = max(d.floor, id.Time())
	}
}

// refuses says why a request that is not in the table must not be applied at a log
// time of at least now: it could be a retry of one that was forgotten, or it would
// stay in the table for too long.
func (d *dedup) refuses(id flow.RequestID, now flow.Time) Refusal {
	switch at := id.Time(); {
	case at <= max(d.floor, max(d.logTime, now).Add(-dedupWindow)):
		return Expired
	case at > max(d.logTime, now).Add(maxAhead):
		return Ahead
	}
	return None
}

// remember keeps the result of a request that was applied.
func (d *dedup) remember(id flow.RequestID, result []byte, rows *replica.Rows) {
	rows.Put(dedupKey(id), result)
	d.restore(id, result)
}

func (d *dedup) restore(id flow.RequestID, result []byte) {
	d.results[id] = result
	d.bytes += len(result)
	heap.Push(&d.order, id)
}
