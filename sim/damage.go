package sim

import (
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// A cluster promises to survive the loss of a minority of each group's copies. What
// destroys copies asks here first, so that a failure is never one that nobody promised
// to survive.

// copyOf names a host's copy of a group.
type copyOf struct {
	shard   flow.ShardID
	replica flow.ReplicaID
}

// damage is what was done to a copy, in which process of its host.
type damage struct {
	incarnation uint32
	// misread says that the copy is there, but a read of it may have failed.
	misread bool
}

// voters is what a Machine offers to those who choose whom to hurt.
type voters interface {
	Voters(s flow.ShardID) []flow.ReplicaID
}

// membership returns the voters of a group by the host that has applied most, and all the
// replicas that hosts run, voters or not. known is false when hosts disagree: a change
// of the membership may be under way.
func (w *World) membership(s flow.ShardID) (vote, all []flow.ReplicaID, known bool) {
	var most uint64
	views := map[flow.ReplicaID][]flow.ReplicaID{}
	for _, h := range w.hosts {
		m, ok := h.machine.(voters)
		if !ok {
			continue
		}
		for _, r := range h.replicas() {
			if r.Shard != s {
				continue
			}
			all = append(all, r.Replica)
			views[r.Replica] = slices.Sorted(slices.Values(m.Voters(s)))
			if r.Applied >= most {
				most, vote = r.Applied, views[r.Replica]
			}
		}
	}
	for _, id := range vote {
		if v, ok := views[id]; ok && !slices.Equal(v, vote) {
			return vote, all, false
		}
	}
	return vote, all, len(vote) > 0
}

// whole says whether a replica's copy is there, whether or not its process runs.
func (w *World) whole(s flow.ShardID, id flow.ReplicaID) bool {
	h := w.byID[id.Node()]
	if h == nil || h.id != id.Node() {
		return false
	}
	_, damaged := h.damaged[copyOf{s, id}]
	return !damaged
}

// spares says whether a group can lose a host's copy: a majority stays, of its voters
// and of all its members.
func (w *World) spares(h *host, s flow.ShardID) bool {
	vote, all, known := w.membership(s)
	for _, id := range vote {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	enough := func(ids []flow.ReplicaID) bool {
		left := 0
		for _, id := range ids {
			if id.Node() != h.id && w.whole(s, id) {
				left++
			}
		}
		return left > len(ids)/2
	}
	return known && enough(vote) && enough(all)
}

// hurt notes that a host's copy of a group is destroyed.
func (h *host) hurt(s flow.ShardID) {
	if g := readGroups(h.disk.rows.root)[s]; g != nil {
		h.damaged[copyOf{s, g.replica}] = damage{incarnation: h.incarnation}
	}
}

// lacks notes the groups whose stored copies the process that has just started does
// not run: to it they are broken.
func (h *host) lacks() {
	running := h.replicas()
	for _, s := range slices.Sorted(maps.Keys(h.written)) {
		id := h.written[s].replica
		if !slices.ContainsFunc(running, func(r flow.ReplicaStatus) bool { return r.Shard == s && r.Replica == id }) {
			h.damaged[copyOf{s, id}] = damage{incarnation: h.incarnation}
		}
	}
}

// mended forgets damage that is none any more: a later process runs the replica.
func (h *host) mended() {
	if len(h.damaged) == 0 {
		return
	}
	for _, r := range h.replicas() {
		c := copyOf{r.Shard, r.Replica}
		if d, ok := h.damaged[c]; ok && h.incarnation > d.incarnation {
			delete(h.damaged, c)
		}
	}
}

// sparesAll says whether every group that a host has a copy of can lose it.
func (w *World) sparesAll(h *host) bool {
	for _, s := range slices.Sorted(maps.Keys(readGroups(h.disk.rows.root))) {
		if !w.spares(h, s) {
			return false
		}
	}
	return true
}
