package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

// nodes are bugs in frames, calls, limits and time.
var nodes = []Mutant{
	{Name: "frame-checksum-unchecked", What: "the checksum of a frame is not checked",
		Edits:     []Edit{{"net", "if xxhash.Sum64(content) != binary.LittleEndian.Uint64(sum) || content[0] != Version {", "if len(sum) == 0 || content[0] != Version {"}},
		Oracles:   append([]sim.Oracle{sim.OracleContract, sim.OracleError, sim.OracleForm}, lost...),
		Precedent: "tikv/tikv issue 1397 and etcd-io/etcd issue 15704: messages that were changed on the way are taken"},
	{Name: "former-life-answers", What: "call ids begin anew with each start: an answer to a former life is taken for one to this",
		Edits:     []Edit{{nodeRoom, "n.calls.next = n.incarnation << 32\n", ""}},
		Oracles:   []sim.Oracle{sim.OracleIdentity, sim.OracleHistory, sim.OracleDurability, sim.OracleError, sim.OraclePanic, sim.OracleCatalogue},
		Precedent: "track record, seed 2038"},
	{Name: "sent-before-started", What: "a node talks before its incarnation is durable, so that two lives have one number",
		Edits:     []Edit{{nodeRoom, "if !n.started {", "if n.incarnation == 0 {"}},
		Oracles:   lost,
		Precedent: "track record, seed 2038"},
	{Name: "former-incarnation-accepted", What: "frames of a former life of their sender are taken",
		Edits:     []Edit{{nodeRoom, "if h.Incarnation < p.incarnation {\n\t\treturn false", "if h.Incarnation+1<<40 < p.incarnation {\n\t\treturn false"}},
		Oracles:   lost,
		Precedent: "none known by number: messages of a former session are applied to the new one"},
	{Name: "address-unchecked", What: "a message is taken by whoever it reaches: meant for another node, or for a former replica",
		Edits: []Edit{
			{nodeRoom, "f.To != n.identity.Node || ", ""},
			{replicaRoom, "if flow.ReplicaID(m.GetTo()) != r.id || m.GetType() == raftpb.MsgSnap {", "if m.GetType() == raftpb.MsgSnap {"}},
		Oracles:   lost,
		Precedent: "TigerBeetle: what was meant for another place. That of a row is the store's to check: both it and the row that it hit fail its checksum"},
	{Name: "clock-stops-ticks", What: "a node whose clock was set back does not count time until it is where it was",
		Edits: []Edit{
			{nodeRoom, "\tn.ticks++\n\tstalled", "\tif now := n.cfg.Clock.Now(); now <= n.lastTick {\n\t\treturn\n\t} else {\n\t\tn.lastTick = now\n\t}\n\tn.ticks++\n\tstalled"},
			{nodeRoom, "\tticks       uint64\n", "\tticks       uint64\n\tlastTick    flow.Time\n"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleFloor},
		Precedent: "none known by number: elections that depend on wall time"},
	{Name: "disk-full-not-refused", What: "a node with hardly any space goes on taking log entries and snapshots",
		Edits:     []Edit{{nodeRoom, "r.Step(m.M, n.fullDisk() && m.Shard != flow.SystemShard)", "r.Step(m.M, false)"}},
		Oracles:   lost,
		Precedent: "cockroachdb/cockroach issue 76295: a node that ran out of space crashed"},
	{Name: "queue-without-limit", What: "a node routes as many requests at a time as it is asked to",
		Edits:     []Edit{{nodeRoom, ">= n.cfg.Tuning.MaxRequests || q.bytes >= maxRequestBytes {", ">= n.cfg.Tuning.MaxRequests<<20 {\n\t\t_ = maxRequestBytes"}},
		Oracles:   []sim.Oracle{"bounds"},
		Precedent: "cockroachdb/cockroach issue 76295: what has no limit ends with the node"},
	{Name: "reads-hang", What: "a read whose node went silent is not asked elsewhere",
		Edits:     []Edit{{nodeRoom, "case n.ticks >= c.due || n.calls.lost[c.to]:", "case n.ticks >= c.due+1<<40:"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleForm, sim.OracleFloor},
		Precedent: "Jepsen, Redis-Raft 1b3fbf6 (2020): requests that are never answered"},
	{Name: "stuck-leader-speaks", What: "a leader whose disk hangs for good stays in office: it goes on as if it did not",
		Edits:     []Edit{{nodeRoom, "stalled := n.stalled()", "stalled := false"}, {nodeRoom, "if n.stalled() {\n\t\tn.fx.Send", "if n.err != nil {\n\t\tn.fx.Send"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleFloor},
		Precedent: "track record, seed 520102526898; hashicorp/raft pull request 683: heartbeats of a leader whose disk hangs keep it in office"},
	{Name: "rare-local-read", What: "one linearizable read in a hundred is served from the local state: the canary",
		Canary: true,
		Edits: []Edit{{replicaRoom, "read := &Read{fire: fire}\n\tr.reads.pending = append(r.reads.pending, read)",
			"read := &Read{fire: fire, index: r.applied}\n\tif r.cfg.Random(100) == 0 {\n\t\tr.reads.ready = append(r.reads.ready, read)\n\t\treturn read\n\t}\n\tr.reads.pending = append(r.reads.pending, read)"}},
		Oracles:   stale,
		Precedent: "TigerBeetle's simulator: a bug that is planted for good tells whether failures still arrive"},
}

// later are bugs of what is being built.
var later = []Mutant{}
