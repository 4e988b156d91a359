package sim

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// event hears what a process says of itself. Two things it says only when something is
// wrong with the product: that a replica cannot be read where nothing was spoilt, and
// that a graph which it built is not the one that the log speaks of.
func (c *checks) event(h *host, e node.Event) {
	switch {
	case e.Kind == node.ReplicaBroken && !h.spoilt && h.misreads == 0:
		c.w.fail(OracleRestart, "%s cannot read its replica of %v, though nothing of its disk was spoilt", h.name, e.Shard)
	case e.Kind == node.GraphMismatch:
		c.w.fail(OracleDigest, "%s built another graph of segment %d in %v than the log speaks of", h.name, e.Value, e.Shard)
	}
}

// maxRefusals is how many snapshots in a row a replica may be sent that it has already.
// Each refusal tells the sender so; one-way cuts, which keep that from it, last for less
// than half as many streams.
const maxRefusals = 8

// refusalOf is who refuses whose snapshots.
type refusalOf struct {
	shard    flow.ShardID
	from, to flow.ReplicaID
}

// refusals counts the streams that were refused at one applied index.
type refusals struct {
	applied, stream uint64
	n               int
}

// refused watches the answer of a replica that will not take a snapshot.
func (c *checks) refused(h *host, m *net.SnapshotAck) {
	if !m.Failed || m.Seq != 0 {
		return
	}
	key, applied := refusalOf{m.Shard, m.From, m.To}, h.watched[m.Shard].applied
	was := c.refusals[key]
	switch {
	case was.applied != applied || applied == 0:
		was = refusals{applied: applied, stream: m.Stream, n: 1}
	case was.stream != m.Stream:
		was.stream, was.n = m.Stream, was.n+1
	}
	c.refusals[key] = was
	if was.n > maxRefusals {
		c.w.fail(OracleBounds, "%s was sent %d snapshots of %v in a row that it refused, and has applied %d all the while", h.name, was.n, m.Shard, applied)
	}
}
