package graph

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/ruvector-flow/ruvector-flow/index/memory"
)

// How insertion is batched. The numbers decide which graph is built.
const (
	// maxBatchRows is the largest number of rows that are linked against one state of the
	// graph; each also sees those before it in the batch.
	maxBatchRows = 256
	// batchShare is the part of the graph, 1/batchShare, that a batch may be.
	batchShare = 8
	// buildChunks is how many parts the work of a batch has, for a Runner to share out.
	buildChunks = 16
)

// Runner calls do(0) to do(n-1), in any order and on any goroutines, and returns when
// all have returned. Nil stands for a loop. No result depends on it.
type Runner func(n int, do func(i int))

// Builder links rows into a Graph, in their order and in batches: the rows of a batch
// look for their neighbours in the graph as it was before the batch, and among the
// rows before them in it; then all links are set, those of each node on their own.
type Builder struct {
	g     *Graph
	space space
	done  int // rows that are linked
	// counts holds, by layer, the number of nodes that are linked.
	counts []int
	grown  []grown
	chunks []*chunk

	// Of the batch: its size, by layer the members (numbers within the batch, ascending),
	// the links that lead back to the batch, sorted by (layer, from), and where each
	// (layer, from) begins.
	size    int
	members [][]int
	back    []edge
	groups  []int
}

// grown is what a layer has while it is built.
type grown struct {
	distances []float32 // of the links
	counts    []uint16  // of the links, by node
	block     *memory.Block
}

// edge is a link from a node of a layer to a node of the batch.
type edge struct {
	layer    int
	from, to uint32
	distance float32
}

// chunk is the memory for one part of the work.
type chunk struct {
	Scratch
	target target
	near   pool      // candidates for links
	batch  []float32 // distances to the rows before in the batch
	picked []entry   // links chosen
	prune  pruner
}

// NewBuilder returns a Builder of a graph over rows, which are not changed any more.
// The Config must be one that WithDefaults returned, and the one the rows were made with.
func NewBuilder(cfg Config, rows *Rows) *Builder {
	if rows.Len() > maxRef {
		panic(fmt.Sprintf("graph: %d rows, more than %d", rows.Len(), maxRef))
	}
	b := &Builder{g: newGraph(cfg, rows)}
	b.space = b.g.buildSpace()
	b.counts = make([]int, len(b.g.layers))
	b.members = make([][]int, len(b.g.layers))
	for l := range b.g.layers {
		y := &b.g.layers[l]
		block := cfg.Memory.Alloc(4 * len(y.links))
		b.grown = append(b.grown, grown{distances: block.Float32s(), counts: make([]uint16, len(y.links)/y.degree), block: block})
	}
	return b
}

// Rows returns how many rows are linked.
func (b *Builder) Rows() int { return b.done }

// Step links budget rows, or a few more so as to end a batch, and says whether all
// rows are linked. The graph does not depend on how it was sliced into steps.
func (b *Builder) Step(budget int, run Runner) (done bool) {
	if run == nil {
		run = inline
	}
	for end := b.done + budget; b.done < min(end, b.g.rows.Len()); {
		b.batch(run)
	}
	runtime.KeepAlive(b)
	return b.done == b.g.rows.Len()
}

func inline(n int, do func(i int)) {
	for i := range n {
		do(i)
	}
}

// Graph returns the graph. It panics before Step has returned true. The Builder must
// not be used any more.
func (b *Builder) Graph() *Graph {
	if b.done < b.g.rows.Len() {
		panic(fmt.Sprintf("graph: only %d of %d rows are linked", b.done, b.g.rows.Len()))
	}
	b.g.digest = digest(b.g.Append(nil))
	return b.g
}

// batch links the next batch.
func (b *Builder) batch(run Runner) {
	b.size = min(max(b.done/batchShare, 1), maxBatchRows, b.g.rows.Len()-b.done)
	for l := range b.members {
		b.members[l] = b.members[l][:0]
		for m := range b.size {
			if b.g.rows.Level(b.done+m) >= l {
				b.members[l] = append(b.members[l], m)
			}
		}
	}
	chunks := min(buildChunks, b.size)
	for len(b.chunks) < chunks {
		b.chunks = append(b.chunks, &chunk{})
	}
	run(chunks, func(i int) {
		for m := i; m < b.size; m += chunks {
			b.insert(b.chunks[i], m)
		}
	})
	b.turnBack()
	run(chunks, func(i int) {
		for g := i * len(b.groups) / chunks; g < (i+1)*len(b.groups)/chunks; g++ {
			b.join(b.chunks[i], b.group(g))
		}
	})
	for l := range b.counts {
		b.counts[l] += len(b.members[l])
	}
	b.done += b.size
}

// top returns the highest layer with linked nodes, or -1.
func (b *Builder) top() int {
	for l := len(b.counts) - 1; l >= 0; l-- {
		if b.counts[l] > 0 {
			return l
		}
	}
	return -1
}

