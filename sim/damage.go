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

// voterSet is a set of replicas of a group, a majority of which must stay: the voters
// that some replica goes by, and with them any of the learners, which are made voters one
// by one, whether or not their copies are whole by then.
type voterSet struct {
	shard    flow.ShardID
	ids      []uint64
	learners []uint64
}

// memberships are the sets that the replicas on the hosts' disks go by.
func (w *World) memberships() []voterSet {
	if w.sets != nil && w.setsAt == w.counts.events {
		return w.sets
	}
	w.sets, w.setsAt, w.stored = []voterSet{}, w.counts.events, nil
	for _, h := range w.members() {
		groups := readGroups(h.disk.rows.root)
		for s := range flow.ShardID(w.scenario.Shards + 1) {
			if g := groups[s]; g != nil {
				w.stored = append(w.stored, copyOf{s, g.replica})
				conf := g.membership()
				w.sets = append(w.sets, voterSet{s, conf.GetVoters(), conf.GetLearners()}, voterSet{s, conf.GetVotersOutgoing(), nil})
			}
		}
	}
	return w.sets
}

// whole says whether a replica's copy is there, whether or not its process runs.
func (w *World) whole(s flow.ShardID, id flow.ReplicaID) bool {
	h := w.byID[id.Node()]
	if h == nil || h.id != id.Node() || !slices.Contains(w.stored, copyOf{s, id}) {
		return false
	}
	_, damaged := h.damaged[copyOf{s, id}]
	return !damaged
}

// minority says whether less than half of a set is on some hosts or destroyed.
func (w *World) minority(set voterSet, hosts []*host) bool {
	gone := func(ids []uint64) (n int) {
		for _, v := range ids {
			id := flow.ReplicaID(v)
			if !w.whole(set.shard, id) || slices.ContainsFunc(hosts, func(h *host) bool { return id.Node() == h.id }) {
				n++
			}
		}
		return n
	}
	learners := gone(set.learners) // the worst of learners to be made voters: each that is gone
	return 2*(gone(set.ids)+learners) < len(set.ids)+learners || len(set.ids) == 0
}

// spares says whether a group can lose a host's copy.
func (w *World) spares(h *host, s flow.ShardID) bool {
	return !slices.ContainsFunc(w.memberships(), func(set voterSet) bool {
		return set.shard == s && !w.minority(set, []*host{h})
	})
}

// hurt notes that a host's copy of a group is destroyed.
func (h *host) hurt(s flow.ShardID) {
	h.spoilt = true
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
	m, ok := h.machine.(reporter)
	if !ok {
		return
	}
	for c, d := range h.damaged { // order-free: each alone
		if h.incarnation <= d.incarnation {
			continue
		}
		if r, ok := m.Replica(c.shard); ok && r.Replica == c.replica {
			delete(h.damaged, c)
		}
	}
}
