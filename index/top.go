package index

import (
	"math"
	"slices"
)

// top keeps the k best candidates offered so far: a binary heap with the worst at
// the root.
type top struct {
	k    int
	heap []Candidate
	// bound is a distance above which nothing can enter: the worst one kept, once there are k.
	bound float32
}

func (t *top) reset(k int) {
	t.k, t.heap, t.bound = k, slices.Grow(t.heap[:0], k), math.MaxFloat32
}

// offer puts in a row if it is near enough.
func (t *top) offer(p *piece, row int, d float32) {
	c := Candidate{Slot: p.slots[row], ID: p.ids.at(row), Distance: d, Target: p.target}
	if t.admits(&c) {
		t.add(c)
	}
}

// admits says whether c would enter.
func (t *top) admits(c *Candidate) bool {
	return len(t.heap) < t.k || c.compare(&t.heap[0]) < 0
}

// add puts in a candidate that is admitted; the worst one leaves if there are k.
func (t *top) add(c Candidate) {
	if len(t.heap) < t.k {
		t.heap = append(t.heap, c)
		t.up(len(t.heap) - 1)
	} else {
		t.heap[0] = c
		t.down()
	}
	if len(t.heap) == t.k {
		t.bound = t.heap[0].Distance
	}
}

func (t *top) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if t.heap[i].compare(&t.heap[parent]) <= 0 {
			return
		}
		t.heap[i], t.heap[parent] = t.heap[parent], t.heap[i]
		i = parent
	}
}

func (t *top) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(t.heap) {
			return
		}
		if right := child + 1; right < len(t.heap) && t.heap[right].compare(&t.heap[child]) > 0 {
			child = right
		}
		if t.heap[i].compare(&t.heap[child]) >= 0 {
			return
		}
		t.heap[i], t.heap[child] = t.heap[child], t.heap[i]
		i = child
	}
}

// sorted returns the candidates best first; they are valid until the next reset.
func (t *top) sorted() []Candidate {
	slices.SortFunc(t.heap, func(a, b Candidate) int { return a.compare(&b) })
	return t.heap
}
