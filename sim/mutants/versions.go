package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

const (
	migrationRFC     = "cockroachdb/cockroach docs/RFCS/20170815_version_migration.md: "
	idempotencyDraft = "draft-ietf-httpapi-idempotency-key-header: a key that comes again with another payload is an error"
	announced        = "if next > n.cfg.FormatVersion || !n.all(func(p *peer) bool { return p.newest >= next }) {"
	promised         = " || n.formats.promised < next || !n.all(func(p *peer) bool { return p.status != nil && p.status.Promised >= next }) {"
)

// versions are bugs of clusters that are being upgraded.
var versions = []Mutant{
	{Name: "old-version-drops-field", What: "a new node writes commands of its own version while an old one is a member, which drops the field that it does not know",
		Edits: []Edit{
			{nodeRoom, "shard.EncodeWrite(n.writes(), ", "shard.EncodeWrite(n.cfg.FormatVersion, "},
			{replicaRoom, "if format > newest {", "if format > newest+1 {"},
			{shardRoom, "\tif was, ok := m.dedup.results[c.Request]; ok {\n", "\tif format > m.newest {\n\t\tw.sum = 0\n\t}\n\tif was, ok := m.dedup.results[c.Request]; ok {\n"}},
		Oracles:   []sim.Oracle{sim.OracleDigest, sim.OracleHistory, sim.OracleOnce, sim.OracleDurability},
		Precedent: "etcd-io/etcd issue 13514: members of two versions part"},
	{Name: "old-version-meets-command", What: "a new node writes commands of its own version while an old one is a member",
		Edits:     []Edit{{nodeRoom, "shard.EncodeWrite(n.writes(), ", "shard.EncodeWrite(n.cfg.FormatVersion, "}},
		Oracles:   []sim.Oracle{sim.OraclePanic, sim.OracleError, sim.OracleRestart},
		Precedent: migrationRFC + "what is new must wait until every node understands it"},
	{Name: "version-raised-too-early", What: "the leader raises the cluster's version as soon as it understands the next one itself",
		Edits: []Edit{
			{nodeRoom, announced, "if next > n.cfg.FormatVersion {"},
			{nodeRoom, promised, " || n.formats.promised < next {"}},
		Oracles:   []sim.Oracle{sim.OracleVersion, sim.OraclePanic, sim.OracleRestart},
		Precedent: migrationRFC + "a version may only be active that every node runs"},
	{Name: "version-raised-unpromised", What: "the leader raises the cluster's version when all members understand the next one, without their promise to go on doing so",
		Edits:     []Edit{{nodeRoom, promised, " || n.formats.promised < next {"}},
		Oracles:   []sim.Oracle{sim.OracleVersion, sim.OraclePanic, sim.OracleRestart},
		Precedent: migrationRFC + "a node may be taken back between the look and the bump"},
	{Name: "version-promise-unchecked", What: "a node starts under a version that its data directory was promised never to be opened under",
		Edits:     []Edit{{nodeRoom, "if newest := n.cfg.FormatVersion; promised > newest {", "if newest := n.cfg.FormatVersion; promised > newest+1 {"}},
		Oracles:   []sim.Oracle{sim.OracleVersion, sim.OraclePanic, sim.OracleRestart, sim.OracleLiveness},
		Precedent: migrationRFC + "a store remembers which version has used it"},
	{Name: "reused-id-answered", What: "a request id that is used again for other operations is answered as the first ones were",
		Edits:     []Edit{{shardRoom, "if sum != 0 && r.sum != 0 && sum != r.sum {", "if sum != 0 && r.sum != 0 && sum == r.sum+1 {"}},
		Oracles:   []sim.Oracle{sim.OracleOnce},
		Precedent: idempotencyDraft},
	{Name: "checksum-not-restored", What: "the checksum of a request's operations is forgotten at a restart, and with a snapshot",
		Edits:     []Edit{{shardRoom, "remembered{sum: binary.LittleEndian.Uint64(value), result: bytes.Clone(value[sumBytes:])}", "remembered{result: bytes.Clone(value[sumBytes:])}"}},
		Oracles:   []sim.Oracle{sim.OracleOnce, sim.OracleDigest},
		Precedent: idempotencyDraft},
	{Name: "message-in-own-version", What: "a node sends what it understands itself, not what the other one does",
		Edits:     []Edit{{nodeRoom, "return min(n.cfg.FormatVersion, p.newest)", "return n.cfg.FormatVersion"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleForm, sim.OracleFloor},
		Precedent: "apache/kafka KIP-35: a broker that got a request of a later version could only end the connection"},
	{Name: "upgrade-refused", What: "a new program refuses a data directory that an old one has used, which does not say of which version it is",
		Edits: []Edit{{nodeRoom, "\tcase ok && len(b) != 1:\n\t\treturn flow.Errorf(flow.Corrupt, \"node.New\", \"the record of the format",
			"\tcase !ok && n.cfg.FormatVersion > flow.OldestFormat:\n\t\tif _, started, _ := n.cfg.Disk.Get(incarnationKey); started {\n\t\t\treturn flow.Errorf(flow.Conflict, \"node.New\", \"the data directory does not say of which format version it is\")\n\t\t}\n\t\tn.fx.Batch.Put(formatKey, []byte{byte(flow.OldestFormat)})\n\tcase ok && len(b) != 1:\n\t\treturn flow.Errorf(flow.Corrupt, \"node.New\", \"the record of the format"}},
		Oracles:   []sim.Oracle{sim.OracleRestart, sim.OracleLiveness},
		Precedent: migrationRFC + "a store that says nothing of its version is one of the first"},
}
