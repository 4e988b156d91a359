package shard_test

import (
	"bytes"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// What the shard promises about retries.
const (
	window        = 5 * time.Minute
	maxAhead      = time.Minute
	maxRemembered = 1 << 16
)

// model is a shard as plain maps.
type model struct {
	points         map[flow.CollectionID]map[flow.PointID]flow.Point
	dropped        map[flow.CollectionID]bool
	dropPosition   uint64
	remembered     map[flow.RequestID]answer
	logTime, floor flow.Time
}

// answer is what a write is told.
type answer struct {
	refusal shard.Refusal
	results []flow.OpResult
}

func newModel() *model {
	return &model{
		points: map[flow.CollectionID]map[flow.PointID]flow.Point{}, dropped: map[flow.CollectionID]bool{},
		remembered: map[flow.RequestID]answer{},
	}
}

// pass takes the time of a command. All that lies at or before the floor is forgotten.
func (m *model) pass(now flow.Time) {
	m.logTime = max(m.logTime, now)
	m.floor = max(m.floor, m.logTime.Add(-window))
	for id := range m.remembered {
		if id.Time() <= m.floor {
			delete(m.remembered, id)
		}
	}
}

func (m *model) write(index uint64, now flow.Time, id flow.RequestID, c flow.CollectionID, ops []flow.Op) answer {
	m.pass(now)
	if a, ok := m.remembered[id]; ok {
		return a
	}
	if id.Time() <= m.floor {
		return answer{refusal: shard.Expired}
	}
	if id.Time() > m.logTime.Add(maxAhead) {
		return answer{refusal: shard.Ahead}
	}
	if m.dropped[c] {
		return answer{refusal: shard.Dropped}
	}
	if m.points[c] == nil {
		m.points[c] = map[flow.PointID]flow.Point{}
	}
	var a answer
	for _, op := range ops {
		a.results = append(a.results, m.op(m.points[c], index, op))
	}
	m.remembered[id] = a
	return a
}

func (m *model) op(points map[flow.PointID]flow.Point, index uint64, op flow.Op) flow.OpResult {
	old, exists := points[op.ID]
	if op.If && op.IfVersion != old.Version {
		return flow.OpResult{Status: flow.Conflicted, Version: old.Version}
	}
	if op.Kind == flow.Upsert {
		points[op.ID] = flow.Point{ID: op.ID, Vector: op.Vector, Payload: op.Payload, Version: index}
	} else if exists {
		delete(points, op.ID)
	} else {
		return flow.OpResult{Status: flow.Absent}
	}
	return flow.OpResult{Status: flow.Applied, Version: index}
}

func (m *model) drop(now flow.Time, position uint64, ids []flow.CollectionID) {
	m.pass(now)
	m.dropPosition = max(m.dropPosition, position)
	for _, id := range ids {
		m.dropped[id] = true
		delete(m.points, id)
	}
}

// nearest returns the ids of the k points nearest to v by squared L2, ties by id.
func (m *model) nearest(c flow.CollectionID, v flow.Vector, k int) []flow.PointID {
	var hits []flow.Hit
	for id, p := range m.points[c] {
		h := flow.Hit{Point: flow.Point{ID: id}}
		for i := range v {
			h.Distance += (v[i] - p.Vector[i]) * (v[i] - p.Vector[i])
		}
		hits = append(hits, h)
	}
	slices.SortFunc(hits, func(a, b flow.Hit) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	var ids []flow.PointID
	for _, h := range hits[:min(k, len(hits))] {
		ids = append(ids, h.ID)
	}
	return ids
}

func equalAnswers(a, b answer) bool {
	return a.refusal == b.refusal && slices.Equal(a.results, b.results)
}

func equalPoints(a, b flow.Point) bool {
	return a.ID == b.ID && a.Version == b.Version && slices.Equal(a.Vector, b.Vector) && bytes.Equal(a.Payload, b.Payload)
}
