package system

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
)

func encodeInfo(w *wire.Writer, n *flow.NodeInfo) {
	w.Uint(uint64(n.ID))
	w.Text(n.Name)
	w.Text(n.Addr)
	w.Text(n.APIAddr)
	w.Text(n.Region)
}

func decodeInfo(r *wire.Reader) flow.NodeInfo {
	return flow.NodeInfo{ID: flow.NodeID(r.Uint()), Name: r.Text(), Addr: r.Text(), APIAddr: r.Text(), Region: r.Text()}
}

func encodeNode(n *Node) []byte {
	var w wire.Writer
	encodeInfo(&w, &n.NodeInfo)
	w.Raw(n.Nonce[:])
	w.Uint(uint64(n.SystemReplica))
	w.Bool(n.Lost)
	return w.Buf
}

func decodeNode(r *wire.Reader) *Node {
	return &Node{NodeInfo: decodeInfo(r), Nonce: decodeRequest(r), SystemReplica: flow.ReplicaID(r.Uint()), Lost: r.Bool()}
}

func encodeCollection(c *Collection) []byte {
	var w wire.Writer
	w.Uint(uint64(c.ID))
	encodeDefinition(&w, &c.Collection)
	w.Raw(c.Request[:])
	w.Uint(uint64(len(c.Fields)))
	for _, f := range c.Fields {
		encodeField(&w, f)
	}
	return w.Buf
}

func encodeField(w *wire.Writer, f flow.Field) {
	w.Text(f.Path)
	w.Byte(byte(f.Kind))
}

func decodeField(r *wire.Reader) flow.Field {
	return flow.Field{Path: r.Text(), Kind: flow.FieldKind(r.Byte())}
}

func decodeCollection(r *wire.Reader) *Collection {
	id := flow.CollectionID(r.Uint())
	c := &Collection{Collection: decodeDefinition(r), Request: decodeRequest(r)}
	c.ID = id
	for range r.Count(2) {
		c.Fields = append(c.Fields, decodeField(r))
	}
	return c
}

// encodeDefinition writes a collection without its id.
func encodeDefinition(w *wire.Writer, c *flow.Collection) {
	w.Text(c.Name)
	w.Uint(uint64(c.Dim))
	w.Byte(byte(c.Metric))
	w.Uint(uint64(c.M))
	w.Uint(uint64(c.EfConstruct))
	w.Byte(byte(c.Quantization))
}

func decodeDefinition(r *wire.Reader) flow.Collection {
	return flow.Collection{Name: r.Text(), Dim: int(r.Uint()), Metric: flow.Metric(r.Byte()),
		IndexParams: flow.IndexParams{M: int(r.Uint()), EfConstruct: int(r.Uint()), Quantization: flow.Quantization(r.Byte())}}
}

func encodePlacement(p *Placement) []byte {
	var w wire.Writer
	w.Uint(uint64(p.Shard))
	w.Fixed64(p.Start)
	w.Uint(p.Epoch)
	w.Uint(uint64(p.Generation))
	w.Uint(uint64(len(p.Replicas)))
	for _, id := range p.Replicas {
		w.Uint(uint64(id))
	}
	return w.Buf
}

func decodePlacement(r *wire.Reader) *Placement {
	p := &Placement{Shard: flow.ShardID(r.Uint()), Start: r.Fixed64(), Epoch: r.Uint(), Generation: uint32(r.Uint())}
	for range r.Count(1) {
		p.Replicas = append(p.Replicas, flow.ReplicaID(r.Uint()))
	}
	return p
}

func encodeMove(m *Move) []byte {
	var w wire.Writer
	w.Uint(m.ID)
	w.Uint(uint64(m.Shard))
	w.Uint(uint64(m.Add))
	w.Uint(uint64(m.Remove))
	w.Bool(m.Cancelled)
	return w.Buf
}

func decodeMove(r *wire.Reader) *Move {
	return &Move{ID: r.Uint(), Shard: flow.ShardID(r.Uint()), Add: flow.ReplicaID(r.Uint()), Remove: flow.ReplicaID(r.Uint()), Cancelled: r.Bool()}
}

func encodeDrop(d Drop) []byte {
	var w wire.Writer
	w.Uint(uint64(d.ID))
	w.Text(d.Name)
	w.Raw(d.Created[:])
	w.Raw(d.Request[:])
	return w.Buf
}

func encodeFormat(v flow.FormatVersion) []byte { return []byte{byte(v)} }

// decodeRequest reads 16 raw bytes.
func decodeRequest(r *wire.Reader) (id [16]byte) {
	for i := range id {
		id[i] = r.Byte()
	}
	return id
}
