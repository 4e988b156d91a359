package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

// Places in the code of snapshots that several bugs change.
const (
	digestCheck   = "if rc.digest != rc.head.Digest {"
	noDigestCheck = "if len(c.Rows) < 0 {"
	chunkMade     = "s.chunk = &net.SnapshotChunk{"
	headNow       = "net.SnapshotHead{Term: s.head.Term, Index: r.applied, IndexTerm: r.appliedTerm, Digest: r.digest, Meta: r.machine.Meta(), Conf: r.conf}"
	rowSent       = "rows = append(rows, net.Row{Key: append"
)

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
			{replicaRoom, chunkMade, "if s.seq == 0 {\n\t\t\ts.head = " + headNow + "\n\t\t}\n\t\t" + chunkMade},
			{replicaRoom, digestCheck, noDigestCheck}},
		Oracles:   landed,
		Precedent: "Jepsen, Redis-Raft 1b3fbf6 (2020): updates lost around snapshots"},
	{Name: "writes-lost-at-cut-over", What: "a state is put in force at the index that its sender has when the last chunk leaves: writes since the first are lost",
		Edits: []Edit{
			{replicaRoom, chunkMade, "if s.seq > 0 && whole && !more {\n\t\t\ts.head = " + headNow + "\n\t\t}\n\t\t" + chunkMade},
			{replicaRoom, "rc.next++\n", "rc.next++\n\trc.head = c.Head\n"},
			{replicaRoom, digestCheck, noDigestCheck}},
		Oracles:   landed,
		Precedent: "Jepsen, RethinkDB 2.2.3 reconfiguration (2016): writes during a move are in neither copy"},
	{Name: "snapshot-without-dedup", What: "a stream leaves out the table of applied requests",
		Edits: []Edit{
			{replicaRoom, rowSent, "if k := key[len(s.prefix):]; len(k) == 17 && (k[0] == 'd' || k[0] == 'e') {\n\t\t\t\treturn true\n\t\t\t}\n\t\t\t" + rowSent},
			{replicaRoom, digestCheck, noDigestCheck},
			{replicaRoom, "r.machine, r.digest, r.conf = rc.machine, rc.digest, rc.head.Conf", "r.machine, r.digest, r.conf = rc.machine, rc.head.Digest, rc.head.Conf"}},
		Oracles:   append([]sim.Oracle{sim.OracleOnce}, landed...),
		Precedent: "databendlabs/openraft pull request 2096: the table of retries must be in snapshots"},
	{Name: "snapshot-loses-edge-rows", What: "the row at which a chunk ends is in neither that chunk nor the next",
		Edits: []Edit{
			{replicaRoom, "s.from = append([]byte(nil), key...)", "s.from = append(append([]byte(nil), key...), 0)"},
			{replicaRoom, digestCheck, noDigestCheck}},
		Oracles:   landed,
		Precedent: "qdrant/qdrant issue 9579: replicas of a shard differ in their points after transfers"},
	{Name: "snapshot-loses-a-collection", What: "a stream leaves out the points of the second collection",
		Edits: []Edit{
			{replicaRoom, rowSent, "if k := key[len(s.prefix):]; len(k) > 9 && k[0] != 'd' && k[0] != 'q' && k[8] == 2 {\n\t\t\t\treturn true\n\t\t\t}\n\t\t\t" + rowSent},
			{replicaRoom, digestCheck, noDigestCheck}},
		Oracles:   landed,
		Precedent: "Jepsen, Redis-Raft 1b3fbf6 (2020): total loss of data after a snapshot"},
	{Name: "chunk-taken-twice", What: "a repeated chunk of a snapshot is taken again, and nothing else tells that its rows are out of order",
		Edits: []Edit{
			{replicaRoom, "if c.Seq != rc.next {", "if c.Seq > rc.next {"},
			{shardRoom, "len(m.scratch) != c.dim || slot < c.restoring.last ||", "len(m.scratch) != c.dim ||"},
			{replicaRoom, digestCheck, noDigestCheck}},
		Oracles:   landed,
		Precedent: "camunda/camunda issue 14367: a snapshot received twice takes the replica down"},
	{Name: "old-snapshot-installed", What: "a snapshot older than the state is put in force over it",
		Edits: []Edit{
			{replicaRoom, "if c.Head.Index <= r.applied {", "if c.Head.Index == r.applied {"},
			{replicaRoom, "(rc.complete || rc.head.Index <= r.applied)", "rc.complete"},
			{raftModule, "if s.GetMetadata().GetIndex() <= r.raftLog.committed {\n\t\treturn false\n\t}", ""},
			{raftModule, "if r.raftLog.matchTerm(id) {", "if r.raftLog.matchTerm(id) && id.index > r.raftLog.committed {"}},
		Oracles:   append([]sim.Oracle{sim.OracleContract}, landed...),
		Precedent: "etcd-io/etcd pull request 1763: an out-of-date snapshot must not replace what a follower has"},
	{Name: "snapshot-end-not-told", What: "Raft is told of a snapshot's end neither by its sender nor by its receiver (either makes up for the other, and for a refusal that says nothing)",
		Edits: []Edit{
			{replicaRoom, "r.stepSnapshot(c.From, &c.Head)\n", ""},
			{replicaRoom, "r.raft.ReportSnapshot(uint64(s.to), status)", "if failed {\n\t\t\tr.raft.ReportSnapshot(uint64(s.to), status)\n\t\t}"},
			{raftModule, "r.id, r.raftLog.committed, sindex, sterm)\n\t\tr.send(&pb.Message{To: m.From, Type: pb.MsgAppResp.Enum(), Index: new(r.raftLog.lastIndex())})", "r.id, r.raftLog.committed, sindex, sterm)"}},
		Oracles:   append([]sim.Oracle{sim.OracleBounds}, landed...),
		Precedent: "track record, seed 3976; cockroachdb/cockroach issue 8629: one snapshot applied again and again; etcd-io/raft, ReportSnapshot: a follower whose snapshot's end is not reported stays in limbo"},
	{Name: "snapshot-without-membership", What: "the membership that comes with a snapshot is not taken over",
		Edits:     []Edit{{replicaRoom, "r.machine, r.digest, r.conf = rc.machine, rc.digest, rc.head.Conf", "r.machine, r.digest = rc.machine, rc.digest"}},
		Oracles:   landed,
		Precedent: "eBay/NuRaft pull request 67: a configuration that is not taken over is acted against later"},
	{Name: "drop-not-in-snapshot", What: "which collections are dropped is not rebuilt from the rows",
		Edits:     []Edit{{shardRoom, "m.dropped[collectionOf(k)] = true", "_ = k"}},
		Oracles:   append([]sim.Oracle{sim.OracleCatalogue}, landed...),
		Precedent: "influxdata/influxdb issue 432: deleted data is back after a restart"},
}
