package sim

import (
	"bytes"
	"encoding/binary"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"go.etcd.io/raft/v3/raftpb"
)

// groupFacts is what the world knows of a group from all that its members wrote and
// sent: what any of them says later is compared with it.
type groupFacts struct {
	// committed holds the entries known to be committed, by index; zero where unknown.
	committed []committedEntry
	// entries holds each entry ever written, by index and term.
	entries map[logPlace]logFact
	// votes holds whom a replica voted for, by term.
	votes map[voteAt]flow.ReplicaID
	// polled holds for whom a vote was that has reached a host; reached how far the log of
	// each replica ever went.
	polled  map[voteAt]flow.ReplicaID
	reached map[flow.ReplicaID]uint64
	// promised holds the replicas that have sent a vote or an acknowledgment.
	promised map[flow.ReplicaID]bool
	// results holds the outcome of each request applied in the group's log; versions
	// the index at which it stored something.
	results  map[flow.RequestID]appliedResult
	versions map[flow.RequestID]uint64
	// confs are the memberships that its replicas went by, in the order of being seen.
	confs []*groupConf
}

func (c *checks) facts(shard flow.ShardID) *groupFacts {
	for int(shard) >= len(c.groups) {
		c.groups = append(c.groups, nil)
	}
	f := c.groups[shard]
	if f == nil {
		f = &groupFacts{entries: map[logPlace]logFact{}, votes: map[voteAt]flow.ReplicaID{}, polled: map[voteAt]flow.ReplicaID{}, reached: map[flow.ReplicaID]uint64{}, promised: map[flow.ReplicaID]bool{},
			results: map[flow.RequestID]appliedResult{}, versions: map[flow.RequestID]uint64{}}
		c.groups[shard] = f
	}
	return f
}

// began reads what a process that starts finds on its disk.
func (c *checks) began(h *host) {
	h.written, h.touched, h.epochs = readGroups(h.disk.rows.root), nil, map[flow.ShardID]uint64{}
	h.life, h.lifeBatch, h.spoke, h.silentTicks, h.fullTicks = 0, 0, false, 0, 0
	c.leftOver(h)
}

// wrote watches a batch that a process has given to its disk.
func (c *checks) wrote(h *host, b *disk.Batch) {
	batch := h.disk.applied
	for _, op := range b.Ops() {
		shard, tag, ok := groupOf(op.Key)
		if !ok {
			if op.Kind == disk.Put && string(op.Key) == incarnationKey {
				c.beganLife(h, op.Value, batch)
			}
			continue
		}
		g := h.written[shard]
		if g == nil {
			g = &writtenGroup{shard: shard}
			h.written[shard] = g
		}
		if n := len(h.touched); n == 0 || h.touched[n-1] != shard {
			h.touched = append(h.touched, shard)
		}
		switch op.Kind {
		case disk.Put:
			c.wrotePut(h, g, tag, op, batch)
		case disk.DeleteRange:
			c.wroteRange(h, g, tag, op, batch)
		}
	}
	for _, shard := range h.touched {
		g := h.written[shard]
		c.replacedWhole(h, g)
		before := g.conf
		g.conf = c.confOf(g)
		c.compareCommitted(h, g, before)
		c.storedOnce(h, g)
		if g.landed {
			c.landed(h, g)
			g.landed = false
		}
		if f := c.facts(shard); f.reached[g.replica] < g.last() {
			f.reached[g.replica] = g.last()
		}
	}
}

func (c *checks) wrotePut(h *host, g *writtenGroup, tag byte, op disk.Op, batch uint64) {
	if tag == tagState {
		c.wroteRow(h, g, op.Key, op.Value)
		return
	}
	if tag == tagHardState {
		c.keepVote(h, g)
		r := wire.NewReader(op.Value)
		c.keepsVote(h, g, r.Uint(), r.Uint())
	}
	if tag == tagLog && len(op.Key) == logKeySize {
		index := binary.BigEndian.Uint64(op.Key[tagAt+1:])
		if index <= g.checked {
			g.checked = index - 1
		}
		if index <= g.last() {
			g.replaced = max(g.replaced, g.last())
		}
	}
	was := g.replica
	if !g.take(tag, op.Key, op.Value, batch) {
		c.w.fail(OracleLog, "%s wrote a record %q of %v that does not continue its log (%d,%d]", h.name, tag, g.shard, g.cut, g.last())
		return
	}
	if tag == tagLog {
		c.compareEntry(h, g, g.last())
		c.refusesEntries(h, g)
		if e := g.at(g.last()); isConfChange(e.kind) {
			c.changesMembers(h, g, entryData(op.Value))
		}
	}
	if was == 0 && g.replica != 0 {
		c.made(h, g)
	}
}

