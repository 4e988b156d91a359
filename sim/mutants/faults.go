package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

// faults are bugs that a quiet cluster never shows: each takes a certain fault, in which
// something that is usually so is not.
var faults = []Mutant{
	{Name: "reads-by-lease", What: "a leader serves linearizable reads for an election's time after a round of proof, by its own clock",
		Edits: []Edit{{replicaRoom, "\tread := &Read{fire: fire}\n\tr.reads.pending",
			"\tif q := &r.reads; r.Leading() && q.freshIndex > 0 && q.freshAt >= r.cfg.Now().Add(-time.Duration(r.cfg.Tuning.ElectionTicks)*25*time.Millisecond) {\n\t\treturn r.AtIndex(r.applied, fire)\n\t}\n\tread := &Read{fire: fire}\n\tr.reads.pending"}},
		Oracles:   []sim.Oracle{sim.OracleRead, sim.OracleHistory, sim.OracleDurability, sim.OracleCatalogue},
		Precedent: "etcd-io/raft, ReadOnlyLeaseBased: a lease is only as good as the clocks"},
	{Name: "read-error-is-absence", What: "a payload that cannot be read is answered as one that is not there",
		Edits:     []Edit{{nodeRoom, "p.Payload = payload\n\t\treturn err", "p.Payload = payload\n\t\tif err != nil {\n\t\t\terr = nil\n\t\t}\n\t\treturn err"}},
		Oracles:   []sim.Oracle{sim.OracleHistory},
		Precedent: "none known by number: an error that is taken for an empty result"},
	{Name: "delete-lost-during-build", What: "a point that was deleted while its segment's graph was built is live again once that is attached",
		Edits:     []Edit{{"index", "if old.isDead(i) {\n\t\t\t\tb.kill(row)", "if old.isDead(i) && x.segments == nil {\n\t\t\t\tb.kill(row)"}},
		Oracles:   []sim.Oracle{sim.OracleHistory, sim.OracleDurability, sim.OracleRestart, sim.OraclePanic, sim.OracleDigest},
		Precedent: "qdrant/qdrant pull request 7400: points deleted while an optimizer ran"},
	{Name: "checkpoint-noted-late", What: "the digest of a checkpoint is taken by a job, from what the state has become by then",
		Edits: []Edit{{replicaRoom, "case entryCheckpoint:\n\t\tr.note()",
			"case entryCheckpoint:\n\t\tat := r.applied\n\t\tr.cfg.Host.Do(1, func() {}, func() {\n\t\t\tr.noted = append(r.noted, net.NotedDigest{Shard: r.cfg.Shard, Index: at, Digest: r.Digest()})\n\t\t})"}},
		Oracles:   []sim.Oracle{sim.OracleDigest, sim.OracleLiveness},
		Precedent: "none known by number: consistency checks that compare states of two moments"},
	{Name: "id-of-the-lost-given-again", What: "a node's id is how many there are and one: that of a node that is lost is given again",
		Edits:     []Edit{{"node/system", "m.lastNode++\n", "m.lastNode = flow.NodeID(len(m.Nodes) + 1)\n"}},
		Oracles:   []sim.Oracle{sim.OracleIdentity, sim.OracleVote, sim.OraclePlacement, sim.OracleLiveness, sim.OraclePanic, sim.OracleCommitted, sim.OracleCompleteness, sim.OracleRestart, sim.OracleForm, sim.OraclePersist},
		Precedent: "etcd-io/etcd documentation, data directory lost: the member is to be removed and added again, under a new id"},
}
