package node

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// Graphs are stored in the derived data of their shard:
//
//	'c' collection, segment, number   a part of the encoded graph
//	'h' collection, segment           its length, the length of its parts, its checksum
//
// The head is written last, and comes last in a snapshot: parts without one are what a
// crash left. A graph that was stored whole may still be of a segment that is no more.
const (
	rowGraphChunk = 'c'
	rowGraphHead  = 'h'
)

const (
	// storeBytesPerTick bounds how much of graphs is stored a tick (40 MB/s).
	storeBytesPerTick = 1 << 20
	// maxPartBytes bounds what of a graph is sent in answer to one call.
	maxPartBytes = 1 << 20
)

// storedGraph is the value of a head.
type storedGraph struct {
	size, chunk, sum uint64
}

func (s *storedGraph) encode() []byte {
	var w wire.Writer
	w.Uint(s.size)
	w.Uint(s.chunk)
	w.Fixed64(s.sum)
	return w.Buf
}

func decodeStoredGraph(b []byte) (*storedGraph, bool) {
	r := wire.NewReader(b)
	s := &storedGraph{size: r.Uint(), chunk: r.Uint(), sum: r.Fixed64()}
	return s, r.Done() == nil && s.chunk > 0
}

func graphKey(s flow.ShardID, tag byte, id flow.CollectionID, seg index.SegmentID) []byte {
	k := append(replica.DerivedPrefix(s), tag)
	k = binary.BigEndian.AppendUint64(k, uint64(id))
	return binary.BigEndian.AppendUint64(k, uint64(seg))
}

func (g *graph) chunkPrefix() []byte {
	return graphKey(g.slice.su.shard, rowGraphChunk, g.slice.id, g.id)
}

func (g *graph) headKey() []byte {
	return graphKey(g.slice.su.shard, rowGraphHead, g.slice.id, g.id)
}

// read returns up to limit bytes from an offset on, which is where a part begins. Less
// come when parts are missing.
func (s *storedGraph) read(view disk.Reader, prefix []byte, offset uint64, limit int) (data []byte, err error) {
	number := offset / s.chunk
	from := binary.BigEndian.AppendUint32(prefix[:len(prefix):len(prefix)], uint32(number))
	err = view.Scan(from, disk.After(prefix), func(key, value []byte) bool {
		if len(data) > 0 && len(data)+len(value) > limit || binary.BigEndian.Uint32(key[len(prefix):]) != uint32(number) {
			return false
		}
		number++
		data = append(data, value...)
		return true
	})
	return data, err
}

// storeGraphs stores a part of what waits for it.
func (n *Node) storeGraphs() {
	left := storeBytesPerTick
	for len(n.upkeep.storing) > 0 && left > 0 {
		g := n.upkeep.storing[0]
		if g.gone || n.lowDisk() {
			g.data = nil
		}
		if g.data == nil {
			n.upkeep.storing = n.upkeep.storing[1:]
			continue
		}
		size := n.cfg.Tuning.Index.ChunkBytes
		at := g.next * size
		part := g.data[at:min(at+size, len(g.data))]
		n.fx.Batch.Put(binary.BigEndian.AppendUint32(g.chunkPrefix(), uint32(g.next)), part)
		left -= len(part)
		if g.next++; g.next*size < len(g.data) {
			continue
		}
		g.stored = &storedGraph{size: uint64(len(g.data)), chunk: uint64(size), sum: xxhash.Sum64(g.data)}
		n.fx.Batch.Put(g.headKey(), g.stored.encode())
		g.data, g.next = nil, 0
	}
}

// forgetStored deletes what the store holds of a graph.
func (n *Node) forgetStored(g *graph) {
	if g.stored == nil && g.next == 0 {
		return
	}
	g.stored, g.data, g.next = nil, nil, 0
	n.fx.Batch.Delete(g.headKey())
	n.fx.Batch.DeleteRange(g.chunkPrefix(), disk.After(g.chunkPrefix()))
}

// adopt begins the upkeep of a replica whose machine is new here: it finds the graphs
// that are stored and removes those of segments that are no more.
func (n *Node) adopt(s flow.ShardID, m *shard.Machine) *shardUpkeep {
	su := &shardUpkeep{shard: s, machine: m, slices: map[flow.CollectionID]*slice{}, active: map[flow.CollectionID]bool{}}
	n.upkeep.shards[s] = su
	for _, id := range m.Collections() {
		sl := &slice{su: su, id: id, writes: m.Writes(id), writtenAt: n.ticks}
		su.slices[id], su.active[id] = sl, true
		n.follow(sl, m.Segments(id))
	}
	heads := append(replica.DerivedPrefix(s), rowGraphHead)
	free := append(replica.DerivedPrefix(s), rowGraphChunk) // of the parts, those from here on are not known to be wanted
	sweep := func(to []byte) {
		left := false
		if err := n.cfg.Disk.Scan(free, to, func(_, _ []byte) bool { left = true; return false }); err == nil && left {
			n.fx.Batch.DeleteRange(free, to)
		}
	}
	next := heads // no head before it is unread
	err := n.cfg.Disk.Scan(heads, disk.After(heads), func(key, value []byte) bool {
		next = disk.After(key)
		rest := key[len(heads):]
		stored, ok := decodeStoredGraph(value)
		if g := su.graph(rest); g != nil && ok {
			g.stored = stored
			sweep(g.chunkPrefix())
			free = disk.After(g.chunkPrefix())
			return true
		}
		n.fx.Batch.Delete(append([]byte(nil), key...))
		return true
	})
	if err != nil { // no loss: they are made again; nobody else would delete those of segments that are no more
		n.event(GraphDamaged, s, n.identity.Node, 0)
		n.fx.Batch.DeleteRange(next, disk.After(heads))
	}
	sweep(heads)
	return su
}

// graph finds a graph by the end of its head's key.
func (su *shardUpkeep) graph(key []byte) *graph {
	if len(key) != 16 {
		return nil
	}
	sl := su.slices[flow.CollectionID(binary.BigEndian.Uint64(key))]
	if sl == nil {
		return nil
	}
	return sl.graphs[index.SegmentID(binary.BigEndian.Uint64(key[8:]))]
}

// serveGraph answers a call for a part of a graph that is stored here.
func (n *Node) serveGraph(b *net.Graph, done answerFunc) {
	var g *graph
	if su := n.upkeep.shards[b.Shard]; su != nil {
		if sl := su.slices[b.Collection]; sl != nil {
			g = sl.graphs[index.SegmentID(b.Segment)]
		}
	}
	if g == nil || g.stored == nil || b.Offset >= g.stored.size || b.Offset%g.stored.chunk != 0 {
		done(&net.GraphPart{}, nil)
		return
	}
	stored, prefix := *g.stored, g.chunkPrefix()
	n.fx.Compute = append(n.fx.Compute, func() {
		view := n.cfg.Disk.Snapshot()
		part := &net.GraphPart{Known: true, Size: stored.size, Sum: stored.sum}
		var err error
		host{n}.Do(maxPartBytes, func() {
			part.Data, err = stored.read(view, prefix, b.Offset, maxPartBytes)
			if cerr := view.Close(); err == nil {
				err = cerr
			}
		}, func() {
			if err != nil {
				part = &net.GraphPart{} // the fetcher asks another
			}
			done(part, nil)
		})
	})
}
