package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

// applied are the oracles that see writes applied wrongly.
var applied = []sim.Oracle{sim.OracleHistory, sim.OracleDigest, sim.OracleDurability, sim.OraclePanic, sim.OracleRestart, "once"}

// writes are bugs in what becomes of a write and of its retries.
var writes = []Mutant{
	{Name: "retry-applied-twice", What: "a retry whose first copy is in the log already is applied again",
		Edits:     []Edit{{shardRoom, "if was, ok := m.dedup.results[c.Request]; ok {", "if was, ok := m.dedup.results[c.Request]; ok && len(was.result) == 0 {"}},
		Oracles:   applied,
		Precedent: "CurvineIO/curvine issue 676: a retry after a failover is applied as another entry"},
	{Name: "dedup-not-restored", What: "the table of applied requests is not rebuilt from its rows, at a restart or from a snapshot",
		Edits:     []Edit{{shardRoom, "\td.results[id] = r\n\td.bytes += len(r.result)\n\theap.Push(&d.order, id)\n}\n\n// restoreSummed", "\tif d.logTime != 0 {\n\t\td.results[id] = r\n\t\td.bytes += len(r.result)\n\t\theap.Push(&d.order, id)\n\t}\n}\n\n// restoreSummed"}},
		Oracles:   applied,
		Precedent: "databendlabs/openraft pull request 2096: the table of retries must be in snapshots"},
	{Name: "dedup-pruned-early", What: "requests are forgotten after a second, and retries of them taken for new ones",
		Edits: []Edit{
			{shardRoom, "(d.order[0].Time() <= d.floor ||", "(d.order[0].Time() <= d.logTime.Add(-time.Second) ||"},
			{shardRoom, "d.floor = max(d.floor, id.Time())\n", "_ = id\n"}},
		Oracles:   applied,
		Precedent: "Ongaro 2014, section 6.3: sessions that expire too early let a command be applied twice"},
	{Name: "cas-decided-at-propose", What: "compare-and-set is decided by the leader's state when it is proposed, not when it is applied",
		Edits: []Edit{
			{shardRoom, "if o, err := w.next(nil); err != nil || !o.id.Valid() || o.kind != flow.Upsert && o.kind != flow.Delete {\n\t\t\treturn malformed\n\t\t}",
				"o, err := w.next(nil)\n\t\tif err != nil || !o.id.Valid() || o.kind != flow.Upsert && o.kind != flow.Delete {\n\t\t\treturn malformed\n\t\t}\n\t\tif at, _ := m.Slot(w.collection, o.id); o.cond && o.ifVersion != Version(at) {\n\t\t\treturn flow.Errorf(flow.Conflict, \"shard.Admit\", \"version\")\n\t\t}"},
			{shardRoom, "case o.cond && o.ifVersion != version:", "case o.cond && o.ifVersion > version:"}},
		Oracles:   applied,
		Precedent: "Jepsen, RethinkDB 2.1.5 (2016): compare-and-set is linearizable only if it is decided in one order"},
	{Name: "cas-ignores-version", What: "compare-and-set on a point that was deleted and made again takes any version",
		Edits:     []Edit{{shardRoom, "case o.cond && o.ifVersion != version:", "case o.cond && (o.ifVersion == 0) != (version == 0):"}},
		Oracles:   applied,
		Precedent: "Jepsen, etcd and Consul (2014): compare-and-set by existence is not by version"},
	{Name: "timeout-called-failure", What: "a write without an answer in time is said not to have happened",
		Edits:     []Edit{{nodeRoom, "if p.uncertain || p.sentTo != 0 {", "if p.uncertain && p.attempt < 0 {"}},
		Oracles:   []sim.Oracle{sim.OracleHistory, sim.OracleDurability},
		Precedent: "Jepsen, Redis-Raft 1b3fbf6 (2020): aborted reads of writes that were said to have failed"},
	{Name: "results-out-of-order", What: "the results of a batch over several shards are given in the order of the shards",
		Edits:     []Edit{{nodeRoom, "op.results[at] = results[i]", "_ = at\n\t\top.results[i] = results[i]"}},
		Oracles:   append([]sim.Oracle{sim.OracleError, sim.OracleContract}, applied...),
		Precedent: "qdrant/qdrant issue 9578: replicas and answers that count differently over shards"},
	{Name: "drop-not-carried", What: "a drop is acknowledged before the shards' logs have it",
		Edits:     []Edit{{nodeRoom, "case len(ids) == 0:\n\t\t\tdone(outcome)", "case len(ids) >= 0:\n\t\t\tdone(outcome)"}},
		Oracles:   []sim.Oracle{sim.OracleCatalogue, sim.OracleHistory, sim.OracleDurability, sim.OracleError, sim.OracleLiveness},
		Precedent: "track record, seed 977: a write went into the former collection of the name"},
	{Name: "dropped-collection-written", What: "a shard takes writes to a collection that its log has dropped",
		Edits:     []Edit{{shardRoom, "if m.dropped[w.collection] {", "if m.dropped[w.collection] && w.ops == 0 {"}},
		Oracles:   []sim.Oracle{sim.OracleCatalogue, sim.OracleHistory, sim.OracleDurability, sim.OracleDigest, sim.OraclePanic, sim.OracleRestart},
		Precedent: "track record, seed 977"},
	{Name: "drop-waits-for-nobody", What: "a drop takes from the node's own copy of the state, which may be old or empty, which shards are to hear of it",
		Edits: []Edit{{nodeRoom, "case len(n.system().Placements) == 0:\n\t\t\tunconfirmed(n.noState())\n\t\t\treturn\n\t\tcase len(ids) == 0:", "case len(ids) == 0:"},
			{nodeRoom, "n.latestSystem(due, func(err *flow.Error) {\n\t\tids :=", "func(then func(*flow.Error)) { then(nil) }(func(err *flow.Error) {\n\t\tids :="}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleCatalogue, sim.OracleForm, sim.OracleHistory},
		Precedent: "track record, seeds 720, 3163, 3849 and 4340"},
}