// insert finds and sets the links of a member of the batch.
func (b *Builder) insert(c *chunk, member int) {
	row := uint32(b.done + member)
	c.begin(b.g.rows.Len())
	b.space.aimRow(&c.target, row)
	if cap(c.batch) < member {
		c.batch = make([]float32, maxBatchRows)
	}
	c.batch = c.batch[:member]
	b.space.run(c.batch, &c.target, b.done)
	c.pool.reset(b.g.cfg.EfConstruct)
	top, level := b.top(), b.g.rows.Level(int(row))
	for l := level; l >= 0; l-- {
		switch {
		case l > top:
		case l == min(level, top):
			b.arrive(c, top, l)
		default:
			b.goDown(c, l)
		}
		if l <= top {
			b.search(c, l)
		}
		b.choose(c, l, member)
		b.store(c, l, row)
	}
}

// arrive goes down from the top to a layer and fills the pool there.
func (b *Builder) arrive(c *chunk, top, l int) {
	nearest := c.descend(b.g.layers, b.space, &c.target, 0, top, l+1)
	if l > 0 {
		// Rows met above have numbers of their own here; one suffices to begin with.
		c.forget()
		c.see(nearest.ref())
		c.pool.add(newEntry(nearest.distance(), b.g.layers[l].node(nearest.ref())))
		return
	}
	for i, row := range c.met {
		c.pool.add(newEntry(c.metDistances[i], row))
	}
}

// goDown takes the pool of the layer above to a layer, unexpanded.
func (b *Builder) goDown(c *chunk, l int) {
	c.forget()
	c.pool.renew()
	for i, e := range c.pool.entries {
		row := b.g.layers[l+1].row(e.ref())
		c.pool.entries[i] = newEntry(e.distance(), b.g.layers[l].node(row))
		c.see(row)
	}
}

// search expands the pool in a layer (algorithm 2 of the paper).
func (b *Builder) search(c *chunk, l int) {
	y := &b.g.layers[l]
	for {
		e, ok := c.pool.pop()
		if !ok {
			return
		}
		c.gather(y, e.ref(), 0)
		c.measure(b.space, &c.target)
		for i, node := range c.nodes {
			c.pool.add(newEntry(c.out[i], node))
		}
	}
}

// choose picks the links of a new node among the pool and the members before it.
func (b *Builder) choose(c *chunk, l, member int) {
	c.near.reset(b.g.cfg.EfConstruct)
	for _, e := range c.pool.entries {
		c.near.entries = append(c.near.entries, e&^1)
	}
	for i, m := range b.members[l] {
		if m >= member {
			break
		}
		c.near.add(newEntry(c.batch[m], uint32(b.counts[l]+i)))
	}
	c.picked = c.prune.pick(c.picked[:0], c.near.entries, &b.g.layers[l], &b.space, uint32(b.done+member), b.g.cfg.M)
}

// store sets the links of a new node.
func (b *Builder) store(c *chunk, l int, row uint32) {
	b.set(l, b.g.layers[l].node(row), c.picked)
}

// set replaces the links of a node.
func (b *Builder) set(l int, node uint32, links []entry) {
	y, w := &b.g.layers[l], &b.grown[l]
	places, distances := y.neighbours(node), w.distances[int(node)*y.degree:]
	for i, e := range links {
		places[i], distances[i] = e.ref(), e.distance()
	}
	for i := len(links); i < int(w.counts[node]); i++ {
		places[i] = none
	}
	w.counts[node] = uint16(len(links))
}

// turnBack lists the links that lead back to the batch, by the nodes they start from.
func (b *Builder) turnBack() {
	b.back, b.groups = b.back[:0], b.groups[:0]
	for l, members := range b.members {
		y, w := &b.g.layers[l], &b.grown[l]
		for i := range members {
			node := uint32(b.counts[l] + i)
			distances := w.distances[int(node)*y.degree:]
			for j, n := range y.neighbours(node)[:w.counts[node]] {
				b.back = append(b.back, edge{layer: l, from: n, to: node, distance: distances[j]})
			}
		}
	}
	slices.SortStableFunc(b.back, func(x, y edge) int {
		if x.layer != y.layer {
			return x.layer - y.layer
		}
		return int(x.from) - int(y.from)
	})
	for i, e := range b.back {
		if i == 0 || e.layer != b.back[i-1].layer || e.from != b.back[i-1].from {
			b.groups = append(b.groups, i)
		}
	}
}

// group returns the links of the i-th node that gets some.
func (b *Builder) group(i int) []edge {
	end := len(b.back)
	if i+1 < len(b.groups) {
		end = b.groups[i+1]
	}
	return b.back[b.groups[i]:end]
}

// join adds links to a node; when there is no room, all are chosen anew.
func (b *Builder) join(c *chunk, edges []edge) {
	l, node := edges[0].layer, edges[0].from
	y, w := &b.g.layers[l], &b.grown[l]
	places, distances := y.neighbours(node), w.distances[int(node)*y.degree:][:y.degree]
	n := int(w.counts[node])
	if n+len(edges) <= y.degree {
		for i, e := range edges {
			places[n+i], distances[n+i] = e.to, e.distance
		}
		w.counts[node] = uint16(n + len(edges))
		return
	}
	all := c.near.entries[:0]
	for i, to := range places[:n] {
		all = append(all, newEntry(distances[i], to))
	}
	for _, e := range edges {
		all = append(all, newEntry(e.distance, e.to))
	}
	slices.Sort(all)
	c.near.entries = all
	c.picked = c.prune.pick(c.picked[:0], all, y, &b.space, node, y.degree)
	b.set(l, node, c.picked)
}
