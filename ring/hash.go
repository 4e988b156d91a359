// Package ring maps hashes of point ids to shards and shards to nodes: tokens of
// virtual nodes on a circle of 64-bit hashes, preference lists, assignment with
// bounded load, the difference of two assignments. It is pure: it holds no state
// of the cluster, sends nothing and stores nothing.
package ring

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sort"

	"github.com/cespare/xxhash/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Hash returns the place of a point on the circle: XXH64 with seed 0 over the
// bytes of the id. Which shard holds a point follows from it, so it is a format
// on disk and never changes. XXH64 ends in a full avalanche, so that its high
// bits, which choose the shard, depend on every byte of the id.
func Hash(id flow.PointID) uint64 { return xxhash.Sum64String(string(id)) }

// tokenHash returns the place of a node's i-th virtual node: XXH64 with seed 0
// over the node id and i, each as four big-endian bytes. It is a format too.
func tokenHash(node flow.NodeID, i int) uint64 {
	var b [8]byte
	binary.BigEndian.PutUint32(b[:4], uint32(node))
	binary.BigEndian.PutUint32(b[4:], uint32(i))
	return xxhash.Sum64(b[:])
}

// Starts cuts the 64-bit hash space into equal ranges, one a shard, and returns
// the first hash of each, ascending, the first being 0. Range i ends where range
// i+1 begins and the last one at the end of the space; the sizes of two ranges
// differ by at most one hash. It panics when shards is not positive.
func Starts(shards int) []uint64 {
	if shards < 1 {
		panic(fmt.Sprintf("ring.Starts: %d shards", shards))
	}
	starts := make([]uint64, shards)
	for i := range starts {
		starts[i], _ = bits.Div64(uint64(i), 0, uint64(shards)) // floor(i * 2^64 / shards)
	}
	return starts
}

// Find returns the index of the range that holds h: the last one that starts at
// or below it. The starts are ascending and the first is 0, as Starts returns
// them or as splits have left them; it panics when they do not begin with 0.
func Find(starts []uint64, h uint64) int {
	if len(starts) == 0 || starts[0] != 0 {
		panic(fmt.Sprintf("ring.Find: ranges %x do not begin at hash 0", starts))
	}
	return sort.Search(len(starts), func(i int) bool { return starts[i] > h }) - 1
}
