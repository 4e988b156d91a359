package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

var member = append([]sim.Oracle{sim.OracleForm, sim.OracleFloor}, lost...)

// membership are bugs in who belongs to a group.
var membership = []Mutant{
	{Name: "membership-lost-at-restart", What: "the membership that is stored is the one of the replica's start",
		Edits:     []Edit{{replicaRoom, "digest: r.digest, conf: r.conf, meta:", "digest: r.digest, conf: r.log.conf, meta:"}},
		Oracles:   member,
		Precedent: "andy-yx-chen/jraft issue 1: a configuration is lost when its leader restarts"},
	{Name: "learners-lost-at-restart", What: "a restarted replica knows the voters and forgets the learners",
		Edits:     []Edit{{replicaRoom, "r.log.conf = a.conf", "r.log.conf = &raftpb.ConfState{Voters: a.conf.GetVoters()}"}},
		Oracles:   member,
		Precedent: "andy-yx-chen/jraft issue 1"},
	{Name: "two-changes-in-flight", What: "a second change of membership is taken while one is under way, and proposed: Raft refuses it, and the driver waits for the first",
		Edits: []Edit{
			{raftModule, "if alreadyPending {", "if alreadyPending && r.Term == 0 {"},
			{raftModule, "} else if alreadyJoint && !wantsLeaveJoint {", "} else if alreadyJoint && r.Term == 0 {"},
			{nodeRoom, "\treturn n.stepDue(stepConf, s)\n", "\treturn true\n"}},
		Oracles:   member,
		Precedent: "raft-dev, bug in single-server membership changes (Ongaro 2015); atomix/copycat issue 23"},
	{Name: "membership-at-append", What: "a replica acts on a change of membership when it stores it, before it is committed",
		Edits:     []Edit{{replicaRoom, "r.log.append(&e.Batch, entries)\n", "r.log.append(&e.Batch, entries)\n\t\tfor _, entry := range entries {\n\t\t\tif entry.GetType() == raftpb.EntryConfChangeV2 {\n\t\t\t\tcc := &raftpb.ConfChangeV2{}\n\t\t\t\tif proto.Unmarshal(entry.Data, cc) == nil {\n\t\t\t\t\tr.conf = r.raft.ApplyConfChange(cc)\n\t\t\t\t}\n\t\t\t}\n\t\t}\n"}},
		Oracles:   member,
		Precedent: "etcd-io/etcd issue 5004: when a change of membership takes force"},
	{Name: "learners-vote", What: "learners are asked for their votes in an election, and these count as any",
		Edits: []Edit{
			{raftModule, "\t\tidMap := r.trk.Voters.IDs()\n", "\t\tidMap := r.trk.Voters.IDs()\n\t\tfor id := range r.trk.Learners {\n\t\t\tidMap[id] = struct{}{}\n\t\t}\n"},
			{raftModule + "/tracker", "result := p.Voters.VoteResult(p.Votes)\n", "result := p.Voters.VoteResult(p.Votes)\n\tyes := 0\n\tfor _, v := range p.Votes {\n\t\tif v {\n\t\t\tyes++\n\t\t}\n\t}\n\tif yes > len(p.Voters[0])/2 {\n\t\tresult = quorum.VoteWon\n\t}\n"}},
		Oracles:   member,
		Precedent: "RedisLabs/raft pull request 13: votes and acknowledgments of members that do not vote"},
	{Name: "learners-commit", What: "an acknowledgment of a learner counts towards a commit as a voter's does",
		Edits: []Edit{{raftModule + "/tracker", "\treturn uint64(p.Voters.CommittedIndex(matchAckIndexer(p.Progress)))\n",
			"\tall := quorum.JointConfig{quorum.MajorityConfig{}, p.Voters[1]}\n\tfor id := range p.Voters[0] {\n\t\tall[0][id] = struct{}{}\n\t}\n\tat := uint64(all.CommittedIndex(matchAckIndexer(p.Progress)))\n\tfor id := range p.Learners {\n\t\tif len(all[0]) > 1 {\n\t\t\tfor voter := range p.Voters[0] {\n\t\t\t\tdelete(all[0], voter)\n\t\t\t\tall[0][id] = struct{}{}\n\t\t\t\tat = max(at, uint64(all.CommittedIndex(matchAckIndexer(p.Progress))))\n\t\t\t\tdelete(all[0], id)\n\t\t\t\tall[0][voter] = struct{}{}\n\t\t\t}\n\t\t}\n\t}\n\treturn at\n"}},
		Oracles:   append([]sim.Oracle{sim.OracleError}, member...),
		Precedent: "RedisLabs/raft pull request 13: votes and acknowledgments of members that do not vote"},
	{Name: "step-never-retried", What: "a move that was given up stays in the table, so that none is begun in its place",
		Edits:     []Edit{{"node/system", "\tdelete(m.Moves, shard)\n\tm.remove(rows, moveKey(shard))\n\treturn Result{Replica: mv.Add}\n", "\treturn Result{Replica: mv.Add}\n"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleForm},
		Precedent: "none known by number: a shard transfer that was aborted is not begun again by itself"},
	{Name: "learner-promoted-early", What: "a learner is made a voter before it has anything",
		Edits:     []Edit{{nodeRoom, "return active && match > 0 && match+caughtUpEntries >= r.Applied()", "return match+caughtUpEntries >= 0 || active"}},
		Oracles:   append([]sim.Oracle{"bounds"}, member...),
		Precedent: "Ongaro 2014, section 4.2.1: new servers catch up first, or availability suffers"},
	{Name: "removed-still-serves", What: "a replica that was moved away goes on serving", Oracles: member,
		Precedent: "cockroachdb/cockroach issue 32046: replicas that are no members any more", Needs: "moves that take a shard from a node that is well: today's moves add, or replace what is lost or broken"},
	{Name: "two-owners", What: "a shard is served by its old and its new owner", Oracles: member,
		Precedent: "Jepsen, RethinkDB 2.2.3 reconfiguration (2016): two leaders after a change of members", Needs: "moves that take a shard from a node that is well"},
	{Name: "empty-node-returns", What: "a node whose disk was lost comes back under its old identity and votes",
		Edits:     []Edit{{"node/system", "case n.Name == info.Name && n.Nonce == nonce:", "case n.Name == info.Name && (n.Nonce == nonce || replace):"}},
		Oracles:   lost,
		Precedent: "etcd-io/etcd documentation, data directory lost: the member is to be removed and added again"},
}
