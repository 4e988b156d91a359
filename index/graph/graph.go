// Package graph holds immutable segments of an index: rows of vectors joined by a
// hierarchical navigable small world graph (Malkov and Yashunin 2016), and the walk
// that finds the rows nearest to a query through any number of them at once. A graph
// is a function of its rows and its Config, to the last bit, on every machine and
// however many goroutines build it. The package starts no goroutine, and knows no
// disk, network, clock or point: a row is a number.
package graph

import (
	"slices"
	"unsafe"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/index/memory"
)

// Graph is an immutable segment. Any number of goroutines may walk it at the same time.
type Graph struct {
	cfg      Config
	rows     *Rows
	codes    *codes
	layers   []layer
	sketches *sketches
	outlines *codes
	digest   uint64
}

// layer is one level of the hierarchy. Its nodes are numbered by ascending row.
type layer struct {
	// rows holds the row of each node; nil in the lowest layer, where every row is a
	// node and has the same number.
	rows []uint32
	// links has degree places a node, the neighbours' numbers in front and none behind.
	links  []uint32
	degree int
	block  *memory.Block // of links
}

// neighbours returns the places of a node's links.
func (l *layer) neighbours(node uint32) []uint32 {
	return l.links[int(node)*l.degree:][:l.degree]
}

// prefetch asks the memory for the links of nodes.
func (l *layer) prefetch(nodes []uint32) {
	distance.Prefetch(unsafe.Pointer(unsafe.SliceData(l.links)), 4*l.degree, 4*l.degree, nodes)
}

// row returns the row of a node.
func (l *layer) row(node uint32) uint32 {
	if l.rows == nil {
		return node
	}
	return l.rows[node]
}

// node returns the number of a row that is in the layer.
func (l *layer) node(row uint32) uint32 {
	if l.rows == nil {
		return row
	}
	i, _ := slices.BinarySearch(l.rows, row)
	return uint32(i)
}

// newGraph returns a graph without links over rows, whose levels say which nodes each
// layer has. There is a lowest layer even without rows.
func newGraph(cfg Config, rows *Rows) *Graph {
	g := &Graph{cfg: cfg, rows: rows, codes: newCodes(cfg, rows)}
	members := make([][]uint32, maxLevel+1)
	for row, level := range rows.levels {
		for l := 1; l <= int(level); l++ {
			members[l] = append(members[l], uint32(row))
		}
	}
	for l := range rows.layers() {
		n := len(members[l])
		if l == 0 {
			n = rows.Len()
		}
		y := layer{rows: slices.Clip(members[l]), degree: cfg.degree(l)}
		y.block = cfg.Memory.Alloc(4 * n * y.degree)
		y.links = y.block.Uint32s()
		for i := range y.links {
			y.links[i] = none
		}
		g.layers = append(g.layers, y)
	}
	g.sketches = newSketches(cfg, rows, g.layers)
	g.outlines = newOutlines(cfg, rows, g.codes)
	return g
}

// walkSpace is what walks measure in.
func (g *Graph) walkSpace() space { return space{rows: g.rows, codes: g.codes} }

// buildSpace is what links are chosen in. Bits are too coarse for it: a graph over them
// has many nodes at one distance, and no way between them.
func (g *Graph) buildSpace() space {
	if g.cfg.Quantization == flow.Binary {
		return space{rows: g.rows}
	}
	return g.walkSpace()
}

// Rows returns the rows of the graph.
func (g *Graph) Rows() *Rows { return g.rows }

// Digest returns a checksum of all that Append writes: equal digests, equal graphs.
func (g *Graph) Digest() uint64 { return g.digest }

// Bytes returns the memory of the graph without its rows.
func (g *Graph) Bytes() uint64 {
	bytes := uint64(0)
	if g.codes != nil {
		bytes += uint64(len(g.codes.block.Bytes())) + 4*uint64(len(g.codes.mean))
	}
	if k := g.sketches; k != nil {
		bytes += uint64(len(k.codes.block.Bytes())) + 4*uint64(len(k.codes.mean))
	}
	if g.outlines != nil {
		bytes += uint64(len(g.outlines.block.Bytes())) + 4*uint64(len(g.outlines.mean))
	}
	for i := range g.layers {
		bytes += uint64(len(g.layers[i].block.Bytes())) + 4*uint64(cap(g.layers[i].rows))
	}
	return bytes
}
