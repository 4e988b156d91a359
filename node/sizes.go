package node

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

const (
	// measureTicks is the pause between two rounds of measuring the disk (5 s), longer when
	// there are very many parts: a tick (25 ms) for measurePerTick. A part costs about .1 ms
	// (64 of 1.4 MB each: 5.2 ms), so that measuring takes a small share of one core, however
	// long its jobs wait for workers.
	measureTicks, measurePerTick = 200, 4
	// measuredParts is how many shards and collections in shards a job measures, and
	// measureCost about what one costs, in bytes to be read.
	measuredParts, measureCost = 32, 64 << 10
)

// sizes is what the shards of this node take of its disk, and the collections in them, as
// the store measures it. Jobs go through them in rounds, so that a figure is a few seconds
// old, or older when there are very many.
type sizes struct {
	shards map[flow.ShardID]*shardSize
	// left is what the round under way has yet to measure, fresh what it has measured.
	left  []sizePart
	fresh map[flow.ShardID]*shardSize
	// next is when the next round shall begin.
	next    uint64
	running bool
}

// shardSize is in bytes. All that the store has of the shard is in total: state, log,
// graphs, an arriving snapshot. The parts of the collections never exceed it.
type shardSize struct {
	total       uint64
	collections map[flow.CollectionID]uint64
}

// sizePart is a collection in a shard, or all of the shard, with collection 0.
type sizePart struct {
	shard      flow.ShardID
	collection flow.CollectionID
	ranges     []keyRange
	bytes      uint64
	known      bool
}

type keyRange struct{ lo, hi []byte }

func (s *sizes) shard(id flow.ShardID) uint64 {
	if have := s.shards[id]; have != nil {
		return have.total
	}
	return 0
}

func (s *sizes) collection(id flow.ShardID, c flow.CollectionID) uint64 {
	if have := s.shards[id]; have != nil {
		return have.collections[c]
	}
	return 0
}

// tickSizes begins a round when it is time.
func (n *Node) tickSizes() {
	z := &n.sizes
	if z.running || n.ticks < z.next {
		return
	}
	z.running, z.fresh, z.left = true, map[flow.ShardID]*shardSize{}, z.left[:0]
	for _, s := range n.hosted {
		z.fresh[s] = &shardSize{collections: map[flow.CollectionID]uint64{}}
		z.left = append(z.left, sizePart{shard: s})
		if m := n.shard(s); m != nil {
			for _, id := range m.Collections() {
				z.left = append(z.left, sizePart{shard: s, collection: id})
			}
		}
	}
	n.fx.Compute = append(n.fx.Compute, n.measure)
}

// measure measures the next parts of the round, or ends it.
func (n *Node) measure() {
	z := &n.sizes
	if len(z.left) == 0 {
		n.endRound()
		return
	}
	parts := slices.Clone(z.left[:min(measuredParts, len(z.left))])
	z.left = z.left[len(parts):]
	for i := range parts {
		parts[i].ranges = n.ranges(&parts[i])
	}
	view := n.cfg.Disk.Snapshot()
	n.cfg.Workers.Do(Job{
		Cost: len(parts) * measureCost, Background: true,
		Run: func() { measureParts(view, parts) },
		Done: func() {
			if n.err != nil {
				return
			}
			for i := range parts {
				n.takeSize(&parts[i])
			}
			n.fx.Compute = append(n.fx.Compute, n.measure)
		},
	})
}

// ranges returns the keys of a part; there are none when the replica is gone.
func (n *Node) ranges(p *sizePart) []keyRange {
	r := n.replicas[p.shard]
	if r == nil {
		return nil
	}
	if p.collection == 0 {
		prefix := replica.GroupPrefix(p.shard)
		return []keyRange{{prefix, disk.After(prefix)}}
	}
	var list []keyRange
	add := func(prefix []byte) { list = append(list, keyRange{prefix, disk.After(prefix)}) }
	for _, prefix := range shard.Prefixes(p.collection) {
		add(join(r.StatePrefix(), prefix))
	}
	for _, tag := range []byte{rowGraphChunk, rowGraphHead} {
		add(graphKey(p.shard, tag, p.collection, 0)[:len(replica.DerivedPrefix(p.shard))+9])
	}
	return list
}

// measureParts runs on a worker. A part that cannot be measured keeps its former figure:
// whoever needs the rows that cannot be read will say so.
func measureParts(view disk.Snapshot, parts []sizePart) {
	for i := range parts {
		p := &parts[i]
		p.known = true
		for _, r := range p.ranges {
			bytes, err := view.Size(r.lo, r.hi)
			p.known = p.known && err == nil
			p.bytes += bytes
		}
	}
	_ = view.Close() // of a store that has died, which it tells elsewhere
}

func (n *Node) takeSize(p *sizePart) {
	have := n.sizes.fresh[p.shard]
	switch {
	case p.collection == 0 && p.known:
		have.total = p.bytes
	case p.collection == 0:
		have.total = n.sizes.shard(p.shard)
	case p.known:
		have.collections[p.collection] = p.bytes
	default:
		have.collections[p.collection] = n.sizes.collection(p.shard, p.collection)
	}
}

// endRound puts the round's figures in the place of the former ones. Two collections that
// share blocks of the store may each have them counted as theirs: then the whole is
// divided among them.
func (n *Node) endRound() {
	z := &n.sizes
	parts := 0
	for _, have := range z.fresh { // order-free: each by itself
		parts += 1 + len(have.collections)
		var sum uint64
		for _, bytes := range have.collections { // order-free: a sum
			sum += bytes
		}
		if sum <= have.total {
			continue
		}
		for id, bytes := range have.collections { // order-free: each by itself
			have.collections[id] = uint64(float64(bytes) / float64(sum) * float64(have.total))
		}
	}
	z.shards, z.fresh, z.running = z.fresh, nil, false
	z.next = n.ticks + max(measureTicks, uint64(parts)/measurePerTick)
}
