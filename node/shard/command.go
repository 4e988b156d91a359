package shard

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// The kinds of command.
const (
	commandDrop     = 'D'
	commandMaintain = 'M'
	commandWrite    = 'W'
)

// Bits of an operation's first byte, beside flow.OpKind.
const (
	opKindMask = 0x0f
	opIf       = 0x10
)

// Write is a decoded write command.
type write struct {
	collection flow.CollectionID
	definition
	// sum is the checksum of the operations by the node that routed them, 0 in a command
	// of format version 1.
	sum uint64
	// opsAt is where the operations begin in body, with their number.
	opsAt int
	ops   int
	r     *wire.Reader
	body  []byte
}

// sumBytes is the length of a write's checksum.
const sumBytes = 8

// EncodeWrite returns the command that applies those of ops whose positions are
// given, in that order, to a collection. The collection's definition travels with
// each write: a shard learns of a collection from its log alone. Since format version 2
// a checksum of the operations stands before the rest: it tells a request id that is
// used again for other operations from a retry, and damage on the way to the leader.
func EncodeWrite(format flow.FormatVersion, c flow.Collection, ops []flow.Op, positions []int) []byte {
	size := 48
	for _, i := range positions {
		size += 24 + len(ops[i].ID) + 4*len(ops[i].Vector) + len(ops[i].Payload)
	}
	w := wire.Writer{Buf: make([]byte, 0, size)}
	replica.BeginCommand(&w, format, commandWrite)
	sumAt := len(w.Buf)
	if format >= 2 {
		w.Fixed64(0)
	}
	w.Uint(uint64(c.ID))
	definitionOf(c).encode(&w)
	opsAt := len(w.Buf)
	w.Uint(uint64(len(positions)))
	for _, i := range positions {
		encodeOp(&w, &ops[i])
	}
	if format >= 2 {
		binary.LittleEndian.PutUint64(w.Buf[sumAt:], sumOf(w.Buf[opsAt:]))
	}
	return w.Buf
}

// sumOf is the checksum of encoded operations: their xxHash64, never 0, which is none.
func sumOf(ops []byte) uint64 { return max(xxhash.Sum64(ops), 1) }

// encodeOp ends an upsert with its rows, in the stored form, so that applying it
// stores parts of the command as they are.
func encodeOp(w *wire.Writer, op *flow.Op) {
	first := byte(op.Kind)
	if op.If {
		first |= opIf
	}
	w.Byte(first)
	if op.If {
		w.Uint(op.IfVersion)
	}
	w.Text(string(op.ID))
	if op.Kind == flow.Upsert {
		w.Floats(op.Vector)
		w.Bytes(op.Payload)
	}
}

// decodeWrite reads what follows a write's kind.
func decodeWrite(format flow.FormatVersion, body []byte) (write, error) {
	r := wire.NewReader(body)
	c := write{r: r, body: body}
	if format >= 2 {
		c.sum = r.Fixed64()
	}
	c.collection, c.definition = flow.CollectionID(r.Uint()), decodeDefinition(r)
	c.opsAt = len(body) - r.Len()
	c.ops = r.Count(2)
	return c, r.Err()
}

// whole says whether a write has the operations that it was made with.
func (c *write) whole() bool { return c.sum == 0 || c.sum == sumOf(c.body[c.opsAt:]) }

// op is one decoded operation of a write.
type op struct {
	kind      flow.OpKind
	cond      bool
	ifVersion uint64
	id        flow.PointID
	vector    []float32 // valid until the next call
	// row and payload are what is stored of the point; they alias the command.
	row, payload []byte
}

// next decodes the following operation, using scratch for the vector; with a nil
// scratch it passes over it.
func (c *write) next(scratch []float32) (op, error) {
	first := c.r.Byte()
	o := op{kind: flow.OpKind(first & opKindMask), cond: first&opIf != 0}
	if o.cond {
		o.ifVersion = c.r.Uint()
	}
	start := len(c.body) - c.r.Len()
	o.id = flow.PointID(c.r.Text())
	if o.kind == flow.Upsert {
		if scratch == nil {
			c.r.SkipFloats()
		} else {
			o.vector = c.r.AppendFloats(scratch[:0])
		}
		o.row = c.body[start : len(c.body)-c.r.Len()]
		o.payload = c.r.Bytes()
	}
	return o, c.r.Err()
}

