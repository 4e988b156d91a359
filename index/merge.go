package index

import flow "github.com/ruvector-flow/ruvector-flow"

// Merge returns the first k hits of lists that are each in the order of flow.Hit.Less,
// in that order; of equal hits the one of the earlier list comes first. It does not
// look for one point in two lists, and leaves the lists as they are.
func Merge(k int, lists ...[]flow.Hit) []flow.Hit {
	total := 0
	m := merger{rest: make([][]flow.Hit, len(lists)), heap: make([]int, 0, len(lists))}
	for i, l := range lists {
		total += len(l)
		if m.rest[i] = l; len(l) > 0 {
			m.heap = append(m.heap, i)
		}
	}
	k = min(k, total)
	if k <= 0 {
		return nil
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	out := make([]flow.Hit, 0, k)
	for len(out) < k {
		first := m.heap[0]
		out = append(out, m.rest[first][0])
		if m.rest[first] = m.rest[first][1:]; len(m.rest[first]) == 0 {
			m.heap[0] = m.heap[len(m.heap)-1]
			m.heap = m.heap[:len(m.heap)-1]
		}
		m.down(0)
	}
	return out
}

// merger is a heap of the lists that are not used up, by their first hit.
type merger struct {
	rest [][]flow.Hit
	heap []int // positions in rest
}

func (m *merger) less(a, b int) bool {
	x, y := &m.rest[a][0], &m.rest[b][0]
	if x.Less(*y) {
		return true
	}
	return a < b && !y.Less(*x)
}

func (m *merger) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(m.heap) {
			return
		}
		if right := child + 1; right < len(m.heap) && m.less(m.heap[right], m.heap[child]) {
			child = right
		}
		if !m.less(m.heap[child], m.heap[i]) {
			return
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}
