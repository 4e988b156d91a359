package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

// lone are bugs that one oracle alone sees.
var lone = []Mutant{
	{Name: "frame-buffer-reused", What: "long frames are written into one buffer, which the network still reads when the next one is",
		Edits: []Edit{
			{nodeRoom, "\t\t\tn.cfg.Network.Send(f.To, net.Encode(&f))\n", "\t\t\tb := net.Encode(&f)\n\t\t\tif len(b) > 2000 {\n\t\t\t\tn.frame = append(n.frame[:0], b...)\n\t\t\t\tb = n.frame\n\t\t\t}\n\t\t\tn.cfg.Network.Send(f.To, b)\n"},
			{nodeRoom, "\tticks       uint64\n", "\tticks       uint64\n\tframe       []byte\n"}},
		Oracles:   []sim.Oracle{sim.OracleContract},
		Precedent: "none known by number: a buffer goes back to its pool while somebody reads it"},
	{Name: "commit-shown-by-the-log", What: "a replica reports the end of its log as what is committed",
		Edits:     []Edit{{replicaRoom, "Applied: r.applied, Commit: r.commit, FirstIndex", "Applied: r.applied, Commit: r.log.last(), FirstIndex"}},
		Oracles:   []sim.Oracle{sim.OracleOrder, sim.OracleLiveness},
		Precedent: "none known by number: what is only proposed is shown as done"},
	{Name: "epoch-not-raised", What: "a shard's epoch stays when one of its replicas is replaced",
		Edits:     []Edit{{"node/system", "\tp.Epoch++\n", ""}},
		Oracles:   []sim.Oracle{sim.OraclePlacement},
		Precedent: "none known by number: a change of who serves a shard that caches cannot tell from the one before"},
	{Name: "links-one-way", What: "a new row of a graph links to its neighbours, and they do not link back",
		Edits:     []Edit{{"index/graph", "b.back = append(b.back, edge{layer: l, from: n, to: node, distance: distances[j]})", "_, _, _ = n, node, distances[j]"}},
		Oracles:   []sim.Oracle{sim.OracleRecall},
		Precedent: "Malkov and Yashunin 2016, algorithm 1: connections are added in both directions"},
	{Name: "short-time-refused", What: "a read or write that gives less time than some elections take is refused at once",
		Edits: []Edit{
			{nodeRoom, "\tif err := n.admit(); err != nil {\n\t\tdone(nil, nil, err)", "\tif err := n.admit(); err != nil || opts.Timeout < 4e9 {\n\t\tif err == nil {\n\t\t\terr = flow.Errorf(flow.Unavailable, \"node.read\", \"too little time\")\n\t\t}\n\t\tdone(nil, nil, err)"},
			{nodeRoom, "\tif err := n.admit(); err != nil {\n\t\trefuse(err)", "\tif err := n.admit(); err != nil || req.Timeout < 4e9 {\n\t\tif err == nil {\n\t\t\terr = flow.Errorf(flow.Unavailable, \"node.write\", \"too little time\")\n\t\t}\n\t\trefuse(err)"}},
		Oracles:   []sim.Oracle{sim.OracleFloor, sim.OracleLiveness},
		Precedent: "none known by number: a guard against late answers that leaves none"},
	{Name: "session-token-expires", What: "a replica takes a session token for one of another history when it is older than the latter half of the log, and does not answer it",
		Edits:     []Edit{{nodeRoom, "if r == nil || s == flow.SystemShard || r.Applied() == 0 {\n\t\t\tcontinue", "if old := q.Token.Index(s); r == nil || s == flow.SystemShard || r.Applied() == 0 || q.Level == flow.Session && old > 0 && 2*old < r.Applied() {\n\t\t\tcontinue"}},
		Oracles:   []sim.Oracle{sim.OracleLiveness},
		Precedent: "none known by number: a session that is older than what a replica keeps"},
	{Name: "start-refuses", What: "a process refuses reads and writes for the first 20 s, lest it answer before it has caught up",
		Edits:     []Edit{{nodeRoom, "\tif q.open >= n.cfg.Tuning.MaxRequests ||", "\tif n.ticks < 800 {\n\t\treturn flow.Errorf(flow.Unavailable, \"node.Serve\", \"node %v has just started\", n.identity.Name)\n\t}\n\tif q.open >= n.cfg.Tuning.MaxRequests ||"}},
		Oracles:   []sim.Oracle{sim.OracleFloor, sim.OracleLiveness},
		Precedent: "none known by number: a guard for rare starts that every start pays for"},
	{Name: "moves-begin-late", What: "the system leader begins no move in its process's first 31 s, so that nodes may come back, nor in a new cluster",
		Edits:     []Edit{{nodeRoom, "\tif n.ticks < n.moves.idleUntil ||", "\tif n.ticks < 1240 || n.ticks < n.moves.idleUntil ||"}},
		Oracles:   []sim.Oracle{sim.OracleForm, sim.OracleLiveness},
		Precedent: "none known by number: a delay before lost replicas are replaced that new ones wait for, too"},
	{Name: "votes-by-term-alone", What: "a voter compares the terms of the last entries, not how many entries there are",
		Edits:     []Edit{{raftModule, "their.term == our.term && their.index >= our.index\n", "their.term == our.term\n"}},
		Oracles:   lost,
		Precedent: "Ongaro 2014, section 3.6.1: of two logs that end in one term the longer is the more up to date"},
	{Name: "version-raised-alone", What: "the leader raises the cluster's version as soon as it understands the next one itself, and older processes go on with what they can read of it",
		Edits: []Edit{
			{nodeRoom, announced, "if next > n.cfg.FormatVersion {"},
			{nodeRoom, promised, " || n.formats.promised < next {"},
			{replicaRoom, "if format > newest {", "if format > newest+1 {"}},
		Oracles:   []sim.Oracle{sim.OracleVersion, sim.OraclePanic, sim.OracleRestart},
		Precedent: migrationRFC + "a version may only be active that every node runs"},
}
