package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

// The rooms that several mutants change.
const (
	replicaRoom = "node/replica"
	shardRoom   = "node/shard"
	nodeRoom    = "node"
)

// lost are the oracles that see acknowledged state vanish, in whatever way it shows first.
var lost = []sim.Oracle{sim.OracleHistory, sim.OracleDigest, sim.OracleDurability, sim.OraclePanic, sim.OracleRestart,
	sim.OracleOrder, sim.OracleCatalogue, sim.OracleIdentity, sim.OracleLiveness,
	"once", "vote", "persist", "log", "committed", "completeness", "bounds", "placement", "read", "members"}

// consensus are bugs in votes, commits and what they wait for.
var consensus = []Mutant{
	{Name: "ack-before-sync", What: "acknowledgments and votes leave in the turn that writes, before the write is durable",
		Edits: []Edit{{replicaRoom,
			"e.Durable = append(e.Durable, Durable{Replica: r, index: r.log.last(), responses: m.GetResponses()})",
			"r.Durable(Durable{Replica: r, index: r.log.last(), responses: m.GetResponses()}, e)"}},
		Oracles:   lost,
		Precedent: "Jepsen, Elasticsearch 1.5.0 (2015): writes acknowledged before fsync, lost in a crash"},
	{Name: "leader-counts-unsynced-log", What: "a leader counts its own log towards a commit before it is durable, and does not sync for it",
		Edits: []Edit{{replicaRoom,
			"if len(m.GetResponses()) > 0 {\n\t\te.Sync = true",
			"if r.state == raft.StateLeader && m.GetSnapshot() == nil {\n\t\tr.Durable(Durable{Replica: r, responses: m.GetResponses()}, e)\n\t} else if len(m.GetResponses()) > 0 {\n\t\te.Sync = true"}},
		Oracles:   lost,
		Precedent: "Ongaro 2014, section 10.2.1: a leader may write in parallel with its followers, but counts itself only when durable"},
	{Name: "vote-before-sync", What: "term and vote are not synced: a vote leaves before it is durable",
		Edits: []Edit{{replicaRoom,
			"if len(m.GetResponses()) > 0 {\n\t\te.Sync = true",
			"if len(m.GetEntries()) == 0 && m.GetSnapshot() == nil {\n\t\tr.Durable(Durable{Replica: r, responses: m.GetResponses()}, e)\n\t} else if len(m.GetResponses()) > 0 {\n\t\te.Sync = true"}},
		Oracles:   lost,
		Precedent: "Ongaro 2014, figure 3.1: term and vote are on stable storage before a server answers"},
	{Name: "votes-asked-before-sync", What: "a candidate asks for votes before its term is durable: it may be elected twice in one",
		Edits:     []Edit{{replicaRoom, "\t\t\t\tr.sendDurable(e, m)\n", "\t\t\t\tr.send(e, m)\n"}},
		Oracles:   lost,
		Precedent: "etcd-io/raft 3.7.0, AsyncStorageWrites: MsgVote is not among the messages that wait for storage"},
	{Name: "vote-not-stored", What: "the vote is left out of the stored hard state, so that a restarted node votes again in the term",
		Edits:     []Edit{{replicaRoom, "Vote: m.Vote, Commit: m.Commit}", "Vote: new(uint64(0)), Commit: m.Commit}"}},
		Oracles:   lost,
		Precedent: "canonical/raft issue 196: a reset vote makes it possible to vote twice in a term"},
	{Name: "vote-dropped-on-step-down", What: "a candidate that steps down in its term, from an election or from asking whether it would win the next, forgets its vote",
		Edits: []Edit{{raftModule, "func (r *raft) becomeFollower(term uint64, lead uint64) {\n",
			"func (r *raft) becomeFollower(term uint64, lead uint64) {\n\tif (r.state == StateCandidate || r.state == StatePreCandidate) && r.Term == term {\n\t\tr.Vote = None\n\t}\n"}},
		Oracles:   lost,
		Precedent: "microsoft/CCF issue 5891: a former candidate can vote twice in one term",
	},
	{Name: "commit-of-earlier-terms", What: "a leader commits entries of earlier terms by counting their replicas",
		Edits: []Edit{{raftModule, "return r.raftLog.maybeCommit(entryID{term: r.Term, index: r.trk.Committed()})",
			"at := r.trk.Committed()\n\tif at > r.raftLog.committed && r.raftLog.zeroTermOnOutOfBounds(r.raftLog.term(at)) <= r.Term {\n\t\tr.raftLog.commitTo(at)\n\t\treturn true\n\t}\n\treturn false"}},
		Oracles:   lost,
		Precedent: "Ongaro 2014, section 3.6.2 and figure 3.7"},
	{Name: "votes-of-the-outdated", What: "a voter does not compare logs: it elects candidates that lack what it has",
		Edits:     []Edit{{raftModule, "if canVote && r.raftLog.isUpToDate(candLastID) {", "if canVote {"}},
		Oracles:   lost,
		Precedent: "etcd-io/etcd issue 22442: votes for a log that lacks committed entries lose them"},
	{Name: "log-not-matched", What: "a follower accepts entries without comparing what lies before them",
		Edits: []Edit{{raftModule, "func (l *raftLog) matchTerm(id entryID) bool {\n",
			"func (l *raftLog) matchTerm(id entryID) bool {\n\tif id.index <= l.lastIndex() && id.index <= l.committed+2 {\n\t\treturn true\n\t}\n"}},
		Oracles:   lost,
		Precedent: "Jepsen, Redis-Raft 1b3fbf6 (2020): logs that parted after partitions lost updates"},
	{Name: "no-jitter", What: "all followers wait equally long before they campaign, and after it",
		Edits: []Edit{
			{replicaRoom, "r.elapsed, r.deadline = 0, wait+r.cfg.Random(2*wait+1)", "r.elapsed, r.deadline = 0, min(wait, t)"},
			{replicaRoom, "r.deadline = t + 2 + r.rank()*(t/4) + r.cfg.Random(t/8+1)", "r.deadline = t + 2"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleForm, sim.OracleFloor},
		Precedent: "Ongaro 2014, section 3.4: split votes without randomized timeouts"},
	{Name: "waiters-told-no", What: "a leader that steps down tells those who wait that their writes did not happen",
		Edits: []Edit{{replicaRoom, `flow.Errorf(flow.Unknown, "replica.Propose", "replica %v stopped leading", r.id)`,
			`flow.Errorf(flow.InvalidArgument, "replica.Propose", "replica %v stopped leading", r.id)`}},
		Oracles:   []sim.Oracle{sim.OracleHistory, sim.OracleError},
		Precedent: "databendlabs/openraft issue 2095: an error that means retry elsewhere, for an entry that may commit yet"},
}
