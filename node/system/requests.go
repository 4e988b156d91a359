package system

import (
	"bytes"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// maxRequests bounds the creates and drops that are remembered.
const maxRequests = 4096

// requests remembers the results of creates and drops, refused ones too: a late copy
// of a drop that found nothing must not find what was made since. What is forgotten
// is at or below floor, and so is refused.
type requests struct {
	results map[flow.RequestID][]byte
	order   []flow.RequestID // ascending
	floor   flow.RequestID
}

func compare(a, b flow.RequestID) int { return bytes.Compare(a[:], b[:]) }

func (q *requests) remember(id flow.RequestID, result []byte) {
	i, _ := slices.BinarySearchFunc(q.order, id, compare)
	q.order = slices.Insert(q.order, i, id)
	q.results[id] = result
}

// repeated returns the result of a request that was answered before, or the refusal
// of one that may have been.
func (m *Machine) repeated(id flow.RequestID) (result []byte, ok bool) {
	if result, ok := m.requests.results[id]; ok {
		return result, true
	}
	if compare(id, m.requests.floor) <= 0 {
		return refuse(flow.Conflict, "request %v is older than what is remembered; look whether it was done", id).encode(), true
	}
	return nil, false
}

func (m *Machine) remember(rows *replica.Rows, id flow.RequestID, result []byte) {
	rows.Put(requestKey(id), result)
	m.requests.remember(id, result)
	for len(m.requests.order) > maxRequests {
		first := m.requests.order[0]
		rows.Delete(requestKey(first), replica.RowHash(requestKey(first), m.requests.results[first]))
		delete(m.requests.results, first)
		m.requests.order = slices.Delete(m.requests.order, 0, 1)
		m.requests.floor = first
	}
}

func requestKey(id flow.RequestID) []byte { return append([]byte{rowRequest}, id[:]...) }
