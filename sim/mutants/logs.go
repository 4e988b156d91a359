package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

// logs are bugs in what is stored of the log and of the applied state.
var logs = []Mutant{
	{Name: "replaced-tail-stays", What: "entries that a new leader's replace stay on disk beyond the new end of the log",
		Edits:     []Edit{{replicaRoom, "b.DeleteRange(logKey(l.shard, from), logKey(l.shard, l.last()+1))", "_ = from"}},
		Oracles:   lost,
		Precedent: "etcd-io/etcd issue 22442: entries that Raft had dropped come back when the log is read again"},
	{Name: "log-kept-under-snapshot", What: "a snapshot put in force leaves the old log on disk",
		Edits:     []Edit{{replicaRoom, "b.DeleteRange(groupKey(l.shard, tagLog), disk.After(groupKey(l.shard, tagLog)))\n", "_ = disk.After\n"}},
		Oracles:   lost,
		Precedent: "databendlabs/openraft pull request 753: entries under an installed snapshot may differ from what it holds"},
	{Name: "index-ahead-of-data", What: "the stored applied index runs ahead of the rows stored with it",
		Edits:     []Edit{{replicaRoom, "a := appliedRow{index: r.applied, term:", "a := appliedRow{index: max(r.applied, min(r.commit, r.applied+1)), term:"}},
		Oracles:   lost,
		Precedent: "etcd v3.5 data inconsistency (postmortem, etcd-io/etcd pull request 13967): consistent index not saved with the data"},
	{Name: "data-ahead-of-index", What: "the applied index is stored after every fourth entry only, so that a crash leaves it behind the rows",
		Edits:     []Edit{{replicaRoom, "if r.dirty {", "if r.dirty && r.applied%4 == 0 {"}},
		Oracles:   lost,
		Precedent: "etcd-io/etcd issue 11651: the applied index apart from the data, entries applied twice after a restart"},
	{Name: "half-batch", What: "a turn's batch reaches the disk in two parts, and a crash may keep the first alone",
		Edits: []Edit{{nodeRoom, "n.cfg.Disk.Apply(&n.fx.Batch, n.fx.Sync, done)",
			"half := &disk.Batch{}\n\tfor i, op := range n.fx.Batch.Ops() {\n\t\tif i == (n.fx.Batch.Len()+1)/2 {\n\t\t\tn.cfg.Disk.Apply(half, false, nil)\n\t\t\thalf = &disk.Batch{}\n\t\t}\n\t\tswitch op.Kind {\n\t\tcase disk.Put:\n\t\t\thalf.Put(op.Key, op.Value)\n\t\tcase disk.Delete:\n\t\t\thalf.Delete(op.Key)\n\t\tdefault:\n\t\t\thalf.DeleteRange(op.Key, op.Value)\n\t\t}\n\t}\n\tn.cfg.Disk.Apply(half, n.fx.Sync, done)"}},
		Oracles:   lost,
		Precedent: "neo4j/neo4j pull request 8726: a part of an append, left by a full disk, makes later recoveries fail"},
	{Name: "sync-error-swallowed", What: "a failed sync is taken for a good one",
		Edits:     []Edit{{nodeRoom, "if err != nil {\n\t\tn.err = flow.Errorf(flow.Internal, \"node.durable\"", "if err != nil && err == n.err {\n\t\tn.err = flow.Errorf(flow.Internal, \"node.durable\""}},
		Oracles:   lost,
		Precedent: "PostgreSQL, Fsync Errors (2018): a failed fsync that the next one does not report"},
	{Name: "cut-under-a-snapshot", What: "the log is cut under a member to which a snapshot is on its way",
		Edits: []Edit{
			{replicaRoom, "low = min(low, r.sends[to].head.Index) // or the stream would be for nothing", "_ = to"},
			{replicaRoom, "low = min(low, max(match, r.landing[to].index))", "_ = match"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleForm},
		Precedent: "cockroachdb/cockroach issue 8639: logs cut while a snapshot is under way, which is then for nothing",
		Needs:     "an oracle that counts snapshots sent for nothing: the follower lands all the same once the load ends"},
	{Name: "log-never-cut", What: "the log is never cut: it grows without a limit",
		Edits:     []Edit{{replicaRoom, "if low <= r.log.cutIndex {\n\t\treturn 0", "if low > 0 {\n\t\treturn 0"}},
		Oracles:   []sim.Oracle{"bounds"},
		Precedent: "cockroachdb/cockroach issue 76295: a log that was not cut grew until the node crashed"},
}
