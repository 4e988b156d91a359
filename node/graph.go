package node

import (
	"slices"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

const (
	// buildStepFloats is how many components a build compares before it lets another job
	// have the worker: about 5 ms.
	buildStepFloats = 12 << 20
	// maxBuildStep bounds the same in vectors.
	maxBuildStep = 100_000
	// buildComparisons is about how many vectors a new one is compared with, to estimate
	// the cost of a small graph.
	buildComparisons = 500
	// fetchRetryTicks is the pause before another node is asked for a graph.
	fetchRetryTicks = 8
)

// driveGraph does the next thing for a segment's graph, and says whether there is none
// until the log says more.
func (n *Node) driveGraph(g *graph, seg *shard.Segment, x *index.Index) (settled bool) {
	switch g.state {
	case graphAttached:
		return g.data == nil
	case graphRejected:
		return true
	case graphReady:
		if seg.Built {
			n.judge(g, seg.Digest, x)
			return false
		}
		return !g.slice.su.leading
	case graphBusy:
		return false
	}
	if seg.Built && g.wantedAt == 0 {
		g.wantedAt = n.ticks
	}
	switch {
	case n.ticks < g.nextTry:
		return false
	case seg.Built && g.stored != nil:
		n.load(g, seg.Digest, x)
	case seg.Built && n.fetches(g):
		n.fetch(g, seg.Digest, x)
	case seg.Built || g.slice.su.leading:
		n.build(g, x)
	default:
		return true
	}
	return false
}

// fetches says whether a graph is asked for rather than built here.
func (n *Node) fetches(g *graph) bool {
	t := &n.cfg.Tuning.Index
	return !n.audits(g) && n.ticks-g.wantedAt < t.GraceTicks && len(n.sources(g.slice.su.shard)) > 0
}

// audits says that a graph is built here and compared with what the log says.
func (n *Node) audits(g *graph) bool {
	mixed := (uint64(g.id)<<8 ^ uint64(g.slice.id)) * 0x9e3779b97f4a7c15
	return mixed>>32%n.cfg.Tuning.Index.AuditEvery == 0
}

// sources lists the other nodes with a replica of a shard: its leader first, then those
// that are up.
func (n *Node) sources(s flow.ShardID) []flow.NodeID {
	p := n.system().Placement(s)
	if p == nil {
		return nil
	}
	var nodes []flow.NodeID
	add := func(id flow.NodeID) {
		if id != 0 && id != n.identity.Node && n.up(id) && !slices.Contains(nodes, id) {
			nodes = append(nodes, id)
		}
	}
	add(n.leaderOf(s))
	for _, id := range p.Replicas {
		add(id.Node())
	}
	return nodes
}

// work runs a job for a graph; after is not called when the graph is gone by then.
func (n *Node) work(g *graph, cost int, run, after, end func()) {
	g.state = graphBusy
	n.cfg.Workers.Do(Job{Cost: cost, Background: true, Run: run, Done: func() {
		if n.err != nil {
			return
		}
		if !g.gone {
			after()
		}
		if g.gone || g.state != graphBusy {
			end()
		}
	}})
}

// build builds a graph in slices, so that searches get their turn between them.
func (n *Node) build(g *graph, x *index.Index) {
	t, u := &n.cfg.Tuning.Index, &n.upkeep
	if u.builds >= t.MaxBuilds {
		return
	}
	if g.builder = x.Builder(g.id); g.builder == nil {
		return
	}
	bytes := g.builder.Bytes()
	if u.builds > 0 && u.buildBytes+bytes > t.MaxBuildBytes {
		g.builder = nil
		return
	}
	u.builds++
	u.buildBytes += bytes
	n.buildSlice(g, bytes)
}

func (n *Node) buildSlice(g *graph, bytes uint64) {
	rowFloats := max(int(bytes)/4/max(g.builder.Rows(), 1), 1)
	budget := min(buildStepFloats/rowFloats+1, maxBuildStep)
	builder, done := g.builder, false
	var built *index.Built
	var data []byte
	n.work(g, 4*rowFloats*min(budget, buildComparisons*builder.Rows()), func() {
		if done = builder.Step(budget, nil); done {
			built = builder.Built()
			data = built.Append(nil)
		}
	}, func() {
		if !done {
			n.buildSlice(g, bytes)
			return
		}
		g.builder, g.built, g.data, g.state = nil, built, data, graphReady
	}, func() {
		n.upkeep.builds--
		n.upkeep.buildBytes -= bytes
	})
}

// judge attaches a graph that was built here, if it is the one that the log speaks of.
func (n *Node) judge(g *graph, digest uint64, x *index.Index) {
	if g.built.Digest() != digest {
		n.event(GraphMismatch, g.slice.su.shard, n.identity.Node, uint64(g.id))
		g.setBad(true)
		g.state, g.built, g.data = graphRejected, nil, nil
		return
	}
	n.attach(g, x)
	if g.state == graphAttached && !n.lowDisk() {
		n.upkeep.storing = append(n.upkeep.storing, g)
	} else {
		g.data = nil
	}
}

func (n *Node) attach(g *graph, x *index.Index) {
	if !x.Attach(g.built) {
		g.state, g.built = graphWanted, nil
		return
	}
	g.setBad(false)
	g.state, g.digest, g.built = graphAttached, g.built.Digest(), nil
	g.slice.su.attached++
	n.graphsChanged(g.slice.id)
}

// decode makes a graph of the bytes that read gives, and attaches it if it is the one
// that the log speaks of; failed is called if not.
func (n *Node) decode(g *graph, digest uint64, x *index.Index, read func() ([]byte, error), keep bool, failed func()) {
	builder := x.Builder(g.id)
	if builder == nil {
		g.state = graphWanted
		n.upkeep.transfers--
		return
	}
	var built *index.Built
	var data []byte
	var err error
	n.work(g, int(builder.Bytes()), func() {
		if data, err = read(); err == nil {
			built, err = index.DecodeBuilt(builder, data)
		}
	}, func() {
		if err != nil || built.Digest() != digest {
			g.state = graphWanted
			n.event(GraphDamaged, g.slice.su.shard, n.identity.Node, uint64(g.id))
			g.setBad(true)
			failed()
			return
		}
		g.built = built
		n.attach(g, x)
		if keep && g.state == graphAttached && !n.lowDisk() {
			g.data = data
			n.upkeep.storing = append(n.upkeep.storing, g)
		}
	}, func() { n.upkeep.transfers-- })
}

// load takes a graph from the store.
func (n *Node) load(g *graph, digest uint64, x *index.Index) {
	if n.upkeep.transfers >= n.cfg.Tuning.Index.MaxTransfers {
		return
	}
	n.upkeep.transfers++
	view, prefix, stored := n.cfg.Disk.Snapshot(), g.chunkPrefix(), *g.stored
	n.decode(g, digest, x, func() ([]byte, error) {
		data, err := stored.read(view, prefix, 0, int(stored.size))
		if cerr := view.Close(); err == nil {
			err = cerr
		}
		if err == nil && (uint64(len(data)) != stored.size || xxhash.Sum64(data) != stored.sum) {
			err = flow.Errorf(flow.Corrupt, "node.load", "the stored graph of segment %d is damaged", g.id)
		}
		return data, err
	}, false, func() { n.forgetStored(g) })
}

// fetch gets a graph from a node that has it, part after part.
func (n *Node) fetch(g *graph, digest uint64, x *index.Index) {
	if n.upkeep.transfers >= n.cfg.Tuning.Index.MaxTransfers {
		return
	}
	n.upkeep.transfers++
	g.state = graphBusy
	nodes := n.sources(g.slice.su.shard)
	from := nodes[g.sources%len(nodes)]
	g.sources++
	var data []byte
	var ask func()
	give := func() {
		g.state, g.nextTry = graphWanted, n.ticks+fetchRetryTicks
		n.upkeep.transfers--
	}
	ask = func() {
		n.call(from, &net.Graph{Shard: g.slice.su.shard, Collection: g.slice.id, Segment: uint64(g.id), Offset: uint64(len(data))}, func(body net.Body, err *flow.Error) {
			part, ok := body.(*net.GraphPart)
			if g.gone || err != nil || !ok || !part.Known || len(part.Data) == 0 || uint64(len(data)+len(part.Data)) > part.Size {
				give()
				return
			}
			if data = append(data, part.Data...); uint64(len(data)) < part.Size {
				ask()
				return
			}
			sum := part.Sum
			n.decode(g, digest, x, func() ([]byte, error) {
				if xxhash.Sum64(data) != sum {
					return nil, flow.Errorf(flow.Corrupt, "node.fetch", "the graph of segment %d came damaged from node %v", g.id, from)
				}
				return data, nil
			}, true, func() { g.nextTry = n.ticks + fetchRetryTicks })
		})
	}
	ask()
}
