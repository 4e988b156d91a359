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
	{Name: "reply-taken-again", What: "a call is kept when it is answered, so that an answer which the network repeats is taken again",
		Edits:     []Edit{{nodeRoom, "\tdelete(n.calls.waiting, m.ID)\n", "\tc.due = 1 << 62\n"}},
		Oracles:   append([]sim.Oracle{sim.OracleContract, sim.OracleError}, lost...),
		Precedent: "none known by number: an answer that comes twice completes twice"},
	{Name: "ids-ahead-refused", What: "a request whose id is three seconds ahead of the shard's time is refused, where a minute is allowed",
		Edits:     []Edit{{shardRoom, "\tmaxAhead = time.Minute\n", "\tmaxAhead = 3 * time.Second\n"}},
		Oracles:   []sim.Oracle{sim.OracleError, sim.OracleFloor, sim.OracleLiveness, sim.OracleHistory},
		Precedent: "none known by number: clocks that are trusted to agree"},
	{Name: "age-by-ticks", What: "how old a replica's state is, is counted in ticks, not by its clock",
		Edits:     []Edit{{nodeRoom, "Now: n.cfg.Clock.Now, Wall", "Now: func() flow.Time { return flow.Time(n.ticks * 25e6) }, Wall"}},
		Oracles:   stale,
		Precedent: "none known by number: time that is counted in what may come late"},
	{Name: "long-frame-lost", What: "a frame of more than 24 KiB is not sent, and nobody is told",
		Edits:     []Edit{{nodeRoom, "\t\t\tn.cfg.Network.Send(f.To, net.Encode(&f))\n", "\t\t\tif b := net.Encode(&f); len(b) <= 24<<10 {\n\t\t\t\tn.cfg.Network.Send(f.To, b)\n\t\t\t}\n"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleForm, sim.OracleFloor},
		Precedent: "none known by number: a limit of the transport that its user does not know"},
	{Name: "retry-meets-itself", What: "a request that comes again while it is on its way is refused as if its id were used for another",
		Edits:     []Edit{{replicaRoom, "\t\tw.done = append(w.done, done)\n\t\treturn\n", "\t\tdone(Result{Err: flow.Errorf(flow.InvalidArgument, \"replica.Propose\", \"request id %v is in use\", request)})\n\t\treturn\n"}},
		Oracles:   []sim.Oracle{sim.OracleHistory, sim.OracleError, sim.OracleOnce},
		Precedent: "draft-ietf-httpapi-idempotency-key-header: a retry of what is still being processed is a conflict, not a failure"},
	{Name: "writes-counted-in-a-byte", What: "how often a point was written is counted in a byte, and the write at which the count wraps is thrown away",
		Edits:     thrownAway("uint8", " == 0"),
		Oracles:   differing,
		Precedent: "none known by number: a counter that is too narrow for what is hot"},
	{Name: "point-written-too-often", What: "a point can be written 640 times: of more, one in so many is thrown away",
		Edits:     thrownAway("int", "%640 == 0"),
		Oracles:   differing,
		Precedent: "apache/cassandra, tombstone_failure_threshold: a row that is written too often fails those who read it"},
	{Name: "retry-refused", What: "a retry of a request that was applied is refused as another's, unless all it did was to write one point",
		Edits: []Edit{{replicaRoom, "\t\tdone(Result{Index: r.applied, Result: result})\n",
			"\t\tif len(result) > 2 && (result[1] > 1 || result[2] == 0) {\n\t\t\tdone(Result{Err: flow.Errorf(flow.Conflict, \"replica.Propose\", \"request %v was applied\", request)})\n\t\t\treturn\n\t\t}\n\t\tdone(Result{Index: r.applied, Result: result})\n"}},
		Oracles:   []sim.Oracle{sim.OracleError, sim.OracleLiveness, sim.OracleOnce, sim.OracleHistory},
		Precedent: "apache/kafka KIP-98: a producer's retry of what is in the log already was an error (DUPLICATE_SEQUENCE_NUMBER)"},
	{Name: "search-memory-reclaimed", What: "the working memory of a search that takes more than two ticks is given to the next one",
		Edits: []Edit{
			{nodeRoom, "func (n *Node) takeSearcher() *searcher {\n",
				"func (n *Node) takeSearcher() (taken *searcher) {\n\tif len(n.lent) > 0 && n.ticks > n.lent[0].at+2 {\n\t\tw := n.lent[0]\n\t\tn.lent, w.at = append(n.lent[1:], w), n.ticks\n\t\treturn w\n\t}\n\tdefer func() { taken.at, n.lent = n.ticks, append(n.lent, taken) }()\n"},
			{nodeRoom, "\tclear(w.targets) // lets go of the views\n",
				"\tfor i := range n.lent {\n\t\tif n.lent[i] == w {\n\t\t\tn.lent = append(n.lent[:i:i], n.lent[i+1:]...)\n\t\t\tbreak\n\t\t}\n\t}\n\tclear(w.targets) // lets go of the views\n"},
			{nodeRoom, "type searcher struct {\n", "type searcher struct {\n\tat uint64\n"},
			nodeField("lent []*searcher")},
		Oracles:   []sim.Oracle{sim.OracleHistory, sim.OraclePanic, sim.OracleRestart, sim.OracleRecall},
		Precedent: "none known by number: a buffer that goes back to its pool while it is in use"},
	{Name: "distant-clock-refused", What: "frames of a node whose clock is 3.5 seconds off are dropped",
		Edits: []Edit{{nodeRoom, "\tif f == nil || f.ClusterID != n.identity.ClusterID ||",
			"\tif f == nil || f.Sent.Sub(n.cfg.Clock.Now()).Abs() > 3500*time.Millisecond || f.ClusterID != n.identity.ClusterID ||"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness, sim.OracleForm, sim.OracleFloor, sim.OracleHistory},
		Precedent: "cockroachdb/cockroach, --max-offset: a node whose clock is too far off ends itself"},
	{Name: "watchdog-bites", What: "a node that is not ticked for 300 ms takes itself for hung, and stops",
		Edits: []Edit{
			{nodeRoom, "\tn.ticks++\n\tstalled := n.stalled()\n",
				"\tn.ticks++\n\tnow := n.cfg.Clock.Now()\n\tif n.tickedAt != 0 && now.Sub(n.tickedAt) > 300*time.Millisecond {\n\t\tn.err = flow.Errorf(flow.Internal, \"node.Tick\", \"the loop of the node hung for %v\", now.Sub(n.tickedAt))\n\t\treturn\n\t}\n\tn.tickedAt = now\n\tstalled := n.stalled()\n"},
			nodeField("tickedAt flow.Time")},
		Oracles:   []sim.Oracle{sim.OracleRestart},
		Precedent: "none known by number: a watchdog that cannot tell a busy machine from a hung process"},
	{Name: "deadline-in-ticks", What: "the time of a request is counted in ticks, not by the clock",
		Edits: []Edit{
			{nodeRoom, "\treturn n.cfg.Clock.Now().Add(timeout)\n}\n\n// noState", "\treturn n.ticked().Add(timeout)\n}\n\nfunc (n *Node) ticked() flow.Time { return flow.Time(n.ticks) * flow.Time(n.cfg.Tuning.TickEvery) }\n\n// noState"},
			{nodeRoom, "func (n *Node) tickProposals() {\n\tnow := n.cfg.Clock.Now()", "func (n *Node) tickProposals() {\n\tnow := n.ticked()"},
			{nodeRoom, "func (n *Node) tickReads() {\n\tnow := n.cfg.Clock.Now()", "func (n *Node) tickReads() {\n\tnow := n.ticked()"},
			{nodeRoom, "func (n *Node) tickWaits() {\n\tnow := n.cfg.Clock.Now()", "func (n *Node) tickWaits() {\n\tnow := n.ticked()"},
			{nodeRoom, "left := op.due.Sub(n.cfg.Clock.Now())", "left := op.due.Sub(n.ticked())"},
			{nodeRoom, "func (n *Node) tickVerifies() {\n\tnow := n.cfg.Clock.Now()", "func (n *Node) tickVerifies() {\n\tnow := n.ticked()"}},
		Oracles:   []sim.Oracle{sim.OracleContract, sim.OracleLiveness},
		Precedent: "none known by number: time that is counted in what may come late"},
}

// thrownAway are the edits by which a write of a point is thrown away when a count of its
// writes, of some type, passes a test.
func thrownAway(counter, test string) []Edit {
	return []Edit{
		{shardRoom, "\tc.writes++\n\tif exists {", "\tc.writes++\n\tif c.counts == nil {\n\t\tc.counts = map[flow.PointID]" + counter + "{}\n\t}\n\tif c.counts[o.id]++; exists && c.counts[o.id]" + test + " {\n\t\treturn flow.OpResult{Status: flow.Applied, Version: slot >> slotOpBits}\n\t}\n\tif exists {"},
		{shardRoom, "\tdead map[uint64]uint64\n", "\tdead map[uint64]uint64\n\tcounts map[flow.PointID]" + counter + "\n"}}
}

// nodeField is the edit that gives the node another field.
func nodeField(field string) Edit {
	const last = "\tconfirmed, confirming bool\n"
	return Edit{nodeRoom, last, last + "\t" + field + "\n"}
}
