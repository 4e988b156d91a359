package sim

import (
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"go.etcd.io/raft/v3/raftpb"
)

// logPlace is where an entry stands; no two entries of a group have one place.
type logPlace struct{ index, term uint64 }

// logFact is what stands there, and the term of the entry before it (0: not known).
type logFact struct{ sum, before uint64 }

// committedEntry is an entry that was committed, and the term in which the world
// first saw that it was: no leader of a later term lacks it.
type committedEntry struct {
	term, sum uint64
	seenTerm  uint64
	request   flow.RequestID
}

// voteAt is a replica's vote of a term.
type voteAt struct {
	replica flow.ReplicaID
	term    uint64
}

// compareEntry compares an entry just written with the entries of the same index and
// term that others wrote: they are the same, and so is what comes before (Ongaro,
// "Consensus: Bridging Theory and Practice", 2014, section 3.5: log matching).
func (c *checks) compareEntry(h *host, g *writtenGroup, index uint64) {
	e := g.at(index)
	f := c.facts(g.shard)
	place, now := logPlace{index, e.term}, logFact{sum: e.sum}
	if before := g.at(index - 1); before != nil {
		now.before = before.term
		if before.term > e.term {
			c.w.fail(OracleLog, "%s wrote entry %d of %v in term %d after one of term %d", h.name, index, g.shard, e.term, before.term)
		}
	}
	was, seen := f.entries[place]
	switch {
	case !seen:
		f.entries[place] = now
	case was.sum != now.sum:
		c.w.fail(OracleLog, "%v has two entries %d of term %d; %s wrote the second", g.shard, index, e.term, h.name)
	case was.before == 0:
		f.entries[place] = now
	case now.before != 0 && was.before != now.before:
		c.w.fail(OracleLog, "%v: entry %d of term %d follows one of term %d, on %s one of term %d", g.shard, index, e.term, was.before, h.name, now.before)
	}
	if !seen {
		return
	}
	c.entries++
}

// compareCommitted compares the entries that a host now knows to be committed with
// what was committed at their indexes before; before is by which membership it went then.
func (c *checks) compareCommitted(h *host, g *writtenGroup, before *groupConf) {
	f := c.facts(g.shard)
	to := min(g.commit, g.last())
	for i := max(g.checked, g.cut) + 1; i <= to; i++ {
		e := g.at(i)
		for uint64(len(f.committed)) <= i {
			f.committed = append(f.committed, committedEntry{})
		}
		was := &f.committed[i]
		if was.term == 0 {
			*was = committedEntry{term: e.term, sum: e.sum, seenTerm: g.term, request: e.request}
			c.survives(h, g, i, before)
		} else if was.term != e.term || was.sum != e.sum {
			c.w.fail(OracleCommitted, "%v: the entry committed at %d is of term %d, for %s another of term %d is", g.shard, i, was.term, h.name, e.term)
		} else {
			c.commits++
		}
		g.checked = i
	}
}

// complete checks that a new leader has every entry that was committed in an earlier term.
func (c *checks) complete(h *host, g *writtenGroup, term uint64) {
	f := c.facts(g.shard)
	for i := uint64(len(f.committed)); i > g.cut+1; i-- {
		was := f.committed[i-1]
		if was.term == 0 || was.seenTerm >= term {
			continue
		}
		if e := g.at(i - 1); e == nil || e.term != was.term || e.sum != was.sum {
			c.w.fail(OracleCompleteness, "%s leads %v in term %d without entry %d of term %d, which was committed in term %d; its log is (%d,%d]",
				h.name, g.shard, term, i-1, was.term, was.seenTerm, g.cut, g.last())
			return
		}
	}
}

// promised checks what a message tells other members of its sender's disk: a term, a vote
// or an entry that a crash could still take away must not be counted on.
func (c *checks) promised(h *host, m *net.Raft) {
	g := h.written[m.Shard]
	from := flow.ReplicaID(m.M.GetFrom())
	if g == nil || g.replica != from || m.M.GetReject() {
		return
	}
	durable := h.disk.durable
	switch term := m.M.GetTerm(); m.M.GetType() {
	case raftpb.MsgReadIndexResp:
		c.confirms(h, g, m.M)
	case raftpb.MsgVote: // others may elect it without its own vote, in a term that it forgets
		if g.term < term || g.term == term && (flow.ReplicaID(g.vote) != from || g.hardBatch > durable) {
			c.w.fail(OraclePersist, "%s asked for votes in term %d of %v before its own was durable", h.name, term, g.shard)
		}
	case raftpb.MsgVoteResp:
		to := flow.ReplicaID(m.M.GetTo())
		c.votes(h, g, term, to)
		c.facts(m.Shard).promised[from] = true
		if g.term < term || g.term == term && (flow.ReplicaID(g.vote) != to || g.hardBatch > durable) {
			c.w.fail(OraclePersist, "%s sent its vote for %v in term %d of %v before it was durable", h.name, to, term, g.shard)
		}
	case raftpb.MsgAppResp:
		index := m.M.GetIndex()
		e := g.at(index)
		c.facts(m.Shard).promised[from] = true
		if term != g.term || index < g.cut {
			return
		}
		if e == nil && (index > g.cut || g.cutBatch > durable) || e != nil && e.batch > durable {
			c.w.fail(OraclePersist, "%s acknowledged entry %d of %v in term %d before it was durable", h.name, index, g.shard, term)
		}
	}
}

// votes notes a vote: a replica has one in a term, whatever crashes between.
func (c *checks) votes(h *host, g *writtenGroup, term uint64, to flow.ReplicaID) {
	f := c.facts(g.shard)
	key := voteAt{g.replica, term}
	if first, ok := f.votes[key]; ok && first != to {
		c.w.fail(OracleVote, "%s voted twice in term %d of %v, for %v and for %v", h.name, term, g.shard, first, to)
	}
	f.votes[key] = to
}

// keepVote notes the vote that a process has made durable, its own for itself too,
// before it writes another or dies.
func (c *checks) keepVote(h *host, g *writtenGroup) {
	if g.vote != 0 && g.hardBatch > 0 && g.hardBatch <= h.disk.durable {
		c.votes(h, g, g.term, flow.ReplicaID(g.vote))
	}
}

// ended notes the votes of a process that is about to be no more.
func (c *checks) ended(h *host) {
	for _, shard := range slices.Sorted(maps.Keys(h.written)) {
		c.keepVote(h, h.written[shard])
	}
}

// leads checks a replica that leads: alone in its term, with all that was committed.
func (c *checks) leads(h *host, r flow.ReplicaStatus) {
	g := h.written[r.Shard]
	if g == nil || g.replica != r.Replica || g.leading && g.ledTerm == r.Term {
		return
	}
	g.leading, g.ledTerm = true, r.Term
	c.keepVote(h, g)
	key := position{r.Shard, r.Term}
	if first, ok := c.leaders[key]; ok && first != h.number() {
		c.w.fail(OracleVote, "%s and %s both lead %v in term %d", c.w.hosts[first-1].name, h.name, r.Shard, r.Term)
	}
	c.leaders[key] = h.number()
	c.elected(h, g, r.Term)
	c.complete(h, g, r.Term)
}
