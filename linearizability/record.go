package linearizability

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Add notes a change that a replica applied; the same change again adds nothing.
func (r *Record) Add(c Change) {
	if r.changes == nil {
		r.changes = map[changeKey][]uint64{}
	}
	k := changeKey{c.Request, c.Point}
	if i, found := slices.BinarySearch(r.changes[k], c.Version); !found {
		r.changes[k] = slices.Insert(r.changes[k], i, c.Version)
	}
}

// versions returns where the request changed the point, and whether that is known.
func (r *Record) versions(id flow.RequestID, p flow.PointID) (versions []uint64, known bool) {
	if r == nil || id.IsZero() {
		return nil, false
	}
	v, ok := r.changes[changeKey{id, p}]
	return v, ok || r.Complete
}
