package node

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/system"
)

// formats is what the node knows of format versions beside Config.FormatVersion, the
// highest one it understands, and the cluster's, a row of the system group.
//
// What goes to one peer is encoded as both understand it (speaks). What every replica
// will read, commands and so rows, is encoded in the cluster's version (writes), which
// the leader of the system group raises once no member can fall below it any more:
// each has promised, durably, that its data directory is never opened again below the
// next one, and says so. It does that when it hears that all others understand it. Until then a node
// may be taken back to its former program.
type formats struct {
	// promised is the version below which the data directory is never opened again: durable.
	// written is the one that was written last.
	promised, written flow.FormatVersion
	// raising says that a command that raises the cluster's version is under way.
	raising bool
}

// putPromise writes the promise of a data directory. There is no record of the lowest.
func putPromise(b *disk.Batch, v flow.FormatVersion) {
	if v > flow.OldestFormat {
		b.Put(formatKey, []byte{byte(v)})
	}
}

// openFormats refuses a data directory that a node of this version must not open.
func (n *Node) openFormats() error {
	n.cfg.FormatVersion = n.cfg.FormatVersion.OrNewest()
	if err := n.cfg.FormatVersion.Check(); err != nil {
		return err
	}
	promised := flow.OldestFormat
	b, ok, err := n.cfg.Disk.Get(formatKey)
	switch {
	case err != nil:
		return err
	case ok && len(b) != 1:
		return flow.Errorf(flow.Corrupt, "node.New", "the record of the format version has %d bytes, not 1", len(b))
	case ok:
		promised = flow.FormatVersion(b[0])
	}
	if newest := n.cfg.FormatVersion; promised > newest {
		return flow.Errorf(flow.Conflict, "node.New", "the cluster of node %s has format version %d, or is being raised to it, and this node understands only %d to %d: start it with a program that understands %d, as such",
			n.identity.Name, promised, newest.Oldest(), newest, promised)
	}
	n.formats.promised, n.formats.written = promised, promised
	return nil
}

// writes is the version of what is proposed into logs.
func (n *Node) writes() flow.FormatVersion { return n.system().Format }

// speaks is the version of what is sent to a node. One that was not heard yet is a
// member, which understands the cluster's version.
func (n *Node) speaks(to flow.NodeID) flow.FormatVersion {
	if p := n.peers.known[to]; p != nil && p.newest != 0 {
		return min(n.cfg.FormatVersion, p.newest)
	}
	return n.writes()
}

// reads says whether the node understands a frame's messages.
func (n *Node) reads(h *net.Header) bool {
	return h.Format <= n.cfg.FormatVersion && h.Format >= n.cfg.FormatVersion.Oldest()
}

// tickFormats does the next step towards a higher version, if there is one.
func (n *Node) tickFormats() {
	if n.ticks%statusTicks != 1 {
		return
	}
	n.promise(n.writes())
	next := n.writes() + 1
	if next > n.cfg.FormatVersion || !n.all(func(p *peer) bool { return p.newest >= next }) {
		return
	}
	n.promise(next)
	leads := n.replicas[flow.SystemShard].Leading()
	if !leads || n.formats.raising || n.formats.promised < next || !n.all(func(p *peer) bool { return p.status != nil && p.status.Promised >= next }) {
		return
	}
	n.formats.raising = true
	n.ownCommand(system.EncodeRaise(next, n.system().LastNode()), func(system.Result, *flow.Error) {
		n.formats.raising = false // what became of it, the row shows
	})
}

// all says whether something holds of every other member, lost ones excepted, and the
// members are known.
func (n *Node) all(holds func(p *peer) bool) bool {
	members := n.system().Live()
	for _, row := range members {
		if row.ID == n.identity.Node {
			continue
		}
		if p := n.peers.known[row.ID]; p == nil || !holds(p) {
			return false
		}
	}
	return len(members) > 0
}

// promise writes that the data directory is never opened again below a version.
func (n *Node) promise(v flow.FormatVersion) {
	if v <= n.formats.written {
		return
	}
	n.formats.written = v
	putPromise(&n.fx.Batch, v)
	n.fx.Sync = true
}