// EncodeDrop returns the command that drops collections. position is how many
// collections the system group had dropped when the list was made, so that a shard
// knows how far it has come.
func EncodeDrop(position uint64, ids []flow.CollectionID) []byte {
	var w wire.Writer
	w.Byte(commandDrop)
	w.Uint(position)
	w.Uint(uint64(len(ids)))
	for _, id := range ids {
		w.Uint(uint64(id))
	}
	return w.Buf
}

// AddsData says whether a command that Admit lets pass could make the shard grow.
func AddsData(body []byte) bool {
	format, kind, rest, refused := replica.OpenCommand(body, flow.NewestFormat)
	if refused != nil || kind != commandWrite {
		return false
	}
	w, err := decodeWrite(format, rest)
	if err != nil {
		return false
	}
	for range w.ops {
		if o, err := w.next(nil); err != nil || o.kind == flow.Upsert {
			return true
		}
	}
	return false
}

func decodeDrop(body []byte) (position uint64, ids []flow.CollectionID, err error) {
	r := wire.NewReader(body)
	position = r.Uint()
	for range r.Count(1) {
		ids = append(ids, flow.CollectionID(r.Uint()))
	}
	return position, ids, r.Done()
}

// Refusal says why a command as a whole was not applied.
type Refusal byte

// The refusals.
const (
	// None: the command was applied; Results tells each operation's fate.
	None Refusal = iota
	// Dropped: the collection is dropped in this shard.
	Dropped
	// Expired: the request id is older than what the shard still remembers; it could
	// be a retry of what was applied.
	Expired
	// Ahead: the request id's time is too far ahead of the shard's.
	Ahead
	// Reused: the request id is that of a write of other operations, which was applied.
	// Since format version 2.
	Reused
)

// Err returns the error that tells a client of the refusal of its request; nil for
// None and Dropped.
func (f Refusal) Err(id flow.RequestID) *flow.Error {
	switch f {
	case Expired:
		return flow.Errorf(flow.Conflict, "shard.Apply", "request id %v is older than the %v for which requests are remembered: if this is a retry, it may have been applied; read before writing again", id, dedupWindow)
	case Ahead:
		return flow.Errorf(flow.InvalidArgument, "shard.Apply", "the time in request id %v is more than %v ahead: the clock it was made with is wrong", id, maxAhead)
	case Reused:
		return flow.Errorf(flow.Conflict, "shard.Apply", "request id %v was used for another write", id)
	}
	return nil
}

// outcome is what became of a write.
type outcome struct {
	refusal Refusal
	results []flow.OpResult
}

// encode is short in the usual case that every operation was applied at one index.
func (o outcome) encode(index uint64) []byte {
	var w wire.Writer
	w.Byte(byte(o.refusal))
	if o.refusal != None {
		return w.Buf
	}
	w.Uint(uint64(len(o.results)))
	plain := true
	for _, r := range o.results {
		plain = plain && r.Status == flow.Applied && r.Version == index
	}
	w.Bool(plain)
	if plain {
		w.Uint(index)
		return w.Buf
	}
	for _, r := range o.results {
		w.Byte(byte(r.Status))
		w.Uint(r.Version)
	}
	return w.Buf
}

// DecodeResult reads the result of a write command.
func DecodeResult(b []byte) (Refusal, []flow.OpResult, error) {
	r := wire.NewReader(b)
	refusal := Refusal(r.Byte())
	if refusal != None {
		return refusal, nil, r.Done()
	}
	// A count is not checked against the bytes left: the plain form is short.
	n := r.Uint()
	if n > flow.MaxBatchPoints {
		return None, nil, wire.ErrShort
	}
	results := make([]flow.OpResult, n)
	if r.Bool() {
		index := r.Uint()
		for i := range results {
			results[i] = flow.OpResult{Status: flow.Applied, Version: index}
		}
		return None, results, r.Done()
	}
	for i := range results {
		results[i] = flow.OpResult{Status: flow.OpStatus(r.Byte()), Version: r.Uint()}
	}
	return None, results, r.Done()
}
