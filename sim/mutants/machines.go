package mutants

import "github.com/ruvector-flow/ruvector-flow/sim"

var differing = []sim.Oracle{sim.OracleDigest, sim.OracleHistory, sim.OracleDurability, sim.OraclePanic, sim.OracleRestart, sim.OracleError}

// machines are bugs in the state that the log makes.
var machines = []Mutant{
	{Name: "apply-reads-clock", What: "applying a command takes the time from the replica's clock, not from the command",
		Edits:     []Edit{{replicaRoom, "Command{Request: v.request, Time: v.time, Body: v.body}", "Command{Request: v.request, Time: r.cfg.Now(), Body: v.body}"}},
		Oracles:   differing,
		Precedent: "Ongaro 2014, section 6.3: state machines must be deterministic, time comes in the command"},
	{Name: "apply-by-map-order", What: "a full table of requests forgets whichever the map gives first",
		Edits: []Edit{
			{shardRoom, "maxDedupEntries = 1 << 16", "maxDedupEntries = 1 << 5"},
			{shardRoom, "id := heap.Pop(&d.order).(flow.RequestID)\n", "id := heap.Pop(&d.order).(flow.RequestID)\n\t\tif len(d.order) > 0 && len(d.results)%2 == int(id.Time())%2 {\n\t\t\tfor other := range d.results {\n\t\t\t\tif i := slices.Index(d.order, other); i >= 0 {\n\t\t\t\t\td.order[i], id = id, other\n\t\t\t\t\theap.Init(&d.order)\n\t\t\t\t}\n\t\t\t\tbreak\n\t\t\t}\n\t\t}\n"},
			{shardRoom, "\"container/heap\"\n", "\"container/heap\"\n\t\"slices\"\n"}},
		Oracles:   differing,
		Precedent: "qdrant/qdrant issue 9575: replaying a log is not a function of the log"},
	{Name: "delete-lost-in-index", What: "a deleted or replaced vector stays in the index",
		Edits:     []Edit{{"index", "b.kill(row)\n\tx.blockBytes += b.bytes() - before", "if slot>>16%3 != 0 {\n\t\tb.kill(row)\n\t}\n\tx.blockBytes += b.bytes() - before"}},
		Oracles:   differing,
		Precedent: "qdrant/qdrant issue 4627: deleted points appear in searches"},
	{Name: "delete-lost-on-disk", What: "the row of a deleted point stays on disk, and is a point again after a restart",
		Edits:     []Edit{{shardRoom, "rows.Delete(idKey(id, p), idHash)\n", "if old.slot>>slotOpBits%3 != 0 {\n\t\trows.Delete(idKey(id, p), idHash)\n\t}\n"}},
		Oracles:   differing,
		Precedent: "qdrant/qdrant issue 9575 and influxdata/influxdb issue 432: deleted data is back after a restart"},
	{Name: "delete-of-absent-counted", What: "the delete of a point that is not there is said to have been applied",
		Edits:     []Edit{{shardRoom, "return flow.OpResult{Status: flow.Absent}", "return flow.OpResult{Status: flow.Applied, Version: slot >> slotOpBits}"}},
		Oracles:   differing,
		Precedent: "qdrant/qdrant issue 4627: deletions and what replicas make of them"},
	{Name: "block-loses-row", What: "a block of vectors loses its last row when it is sealed",
		Edits:     []Edit{{"index", "if tail.full() {", "if tail.full() {\n\t\ttail.kill(len(tail.slots) - 1)"}},
		Oracles:   differing,
		Precedent: "none known by number: growing segments lose rows when they are sealed"},
	{Name: "distance-of-stale-bound", What: "a search keeps the bound of its first k hits and misses nearer ones that tie with it",
		Edits:     []Edit{{"index", "t.bound = t.heap[0].Distance", "t.bound = math.Nextafter32(t.heap[0].Distance, -math.MaxFloat32)"}},
		Oracles:   differing,
		Precedent: "manticoresoftware/manticoresearch issue 4015: hits that tie are answered differently"},
	{Name: "dimension-not-checked", What: "the hash of an id routes a third of its points to the next shard after a write",
		Edits:     []Edit{{nodeRoom, "s := flow.ShardID(ring.Find(starts, ring.Hash(id)) + 1)", "s := flow.ShardID(ring.Find(starts, ring.Hash(id)+1<<61) + 1)"}},
		Oracles:   differing,
		Precedent: "qdrant/qdrant issue 5101: points are not found where a query looks for them"},
}

// segments are bugs of the graph index and of filters.
var segments = []Mutant{
	{Name: "unseeded-levels", What: "the levels of a graph are drawn, not hashed from the id: replicas build different graphs",
		Edits: []Edit{
			{"index", "graph.LevelOf(xxhash.Sum64String(string(id)), m)", "graph.LevelOf(xxhash.Sum64String(string(id))^b.epoch*0x9e3779b97f4a7c15, m)"},
			{"index", "row     int // and its next row\n", "row     int\n\tdrawn   uint64\n"},
			{"index", "b := &Builder{cfg: x.cfg, segment: s}", "b := &Builder{cfg: x.cfg, segment: s, drawn: x.epoch}"},
			{"index", "b.out = newMatrix(b.cfg, b.rows, b.idBytes, 0)", "b.out = newMatrix(b.cfg, b.rows, b.idBytes, b.drawn)"}},
		Oracles:   differing,
		Precedent: "manticoresoftware/manticoresearch issue 4015: replicas give different hits for one query"},
	{Name: "delete-lost-at-merge", What: "points that were deleted since their segment was cut are live again when it is merged",
		Edits:     []Edit{{"index", "b.absent, b.nAbsent = slices.Clone(b.dead), b.nDead", "b.dead, b.nDead = slices.Clone(b.absent), b.nAbsent"}},
		Oracles:   differing,
		Precedent: "qdrant/qdrant pull request 7400: what is left of deleted points after a repair of segments"},
	{Name: "point-lost-at-cut", What: "the last point of the head is lost when the head is cut into a segment",
		Edits: []Edit{{"index", "s := &segment{id: id}\n\tx.adopt(s, lo, len(x.sealed))",
			"s := &segment{id: id}\n\tif b := x.sealed[len(x.sealed)-1].clone(x.epoch); b.live() > 1 {\n\t\tb.kill(b.nextLive(len(b.slots)-1, -1))\n\t\tx.replace(len(x.sealed)-1, len(x.sealed), b)\n\t}\n\tx.adopt(s, lo, len(x.sealed))"}},
		Oracles:   differing,
		Precedent: "none known by number: growing segments lose rows when they are sealed"},
}
