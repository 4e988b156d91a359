package sim

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// Limits of what a node may hold. They are the product's own where it names them, and
// for the rest far above what any world has been seen to need.
const (
	// maxMailbox bounds the inputs that wait for a process that runs, over a turn.
	maxMailbox = 20_000
	// maxLogSlack is how many entries a log may hold in a quiet cluster over what its
	// tuning allows: those since the last cut.
	maxLogSlack = 64
	// maxOpenViews bounds the views of the store that are open at a time.
	maxOpenViews = 4096
	// What the product takes where the tuning says nothing.
	defaultTruncateEntries = 256
	defaultMaxLogEntries   = 100_000
)

// bounded checks, while the world runs, what a turn leaves.
func (c *checks) bounded(h *host) {
	if h.machine.Err() != nil {
		return // it stops, and answers nobody any more
	}
	if most := h.w.scenario.MaxRequests; most > 0 && len(c.w.calls.open[h.index]) > most {
		if n := c.w.calls.routed(h); n > most {
			c.w.fail(OracleBounds, "%s routes %d requests at a time, at most %d were meant", h.name, n, most)
		}
	}
	if h.disk.views > maxOpenViews {
		c.w.fail(OracleBounds, "%s holds %d views of its store open", h.name, h.disk.views)
	}
}

// refusedFull checks that a node which refuses a request because it routes too much has
// that much to route: a request that is over holds no place.
func (c *checks) refusedFull(k *call, resp flow.Response) {
	most := c.w.scenario.MaxRequests
	if most == 0 || !errors.Is(resp.Error(), flow.ErrQueueFull) {
		return
	}
	n := -c.places(k.req)
	for _, o := range c.w.calls.open[k.host.index] {
		n += c.places(o.req)
	}
	if n < most {
		c.w.fail(OracleBounds, "%s refused a %T, for it routed too much; of %d places at most %d were taken", k.host.name, k.req, most, n)
	}
}

// places is how many of a node's places a request takes at most: one for each shard that a
// write or a drop goes to.
func (c *checks) places(req flow.Request) int {
	switch req := req.(type) {
	case *flow.WriteRequest:
		starts, shards := ring.Starts(c.w.scenario.Shards), map[int]bool{}
		for i := range req.Ops {
			shards[ring.Find(starts, ring.Hash(req.Ops[i].ID))] = true
		}
		return max(len(shards), 1)
	case *flow.CreateCollectionRequest, *flow.DropCollectionRequest:
		return c.w.scenario.Shards // the drop of those that bore the name before
	}
	return 1
}

// queued checks a mailbox that has grown.
func (c *checks) queued(h *host) {
	if n := len(h.mailbox); n > maxMailbox && !h.paused() {
		c.w.fail(OracleBounds, "%d inputs wait for %s", n, h.name)
	}
}

// longLog returns how many entries a host's log of a group has when they are more than its
// tuning means to keep in a quiet cluster, and how many that are.
func (c *checks) longLog(h *host, g *writtenGroup, whole bool) (n, most int) {
	t := h.tuning()
	most = max(cmp.Or(t.TruncateEntries, defaultTruncateEntries), cmp.Or(t.MaxLogEntries, defaultMaxLogEntries)) + maxLogSlack
	if n = len(g.entries); n > most && (whole || !c.w.namesLost(g)) {
		return n, most
	}
	return 0, most
}

// maxCuttingWrites is how many writes to every shard may be needed until its log is cut.
const maxCuttingWrites = 128

// cutLogs writes to every shard while some log is long: a leader has logs cut with what it
// proposes, once its own is worth it. While a snapshot was under way it could not, and one
// that has led since, and got that snapshot, has hardly a log itself.
func (w *World) cutLogs() {
	for range maxCuttingWrites {
		if !w.longLogs() || w.failure != nil {
			return
		}
		w.serveAll(w.core())
		if !w.runUntil(w.now+healWithin, func() bool { return w.unequal() == "" }) {
			w.fail(OracleDigest, "replicas are not equal in a quiet cluster: %s", w.unequal())
		}
	}
}

func (w *World) longLogs() (long bool) {
	whole := len(w.core()) == len(w.members())
	for _, h := range w.core() {
		for _, g := range readGroups(h.disk.rows.root) { // order-free: any
			n, _ := w.checks.longLog(h, g, whole)
			long = long || n > 0
		}
	}
	return long
}

// endStreams waits until no snapshot is being sent: the acknowledgment of its last part
// may be under way when all replicas are equal (seed 103000004595). While some host is
// lost, one to that may go on.
func (w *World) endStreams() {
	if len(w.core()) < len(w.members()) {
		return
	}
	w.runUntil(w.now+healWithin, func() bool {
		return !slices.ContainsFunc(w.core(), func(h *host) bool { return h.disk.views > 0 })
	})
}

// tidyStores checks what is left in a quiet cluster: logs are cut, no half of a
// snapshot is stored, no view is open that nothing works on, and every stored group is
// one that the node reports.
func (c *checks) tidyStores(hosts []*host) {
	for _, h := range hosts {
		groups := readGroups(h.disk.rows.root)
		whole := len(hosts) == len(c.w.members()) // else a snapshot may be on its way to one that is lost
		for s := range flow.ShardID(c.w.scenario.Shards + 1) {
			if g := groups[s]; g != nil {
				if n, most := c.longLog(h, g, whole); n > 0 {
					c.w.fail(OracleBounds, "%s keeps %d entries of the log of %v in a quiet cluster, at most %d were meant", h.name, n, s, most)
				}
			}
		}
		if h.disk.views > h.working && whole {
			c.w.fail(OracleBounds, "%s holds %d views of its store open and works on %d jobs", h.name, h.disk.views, h.working)
		}
		h.disk.rows.root.visit([]byte{keyOfGroup}, []byte{keyOfGroup + 1}, func(key, _ []byte) bool {
			shard, tag, ok := groupOf(key)
			g := groups[shard]
			if !ok || g == nil || g.replica == 0 {
				c.w.fail(OracleBounds, "%s stores %x of a group that it has no replica of", h.name, key)
				return false
			}
			if tag == tagState {
				// A later one than that in force is a snapshot that is arriving.
				if number := binary.BigEndian.Uint32(key[tagAt+1:]); number < g.number || number > g.number && whole {
					c.w.fail(OracleBounds, "%s stores rows of state %d of %v, in force is %d", h.name, number, shard, g.number)
					return false
				}
			}
			if tag == tagLog && len(key) == logKeySize && binary.BigEndian.Uint64(key[tagAt+1:]) <= g.cut {
				c.w.fail(OracleBounds, "%s stores entry %d of %v, whose log is cut at %d", h.name, binary.BigEndian.Uint64(key[tagAt+1:]), shard, g.cut)
				return false
			}
			return true
		})
	}
}

// namesLost says whether a member of a group is on a host that is gone: the log is not
// cut under a snapshot that is on its way there.
func (w *World) namesLost(g *writtenGroup) bool {
	conf := g.membership()
	return slices.ContainsFunc(slices.Concat(conf.GetVoters(), conf.GetVotersOutgoing(), conf.GetLearners()), func(v uint64) bool {
		id := flow.ReplicaID(v).Node()
		h := w.byID[id]
		return h == nil || h.id != id || h.gone
	})
}
