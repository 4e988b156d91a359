package node

import (
	"maps"
	"math"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// upkeep is what the node does for the graphs of its shards. Which segments there are
// and what their graphs must be is replicated state; who leads a shard proposes its
// changes (nextStep). Where the graphs come from is each node's business: the leader
// builds them, the others fetch the bytes, and a restart loads them from the store. A
// graph is searched once its digest is the one in the log, and never before.
//
// All of this may be lost at any moment and begins again from the segment table.
type upkeep struct {
	shards map[flow.ShardID]*shardUpkeep
	// builds and transfers are how many are under way, buildBytes what the builds hold.
	builds, transfers int
	buildBytes        uint64
	storing           []*graph
}

func (u *upkeep) init() { u.shards = map[flow.ShardID]*shardUpkeep{} }

// shardUpkeep is the upkeep of one replica.
type shardUpkeep struct {
	shard flow.ShardID
	// machine is whose graphs these are: another one after a snapshot.
	machine *shard.Machine
	leading bool
	slices  map[flow.CollectionID]*slice
	// active holds the slices that may have something to do.
	active map[flow.CollectionID]bool
	// segments, attached and bad are counts over the slices, for the status.
	segments, attached, bad int
}

// slice is a shard's part of a collection.
type slice struct {
	su *shardUpkeep
	id flow.CollectionID
	// graphs holds one for every row of the segment table.
	graphs map[index.SegmentID]*graph
	// writes is what the machine counted at tick writtenAt, when it last rose.
	writes    uint64
	writtenAt uint64
	// flying says that a proposed step has no answer yet.
	flying bool
}

// graphState says what becomes of a segment's graph.
type graphState uint8

const (
	graphWanted   graphState = iota // nothing is under way
	graphBusy                       // a job or a call is
	graphReady                      // built here, the log has no digest yet
	graphAttached                   // searched
	graphRejected                   // built here, and not what the log says
)

// graph is the graph of a segment, wanted or there.
type graph struct {
	slice *slice
	id    index.SegmentID
	state graphState
	// gone says that the segment is, or the replica: what is under way is for nothing.
	gone bool
	// stored describes what the store holds of it, nil for nothing.
	stored *storedGraph
	// bad says that what was found of it was damaged or wrong.
	bad bool
	// wantedAt is when its digest was first known here, nextTry when to do more for it.
	wantedAt, nextTry uint64
	// sources counts the nodes asked for it.
	sources int
	builder *index.Builder
	built   *index.Built // until it is attached; then its digest is enough
	digest  uint64
	// data is its encoded form, until it is stored; next is the part to be stored next.
	data []byte
	next int
}

// tickUpkeep looks at every slice that may have something to do.
func (n *Node) tickUpkeep() {
	for _, s := range slices.Sorted(maps.Keys(n.upkeep.shards)) {
		if su := n.upkeep.shards[s]; n.shard(s) != su.machine {
			n.endUpkeep(su)
			delete(n.upkeep.shards, s)
		}
	}
	for _, s := range n.hosted {
		m := n.shard(s)
		if m == nil {
			continue
		}
		su := n.upkeep.shards[s]
		if su == nil {
			su = n.adopt(s, m)
		}
		n.tickShard(su)
	}
	n.storeGraphs()
	n.tickBridges()
}

func (n *Node) tickShard(su *shardUpkeep) {
	for _, id := range su.machine.TakeChanged() {
		su.active[id] = true
	}
	if leading := n.replicas[su.shard].Leading(); leading != su.leading {
		su.leading = leading
		for id := range su.slices { // order-free: all become active
			su.active[id] = true
		}
	}
	if len(su.active) == 0 {
		return // as most are at most ticks
	}
	for _, id := range slices.Sorted(maps.Keys(su.active)) {
		if n.keepUp(su, id) {
			delete(su.active, id)
		}
	}
}

// endUpkeep gives up all that is under way for a replica.
func (n *Node) endUpkeep(su *shardUpkeep) {
	for _, sl := range su.slices { // order-free: a mark each
		n.graphsChanged(sl.id)
		for _, g := range sl.graphs { // order-free: a mark each
			g.gone = true
		}
	}
}

// keepUp does what there is to do for a slice, and says whether that is nothing until
// it changes or the leader does.
func (n *Node) keepUp(su *shardUpkeep, id flow.CollectionID) (settled bool) {
	sl, x := su.slices[id], su.machine.Index(id)
	if x == nil {
		if sl != nil {
			n.follow(sl, nil)
			delete(su.slices, id)
		}
		return true
	}
	if sl == nil {
		sl = &slice{su: su, id: id, writtenAt: n.ticks}
		su.slices[id] = sl
	}
	if w := su.machine.Writes(id); w != sl.writes {
		sl.writes, sl.writtenAt = w, n.ticks
	}
	table := su.machine.Segments(id)
	n.follow(sl, table)
	settled = true
	for i := range table {
		if !n.driveGraph(sl.graphs[table[i].ID], &table[i], x) {
			settled = false
		}
	}
	if su.leading && !n.lead(sl, table, x) {
		settled = false
	}
	return settled
}

// follow makes the graphs those of the table, and forgets what is stored of others.
func (n *Node) follow(sl *slice, table []shard.Segment) {
	for i := range table {
		if sl.graphs[table[i].ID] == nil {
			if sl.graphs == nil { // most collections of many are too small for one
				sl.graphs = map[index.SegmentID]*graph{}
			}
			sl.graphs[table[i].ID] = &graph{slice: sl, id: table[i].ID}
			sl.su.segments++
		}
	}
	if len(sl.graphs) == len(table) {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(sl.graphs)) {
		if slices.ContainsFunc(table, func(s shard.Segment) bool { return s.ID == id }) {
			continue
		}
		g := sl.graphs[id]
		g.gone = true
		g.setBad(false)
		if g.state == graphAttached {
			sl.su.attached--
			n.graphsChanged(sl.id)
		}
		n.forgetStored(g)
		delete(sl.graphs, id)
		sl.su.segments--
	}
}

// lead proposes the next step for a slice, and says whether there will be none.
func (n *Node) lead(sl *slice, table []shard.Segment, x *index.Index) (settled bool) {
	if sl.flying {
		return false
	}
	for i := range table {
		g := sl.graphs[table[i].ID]
		if g.state == graphReady && !table[i].Built {
			n.proposeStep(sl, shard.EncodeBuilt(sl.id, g.id, g.built.Digest()))
			return false
		}
	}
	for i := range table {
		// What the log says of it is wrong, or what this node builds: a segment made anew
		// gets a digest of its own.
		if sl.graphs[table[i].ID].state == graphRejected {
			n.proposeStep(sl, shard.EncodeMerge(sl.id, table[i].ID, table[i].ID))
			return false
		}
	}
	quiet := n.ticks - sl.writtenAt
	t, segments, built := &n.cfg.Tuning.Index, x.Segments(), func(i int) bool { return table[i].Built }
	if step := t.nextStep(sl.id, x.HeadRows(), segments, built, quiet); step != nil {
		n.proposeStep(sl, step)
		return false
	}
	return t.nextStep(sl.id, x.HeadRows(), segments, built, math.MaxUint64) == nil // nor later
}

func (n *Node) proposeStep(sl *slice, command []byte) {
	sl.flying = true
	n.propose(&proposal{
		shard: sl.su.shard, request: n.newRequestID(), command: command, due: n.due(0), own: true,
		done: func(*net.Written, *flow.Error) { sl.flying = false }, // what became of it, the table shows
	})
}

func (g *graph) setBad(bad bool) {
	if bad != g.bad {
		g.bad = bad
		if bad {
			g.slice.su.bad++
		} else {
			g.slice.su.bad--
		}
	}
}

// GraphStatus describes a graph that a node searches.
type GraphStatus struct {
	Shard      flow.ShardID
	Collection flow.CollectionID
	Segment    uint64
	Digest     uint64
}

// Graphs lists the graphs that are searched here, in order.
func (n *Node) Graphs() []GraphStatus {
	var list []GraphStatus
	for _, s := range slices.Sorted(maps.Keys(n.upkeep.shards)) {
		su := n.upkeep.shards[s]
		for _, id := range slices.Sorted(maps.Keys(su.slices)) {
			for _, seg := range slices.Sorted(maps.Keys(su.slices[id].graphs)) {
				if g := su.slices[id].graphs[seg]; g.state == graphAttached {
					list = append(list, GraphStatus{Shard: s, Collection: id, Segment: uint64(seg), Digest: g.digest})
				}
			}
		}
	}
	return list
}
