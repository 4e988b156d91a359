package sim

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// grapher is what a Machine offers to those who look at its graphs.
type grapher interface {
	Graphs() []node.GraphStatus
	Joined() int
}

// segment names a segment of a collection in a shard.
type segment struct {
	shard      flow.ShardID
	collection flow.CollectionID
	id         uint64
}

// compareGraphs compares the digests of the graphs that the hosts search now: those of
// one segment are the same, whoever built them and however they came.
func (c *checks) compareGraphs() {
	first := map[segment]uint64{}
	for _, h := range c.w.hosts {
		m, ok := h.machine.(grapher)
		if !ok {
			continue
		}
		c.w.marks.hit("graphs joined by bridges", m.Joined() > 0)
		for _, g := range m.Graphs() {
			s := segment{g.Shard, g.Collection, g.Segment}
			want, seen := first[s]
			if !seen {
				first[s] = g.Digest
				continue
			}
			if c.graphs++; g.Digest != want {
				c.w.fail(OracleDigest, "the graph of segment %d of collection %d in %v has digest %016x on %s, another elsewhere: %016x",
					g.Segment, g.Collection, g.Shard, g.Digest, h.name, want)
			}
		}
	}
}
