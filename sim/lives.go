package sim

import (
	"encoding/binary"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
)

const (
	// incarnationKey is where a node keeps the number of its present life.
	incarnationKey = "n/incarnation"
	// maxSilentTicks is how often a process that has others to talk to may be ticked
	// without a word of its own to any of them; it reports itself every 20 ticks.
	maxSilentTicks = 45
	// fullAfterTicks is after how many ticks on a full disk a process must know of it.
	fullAfterTicks = 41
	// fullBytes is the free space below which a disk is full: a quarter of what the node
	// wants by default.
	fullBytes = 64 << 20
)

// life is what the checks know of the lives of one node.
type life struct {
	process uint32 // of its host
	// calls is the highest number of a call of this process, former that of those before.
	calls, former uint64
	// heard holds the life of each other node that this process last knew.
	heard map[flow.NodeID]uint64
}

// beganLife notes the number under which a process is going to talk.
func (c *checks) beganLife(h *host, value []byte, batch uint64) {
	if len(value) == 8 {
		h.life, h.lifeBatch = binary.BigEndian.Uint64(value), batch
	}
}

// speaks checks a frame before it leaves: a life whose number a crash could still take
// back says nothing, or two would have the same.
func (c *checks) speaks(h *host) {
	if !h.spoke || h.ticking { // what it says to a message is no sign that it counts time
		h.silentTicks = 0
	}
	h.spoke = true
	if h.lifeBatch > h.disk.durable {
		c.w.fail(OraclePersist, "%s talks in its life %d before that is durable", h.name, h.life)
	}
}

// lifeOf returns what is known of a node whose process sends.
func (c *checks) lifeOf(h *host, id flow.NodeID) *life {
	l := c.lives[id]
	if l == nil {
		l = &life{}
		c.lives[id] = l
	}
	if l.process != h.incarnation {
		l.process, l.former, l.heard = h.incarnation, max(l.former, l.calls), map[flow.NodeID]uint64{}
		l.calls = 0
	}
	return l
}

// alive checks what a frame says of lives: a process that has heard a node's present
// life never goes back to a former one, and no two lives give a call one number.
func (c *checks) alive(h *host, f *net.Frame) {
	l := c.lifeOf(h, f.From)
	if was := l.heard[f.To]; f.ToIncarnation < was {
		c.w.fail(OracleIdentity, "%s sends to life %d of node %v after it had heard life %d", h.name, f.ToIncarnation, f.To, was)
	}
	l.heard[f.To] = f.ToIncarnation
	for _, m := range f.Messages {
		call, ok := m.(*net.Call)
		if !ok {
			continue
		}
		if l.calls = max(l.calls, call.ID); call.ID <= l.former {
			c.w.fail(OracleIdentity, "%s asks node %v under number %d, one of a former life of it", h.name, f.To, call.ID)
		}
	}
}

// ticked counts the ticks that a process is about to get in one turn; after a pause they
// are many. What it makes of them it sends when the turn ends.
func (c *checks) ticked(h *host, ticks int) {
	h.ticking = ticks > 0
	if h.ticking && h.spoke && h.silentTicks > maxSilentTicks {
		c.w.fail(OracleLiveness, "%s was ticked %d times and told nobody of itself", h.name, h.silentTicks)
	}
	h.silentTicks += ticks
	if h.fullTicks += ticks; h.disk.Usage().Free >= fullBytes {
		h.fullTicks = 0
	}
}

// refusesEntries checks an entry that a process writes: with a full disk it takes none of
// another's, but for the group that says who is who. What it proposed itself may reach the
// disk with the vote by which it stops to lead (seed 100000005856): the entry's term tells.
func (c *checks) refusesEntries(h *host, g *writtenGroup) {
	if h.fullTicks > fullAfterTicks && g.shard != flow.SystemShard && g.at(g.last()).term != g.stood {
		c.w.fail(OracleBounds, "%s took entry %d of %v, on a disk that has been full for %d ticks", h.name, g.last(), g.shard, h.fullTicks)
	}
}
