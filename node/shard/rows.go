package shard

import (
	"encoding/binary"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
)

// Rows of a shard's state, by their first byte, in key order:
//
//	'c' collection            the collection's dimension, metric and graph parameters
//	'd' request id            the result of an applied request
//	'e' request id            the checksum of its operations, and the result; since format 2
//	'g' collection, segment   the segment: its slots, the digest of its graph
//	'i' collection, id        the point's slot
//	'r' collection, slot      the point: id and vector
//	't' collection, slot      its payload, if it has one
//	'x' collection            the collection is dropped
//
// Points lie under their slots, in the order of writing: random keys would cost
// five times as much to load. The id rows give the order of a scroll, and tell which
// points live: a segment keeps the rows of points removed from it until it is merged, so
// that what its graph is built of stays the same. Payloads have rows of their own, so that neither is read for the other.
const (
	rowCollection = 'c'
	rowDedup      = 'd'
	rowSummed     = 'e'
	rowSegment    = 'g'
	rowID         = 'i'
	rowPoint      = 'r'
	rowPayload    = 't'
	rowDropped    = 'x'
)

func key(tag byte, id flow.CollectionID, extra int) []byte {
	k := make([]byte, 0, 9+extra)
	return binary.BigEndian.AppendUint64(append(k, tag), uint64(id))
}

func collectionKey(id flow.CollectionID) []byte { return key(rowCollection, id, 0) }
func droppedKey(id flow.CollectionID) []byte    { return key(rowDropped, id, 0) }

func dedupKey(tag byte, id flow.RequestID) []byte { return append([]byte{tag}, id[:]...) }

func idKey(id flow.CollectionID, p flow.PointID) []byte {
	return append(key(rowID, id, len(p)), p...)
}

func slotKey(tag byte, id flow.CollectionID, slot uint64) []byte {
	return binary.BigEndian.AppendUint64(key(tag, id, 8), slot)
}

// PointKey returns the state key of the point stored at a slot; DecodePoint reads its value.
func PointKey(id flow.CollectionID, slot uint64) []byte { return slotKey(rowPoint, id, slot) }

// PayloadKey returns the state key of the payload of the point stored at a slot. The
// value is the payload; there is no row when there is none.
func PayloadKey(id flow.CollectionID, slot uint64) []byte { return slotKey(rowPayload, id, slot) }

// IDRange returns the state keys of a collection's id rows from an id on; the value
// of an id row is read by DecodeSlot.
func IDRange(id flow.CollectionID, from flow.PointID) (lo, hi []byte) {
	return idKey(id, from), disk.After(key(rowID, id, 0))
}

// Prefixes returns what the state keys of a collection's rows begin with: its segments,
// ids, points and payloads.
func Prefixes(id flow.CollectionID) [][]byte {
	return [][]byte{key(rowSegment, id, 0), key(rowID, id, 0), key(rowPoint, id, 0), key(rowPayload, id, 0)}
}

// DecodeSlot reads the value of an id row.
func DecodeSlot(value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, flow.Errorf(flow.Corrupt, "shard.DecodeSlot", "id row of %d bytes", len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// DecodePoint reads the row of a slot: all of the point but its payload. The vector is
// a copy.
func DecodePoint(slot uint64, value []byte) (flow.Point, error) {
	r := wire.NewReader(value)
	p := flow.Point{ID: flow.PointID(r.Text()), Version: Version(slot), Vector: r.Floats()}
	if err := r.Done(); err != nil {
		return flow.Point{}, flow.Errorf(flow.Corrupt, "shard.DecodePoint", "row of slot %d: %w", slot, err)
	}
	return p, nil
}

// definition is what a shard knows of a collection: what it was created with.
type definition struct {
	dim    int
	metric flow.Metric
	params flow.IndexParams
}

func definitionOf(c flow.Collection) definition {
	return definition{dim: c.Dim, metric: c.Metric, params: c.IndexParams.WithDefaults()}
}

func (d definition) valid() bool {
	return d.dim >= 1 && d.dim <= flow.MaxDim && d.metric.Valid() && d.params.Check() == nil
}

func (d definition) encode(w *wire.Writer) {
	w.Uint(uint64(d.dim))
	w.Byte(byte(d.metric))
	w.Uint(uint64(d.params.M))
	w.Uint(uint64(d.params.EfConstruct))
	w.Byte(byte(d.params.Quantization))
}

func (d definition) row() []byte {
	var w wire.Writer
	d.encode(&w)
	return w.Buf
}

func decodeDefinition(r *wire.Reader) definition {
	return definition{dim: int(r.Uint()), metric: flow.Metric(r.Byte()),
		params: flow.IndexParams{M: int(r.Uint()), EfConstruct: int(r.Uint()), Quantization: flow.Quantization(r.Byte())}}
}
