package graph

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// A stored graph: magic, version, metric, quantization, then as uvarints the dimension,
// M, EfConstruct and the numbers of rows and of layers; for each layer, the number of
// its nodes, and for each node the number of its links and each link (u32); then the
// xxHash64 of the parameters of the codes, 0 without (u64); at last the xxHash64 of all that (u64). Fixed
// numbers are little endian. Rows and codes are not stored: the codes are made of the rows.
const (
	codecMagic   = "flowgrph"
	codecVersion = 1
	sumBytes     = 8
)

func digest(encoded []byte) uint64 {
	return binary.LittleEndian.Uint64(encoded[len(encoded)-sumBytes:])
}

// Append appends the graph, without its rows, to dst.
func (g *Graph) Append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, codecMagic...)
	dst = append(dst, codecVersion, byte(g.cfg.Metric), byte(g.cfg.Quantization))
	for _, x := range []int{g.cfg.Dim, g.cfg.M, g.cfg.EfConstruct, g.rows.Len(), len(g.layers)} {
		dst = binary.AppendUvarint(dst, uint64(x))
	}
	for i := range g.layers {
		dst = g.layers[i].append(dst)
	}
	dst = binary.LittleEndian.AppendUint64(dst, g.codes.sum())
	return binary.LittleEndian.AppendUint64(dst, xxhash.Sum64(dst[start:]))
}

func (l *layer) append(dst []byte) []byte {
	nodes := len(l.links) / l.degree
	dst = binary.AppendUvarint(dst, uint64(nodes))
	for node := range nodes {
		links := l.neighbours(uint32(node))
		n := 0
		for n < len(links) && links[n] != none {
			n++
		}
		dst = binary.AppendUvarint(dst, uint64(n))
		for _, to := range links[:n] {
			dst = binary.LittleEndian.AppendUint32(dst, to)
		}
	}
	return dst
}

// Decode returns the graph over rows that Append has written, or Corrupt: when the
// checksum is wrong, or when the graph is not one over such rows under this Config.
func Decode(cfg Config, rows *Rows, data []byte) (*Graph, error) {
	const op = "graph.Decode"
	end := len(data) - sumBytes
	if end < 0 || digest(data) != xxhash.Sum64(data[:end]) {
		return nil, flow.Errorf(flow.Corrupt, op, "checksum of %d bytes is wrong", len(data))
	}
	r := reader{data: data[:end]}
	if string(r.bytes(len(codecMagic))) != codecMagic || r.byte() != codecVersion {
		return nil, flow.Errorf(flow.Corrupt, op, "not a graph of version %d", codecVersion)
	}
	if metric, quantization := r.byte(), r.byte(); metric != byte(cfg.Metric) || quantization != byte(cfg.Quantization) {
		return nil, flow.Errorf(flow.Corrupt, op, "a graph under metric %d and quantization %d, not %d and %d", metric, quantization, cfg.Metric, cfg.Quantization)
	}
	for _, want := range []int{cfg.Dim, cfg.M, cfg.EfConstruct, rows.Len(), rows.layers()} {
		if got := r.uvarint(); got != uint64(want) {
			return nil, flow.Errorf(flow.Corrupt, op, "a graph with %d where its rows and parameters have %d", got, want)
		}
	}
	g := newGraph(cfg, rows)
	for i := range g.layers {
		g.layers[i].decode(&r)
	}
	if sum := r.uint64(); !r.failed && sum != g.codes.sum() {
		return nil, flow.Errorf(flow.Corrupt, op, "the rows give codes with parameters of checksum %x, not %x", g.codes.sum(), sum)
	}
	if r.failed || len(r.data) != 0 {
		return nil, flow.Errorf(flow.Corrupt, op, "links are wrong, cut off, or followed by %d bytes", len(r.data))
	}
	g.digest = digest(data)
	return g, nil
}

// decode reads the links of a layer whose nodes are known.
func (l *layer) decode(r *reader) {
	nodes := len(l.links) / l.degree
	r.failed = r.failed || r.uvarint() != uint64(nodes)
	for node := 0; node < nodes && !r.failed; node++ {
		n := r.uvarint()
		if n > uint64(l.degree) {
			r.failed = true
			return
		}
		links := l.neighbours(uint32(node))
		for i := range int(n) {
			to := r.uint32()
			r.failed = r.failed || int(to) >= nodes
			links[i] = to
		}
	}
}

// reader takes values from the front of data. After a failure it gives zeros.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) bytes(n int) []byte {
	if r.failed || len(r.data) < n {
		r.failed = true
		return make([]byte, n)
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) byte() byte     { return r.bytes(1)[0] }
func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }

func (r *reader) uint64() uint64 { return binary.LittleEndian.Uint64(r.bytes(8)) }

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.data)
	if r.failed || n <= 0 {
		r.failed = true
		return 0
	}
	r.data = r.data[n:]
	return x
}