// made checks that a replica that is made, empty, has an id that is not older than any
// that its node had: one may have voted under those.
func (c *checks) made(h *host, g *writtenGroup) {
	if last := h.newest[g.shard]; g.replica.Node() == last.Node() && g.replica.Generation() < last.Generation() {
		c.w.fail(OraclePlacement, "%s made replica %v of %v anew, after it had %v", h.name, g.replica, g.shard, last)
	}
	if c.facts(g.shard).promised[g.replica] {
		c.w.fail(OracleIdentity, "%s made replica %v of %v anew, which had voted or acknowledged entries before", h.name, g.replica, g.shard)
	}
	h.newest[g.shard] = g.replica
}

func (c *checks) wroteRange(h *host, g *writtenGroup, tag byte, op disk.Op, batch uint64) {
	switch {
	case len(op.Key) == tagAt: // the whole group
		*g = writtenGroup{shard: g.shard}
	case tag == tagLog && len(op.Key) != logKeySize: // the whole log, for a snapshot
		g.clear(batch)
	case tag == tagLog:
		lo, hi := binary.BigEndian.Uint64(op.Key[tagAt+1:]), binary.BigEndian.Uint64(op.Value[tagAt+1:])
		if hi <= g.last() { // a cut at the head: it is seen for the last time
			c.compareCommitted(h, g, g.conf)
		} else if lo > g.cut && lo <= g.last() {
			g.entries = g.entries[:lo-g.cut-1]
			g.checked = min(g.checked, lo-1)
		}
	}
}

// maxAckFrame is more bytes than a frame takes that refuses a snapshot and says no more.
const maxAckFrame = 120

// sent watches a frame that a process has given to the network: what it promises to
// others must be durable.
func (c *checks) sent(h *host, frame []byte) {
	if len(h.written) == 0 {
		return
	}
	c.speaks(h)
	if !mayPromise(frame) {
		return
	}
	f, err := net.Decode(frame)
	if err != nil {
		c.w.fail(OracleContract, "%s sent a frame that cannot be read: %v", h.name, err)
		return
	}
	c.alive(h, f)
	for _, m := range f.Messages {
		switch m := m.(type) {
		case *net.Raft:
			c.promised(h, m)
		case *net.SnapshotAck:
			c.refused(h, m)
		}
	}
}

// mayPromise says whether a frame may hold an answer to a vote, an append, a round of
// reads or a snapshot: whether such an answer to a snapshot may end it, or it may hold a
// Raft message of those types. It saves reading the frames of a cluster that only beats.
func mayPromise(frame []byte) bool {
	const kindAck, checksumBytes = 6, 8
	if n := len(frame) - checksumBytes; n > 0 && n < maxAckFrame && frame[n-1] == 1 && bytes.IndexByte(frame[:n], kindAck) >= 0 {
		return true
	}
	return mayHold(frame, raftpb.MsgAppResp, raftpb.MsgVoteResp, raftpb.MsgReadIndexResp)
}

// mayHold says whether a frame may hold a Raft message of one of some types: whether
// somewhere one could begin (its kind, the shard, its type).
func mayHold(frame []byte, types ...raftpb.MessageType) bool {
	const kindRaft, maxShardBytes = 1, 3
	for at := 0; ; {
		i := bytes.IndexByte(frame[at:], kindRaft)
		if at += i + 1; i < 0 {
			return false
		}
		for n := at; n < min(at+maxShardBytes, len(frame)); n++ {
			if frame[n] >= 0x80 { // the shard's number goes on
				continue
			}
			if n+1 < len(frame) && slices.Contains(types, raftpb.MessageType(frame[n+1])) {
				return true
			}
			break
		}
	}
}
