package node

import (
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// figures answers a FiguresRequest from what this node keeps.
func (n *Node) figures(req *flow.FiguresRequest) *flow.FiguresResponse {
	resp := &flow.FiguresResponse{}
	names := map[flow.CollectionID]string{}
	for _, c := range n.system().SortedCollections() {
		names[c.ID] = c.Name
	}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		for _, s := range n.hosted {
			m := n.shard(s)
			if m == nil || m.Index(id) == nil {
				continue
			}
			f := n.slice(m, s, id)
			if len(resp.Slices) < req.MaxSlices {
				f.Collection = names[id]
				resp.Slices = append(resp.Slices, f)
				continue
			}
			resp.Others.Points += f.Points
			resp.Others.MemoryBytes += f.MemoryBytes
			resp.Others.DiskBytes += f.DiskBytes
			resp.Others.Segments += f.Segments
			resp.Others.Graphs += f.Graphs
			resp.OtherSlices++
		}
	}
	u := &n.upkeep
	resp.GraphBuilds, resp.GraphTransfers, resp.GraphStores, resp.GraphBuildBytes = u.builds, u.transfers, len(u.storing), u.buildBytes
	resp.GraphsJoined = n.Joined()
	for _, su := range u.shards { // order-free: a sum
		resp.GraphsWaiting += su.segments - su.attached
	}
	resp.GraphsWaiting = max(resp.GraphsWaiting-u.builds-u.transfers, 0)
	resp.Moves = len(n.system().Moves)
	return resp
}

// slice describes a shard's part of a collection, without the collection's name.
func (n *Node) slice(m *shard.Machine, s flow.ShardID, id flow.CollectionID) flow.SliceFigures {
	return flow.SliceFigures{
		Shard: s, Points: m.Count(id), MemoryBytes: m.Bytes(id) + n.bridging.bytes(s, id), DiskBytes: n.sizes.collection(s, id),
		Segments: len(m.Segments(id)), Graphs: n.upkeep.graphs(s, id),
	}
}

// graphs counts the segments that are searched by their graph here.
func (u *upkeep) graphs(s flow.ShardID, id flow.CollectionID) (attached int) {
	su := u.shards[s]
	if su == nil || su.slices[id] == nil {
		return 0
	}
	for _, g := range su.slices[id].graphs { // order-free: a count
		if g.state == graphAttached {
			attached++
		}
	}
	return attached
}

// account adds to a count's result what the collection takes in shards of this node.
func (n *Node) account(res *net.ReadResult, id flow.CollectionID, shards []flow.ShardID) {
	for _, s := range shards {
		f := n.slice(n.shard(s), s, id)
		res.MemoryBytes += f.MemoryBytes
		res.DiskBytes += f.DiskBytes
		res.Segments += f.Segments
	}
}
