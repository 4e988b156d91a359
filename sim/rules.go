package sim

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
	"github.com/ruvector-flow/ruvector-flow/net"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// maxVoterLag is how many entries a learner may trail when it is made a voter.
const maxVoterLag = 64

// keepsVote checks a term and vote about to be stored over others: within a term a vote
// stays what it is (Ongaro 2014, figure 3.1).
func (c *checks) keepsVote(h *host, g *writtenGroup, term, vote uint64) {
	if term == g.term && g.vote != 0 && vote != g.vote {
		c.w.fail(OracleVote, "%s voted for %v in term %d of %v and made that %v in the same term",
			h.name, flow.ReplicaID(g.vote), term, g.shard, flow.ReplicaID(vote))
	}
}

// elected checks that a new leader has the votes of a majority of the voters, of both
// memberships while they change, as far as their answers have reached its host.
func (c *checks) elected(h *host, g *writtenGroup, term uint64) {
	if len(g.appliedRecord) == 0 {
		return
	}
	conf, f := g.membership(), c.facts(g.shard)
	for _, voters := range [][]uint64{conf.GetVoters(), conf.GetVotersOutgoing()} {
		var granted []flow.ReplicaID
		for _, v := range voters {
			if id := flow.ReplicaID(v); id == g.replica && g.vote == v || f.polled[voteAt{id, term}] == g.replica {
				granted = append(granted, id)
			}
		}
		if len(voters) > 0 && len(granted) <= len(voters)/2 {
			c.w.fail(OracleVote, "%s leads %v in term %d by the votes of %v, the voters are %v", h.name, g.shard, term, granted, replicaIDs(voters))
		}
	}
}

func replicaIDs(ids []uint64) (out []flow.ReplicaID) {
	for _, id := range ids {
		out = append(out, flow.ReplicaID(id))
	}
	return out
}

// arrived watches a frame that reaches a host: the votes in it may count from now on.
func (c *checks) arrived(frame []byte) {
	if !mayHold(frame, raftpb.MsgVoteResp) {
		return
	}
	f, err := net.Decode(frame)
	if err != nil {
		return // damaged on its way
	}
	for _, m := range f.Messages {
		if r, ok := m.(*net.Raft); ok && r.M.GetType() == raftpb.MsgVoteResp && !r.M.GetReject() {
			c.facts(r.Shard).polled[voteAt{flow.ReplicaID(r.M.GetFrom()), r.M.GetTerm()}] = flow.ReplicaID(r.M.GetTo())
		}
	}
}

// changesMembers checks a change of membership that a leader puts into its log: the one
// before it is committed (Ongaro 2014, section 4.1), and who is to vote has caught up
// (section 4.2.1).
func (c *checks) changesMembers(h *host, g *writtenGroup, data []byte) {
	index := g.last()
	e := g.at(index)
	if g.vote != uint64(g.replica) || e.term != g.term || c.leaders[position{g.shard, g.term}] != h.number() {
		return // others' entries may come in one message
	}
	for i := max(g.commit, g.cut) + 1; i < index; i++ {
		if isConfChange(g.at(i).kind) {
			c.w.fail(OracleMembers, "%s leads %v in term %d and began the change of membership at %d while that at %d was not committed", h.name, g.shard, g.term, index, i)
			return
		}
	}
	cc := &raftpb.ConfChangeV2{}
	if proto.Unmarshal(data, cc) != nil || len(g.appliedRecord) == 0 {
		return
	}
	for _, change := range cc.GetChanges() {
		id := flow.ReplicaID(change.GetNodeId())
		if change.GetType() != raftpb.ConfChangeAddNode || slices.Contains(g.membership().GetVoters(), uint64(id)) {
			continue
		}
		if reached := c.facts(g.shard).reached[id]; reached == 0 || reached+maxVoterLag < g.applied {
			c.w.fail(OracleMembers, "%s makes %v a voter of %v, whose log ends at %d; applied is %d", h.name, id, g.shard, reached, g.applied)
		}
	}
}

func isConfChange(kind byte) bool {
	return kind == byte(raftpb.EntryConfChange) || kind == byte(raftpb.EntryConfChangeV2)
}

// confirms checks the answer that a leader gives to a follower's round of reads: it
// knows what is committed only once an entry of its own term is (Ongaro 2014, section 6.4).
func (c *checks) confirms(h *host, g *writtenGroup, m *raftpb.Message) {
	if e := g.at(m.GetIndex()); e != nil && e.term < m.GetTerm() {
		c.w.fail(OracleRead, "%s leads %v in term %d and confirmed reads at %d, an entry of term %d", h.name, g.shard, m.GetTerm(), m.GetIndex(), e.term)
	}
}

// floors returns, by group, the highest index that any replica has known to be
// committed: a linearizable read that begins now shows no older state. It is nil for
// other requests.
func (c *checks) floors(req flow.Request) []uint64 {
	if linearizability.KindOf(req) <= linearizability.Write || linearizability.ReadOptionsOf(req).Level != flow.Linearizable {
		return nil
	}
	floors := make([]uint64, len(c.groups))
	for s, f := range c.groups {
		if f != nil {
			floors[s] = uint64(max(len(f.committed), 1) - 1)
		}
	}
	return floors
}

// current checks the answer to a linearizable read against what was committed when its
// host got it.
func (c *checks) current(h *host, floors []uint64, resp flow.Response) {
	if floors == nil || resp.Error() != nil {
		return
	}
	for _, at := range linearizability.ReadInfoOf(resp).Shards {
		if int(at.Shard) < len(floors) && at.Index < floors[at.Shard] {
			c.w.fail(OracleRead, "%s answered a linearizable read of %v with its state at %d, entry %d was committed before", h.name, at.Shard, at.Index, floors[at.Shard])
		}
	}
}

// tellsItsLog checks that a replica's log is what its process has written of it.
func (c *checks) tellsItsLog(h *host, r flow.ReplicaStatus) {
	g := h.written[r.Shard]
	if g == nil || g.replica != r.Replica || g.cut+1 == r.FirstIndex && g.last() == r.LastIndex {
		return
	}
	c.w.fail(OracleLog, "%s has entries %d to %d of the log of %v, on its disk are %d to %d", h.name, r.FirstIndex, r.LastIndex, r.Shard, g.cut+1, g.last())
}

// landed checks a snapshot that is put in force: the leader that sent it still has what
// follows, or it was sent for nothing. Who leads in the term of its last entry sent it.
func (c *checks) landed(h *host, g *writtenGroup) {
	f, leader := c.facts(g.shard), c.w.leaderOf(g.shard)
	if leader == nil || g.cut >= uint64(len(f.committed)) {
		return
	}
	if lg := leader.written[g.shard]; lg != nil && f.committed[g.cut].term == lg.term && lg.cut > g.cut {
		c.w.fail(OracleLog, "%s got a snapshot of %v at %d from %s, which has cut its log up to %d meanwhile", h.name, g.shard, g.cut, leader.name, lg.cut)
	}
}
