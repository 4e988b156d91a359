package shard

import (
	"bytes"
	"container/heap"
	"encoding/binary"
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
	results map[flow.RequestID]remembered
	order   requestHeap
	bytes   int
	// logTime is the largest time of any command; floor is where memory ends.
	logTime, floor flow.Time
}

// remembered is what is kept of a request that was applied.
type remembered struct {
	// sum is the checksum of its operations, 0 if its command had none.
	sum    uint64
	result []byte
}

// answer is the result of another command of the request, with a checksum or 0: the
// first one's, unless it asks for something else.
func (r remembered) answer(sum uint64) []byte {
	if sum != 0 && r.sum != 0 && sum != r.sum {
		return outcome{refusal: Reused}.encode(0)
	}
	return r.result
}

// row is what is stored of a request.
func (r remembered) row(id flow.RequestID) (key, value []byte) {
	if r.sum == 0 {
		return dedupKey(rowDedup, id), r.result
	}
	value = binary.LittleEndian.AppendUint64(make([]byte, 0, sumBytes+len(r.result)), r.sum)
	return dedupKey(rowSummed, id), append(value, r.result...)
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
		was := d.results[id]
		key, value := was.row(id)
		rows.Delete(key, replica.RowHash(key, value))
		d.bytes -= len(was.result)
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
func (d *dedup) remember(id flow.RequestID, r remembered, rows *replica.Rows) {
	rows.Put(r.row(id))
	d.restore(id, r)
}

func (d *dedup) restore(id flow.RequestID, r remembered) {
	d.results[id] = r
	d.bytes += len(r.result)
	heap.Push(&d.order, id)
}

// restoreSummed takes a row with a checksum, and says whether it is well formed.
func (d *dedup) restoreSummed(id flow.RequestID, value []byte) bool {
	if len(value) < sumBytes || binary.LittleEndian.Uint64(value) == 0 {
		return false
	}
	d.restore(id, remembered{sum: binary.LittleEndian.Uint64(value), result: bytes.Clone(value[sumBytes:])})
	return true
}
