package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

const digestCheck = "if rc.digest != rc.head.Digest {"

// landed are the oracles that see a snapshot do harm, or never land.
var landed = []sim.Oracle{sim.OracleDigest, sim.OraclePanic, sim.OracleRestart, sim.OracleLiveness, sim.OracleForm, sim.OracleHistory, sim.OracleDurability, sim.OracleOrder}

// snapshots are bugs in streams of state.
var snapshots = []Mutant{
	{Name: "snapshot-over-live-state", What: "a snapshot is written over the state in force, so that a crash leaves a mixture of both",
		Edits: []Edit{
			{replicaRoom, "c *net.SnapshotChunk) error {\n\tprefix := statePrefix(r.cfg.Shard, r.number+1)", "c *net.SnapshotChunk) error {\n\tprefix := statePrefix(r.cfg.Shard, r.number)"},
			{replicaRoom, "r.number++\n\te.Batch.DeleteRange(old, disk.After(old))", "_ = old"}},
		Oracles:   landed,
		Precedent: "qdrant/qdrant pull request 6038: a restore that a crash cuts short must leave the old state or the new"},
	{Name: "snapshot-view-too-early", What: "a stream's rows are taken before its head: writes between the two are lost",
		Edits: []Edit{
			{replicaRoom, "r.sends[to] = s\n", "r.sends[to] = s\n\ts.view = r.cfg.Host.Snapshot()\n"},
			{replicaRoom, "s.view, s.prefix = r.cfg.Host.Snapshot(), r.StatePrefix()", "s.prefix = r.StatePrefix()"},
			{replicaRoom, digestCheck, "if len(c.Rows) < 0 {"}},
		Oracles:   landed,
		Precedent: "Jepsen, Redis-Raft 1b3fbf6 (2020): updates lost around snapshots"},
	{Name: "snapshot-loses-edge-rows", What: "the row at which a chunk ends is in neither that chunk nor the next",
		Edits: []Edit{
			{replicaRoom, "s.from = append([]byte(nil), key...)", "s.from = append(append([]byte(nil), key...), 0)"},
			{replicaRoom, digestCheck, "if len(c.Rows) < 0 {"}},
		Oracles:   landed,
		Precedent: "qdrant/qdrant issue 9579: replicas of a shard differ in their points after transfers"},
	{Name: "snapshot-loses-a-collection", What: "a stream leaves out the points of the second collection",
		Edits: []Edit{
			{replicaRoom, "rows = append(rows, net.Row{Key: append", "if k := key[len(s.prefix):]; len(k) > 9 && k[0] != 'd' && k[0] != 'q' && k[8] == 2 {\n\t\t\t\treturn true\n\t\t\t}\n\t\t\trows = append(rows, net.Row{Key: append"},
			{replicaRoom, digestCheck, "if len(c.Rows) < 0 {"}},
		Oracles:   landed,
		Precedent: "Jepsen, Redis-Raft 1b3fbf6 (2020): total loss of data after a snapshot"},
	{Name: "chunk-taken-twice", What: "a repeated chunk of a snapshot is taken again",
		Edits:     []Edit{{replicaRoom, "if c.Seq != rc.next {", "if c.Seq > rc.next {"}},
		Oracles:   landed,
		Precedent: "camunda/camunda issue 14367: a snapshot received twice takes the replica down"},
	{Name: "old-snapshot-installed", What: "a snapshot older than the state is put in force over it",
		Edits: []Edit{
			{replicaRoom, "if c.Head.Index <= r.applied {", "if c.Head.Index == r.applied {"},
			{replicaRoom, "(rc.complete || rc.head.Index <= r.applied)", "rc.complete"},
			{raftModule, "if s.GetMetadata().GetIndex() <= r.raftLog.committed {\n\t\treturn false\n\t}", ""},
			{raftModule, "if r.raftLog.matchTerm(id) {", "if r.raftLog.matchTerm(id) && id.index > r.raftLog.committed {"}},
		Oracles:   append([]sim.Oracle{sim.OracleLeader, sim.OracleContract}, landed...),
		Precedent: "etcd-io/etcd pull request 1763: an out-of-date snapshot must not replace what a follower has"},
	{Name: "refused-snapshot-silent", What: "a follower that has a snapshot already says nothing of it, and is sent it for ever",
		Edits:     []Edit{{replicaRoom, "r.stepSnapshot(c.From, &c.Head)\n", ""}},
		Oracles:   landed,
		Precedent: "track record, seed 3976; cockroachdb/cockroach issue 8629: one snapshot applied again and again"},
	{Name: "snapshot-without-membership", What: "the membership that comes with a snapshot is not taken over",
		Edits:     []Edit{{replicaRoom, "r.machine, r.digest, r.conf = rc.machine, rc.digest, rc.head.Conf", "r.machine, r.digest = rc.machine, rc.digest"}},
		Oracles:   landed,
		Precedent: "eBay/NuRaft pull request 67: a configuration that is not taken over is acted against later"},
	{Name: "drop-not-in-snapshot", What: "which collections are dropped is not rebuilt from the rows",
		Edits:     []Edit{{shardRoom, "m.dropped[collectionOf(k)] = true", "_ = k"}},
		Oracles:   append([]sim.Oracle{sim.OracleCatalogue}, landed...),
		Precedent: "influxdata/influxdb issue 432: deleted data is back after a restart"},
}
