// Package shard is the state machine of a data shard: its slice of every
// collection, the vectors' index, and the table of requests already applied. What
// it becomes is a function of its log alone; it never reads a clock or a disk.
package shard

import (
	"encoding/binary"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/index/filter"
	"github.com/ruvector-flow/ruvector-flow/index/memory"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// slotOpBits is how many low bits of a slot number an operation within its command;
// the rest is the Raft index, which is the point's version. Slots thus ascend with
// the log, and vectors are stored in the order of writing.
const slotOpBits = 16

// Machine is the state of one data shard.
type Machine struct {
	collections map[flow.CollectionID]*collection
	// dropped holds the ids of dropped collections; dropPosition is how much of the
	// system group's list of them this shard has seen.
	dropped      map[flow.CollectionID]bool
	dropPosition uint64
	dedup        dedup
	// changed holds the collections that changed since TakeChanged.
	changed map[flow.CollectionID]bool
	scratch []float32
	// fields are the declared fields as of a version of them; unbuilt are the collections
	// that have one whose index is not made yet. No part of the state.
	fields        map[flow.CollectionID][]flow.Field
	fieldsVersion uint64
	unbuilt       []flow.CollectionID
	memory        memory.Source
	// newest is the highest format version that it takes.
	newest flow.FormatVersion
}

var _ replica.Machine = (*Machine)(nil)

// collection is a shard's slice of one collection.
type collection struct {
	definition
	points map[flow.PointID]location
	index  *index.Index
	// payloads holds what declared fields of the payloads are, by ordinal of index.
	payloads *filter.Index
	// segments is the segment table by ascending slots.
	segments []Segment
	// dead holds the hashes of the rows that segments retain, by slot.
	dead map[uint64]uint64
	// hashes is the sum of the hashes of all its rows.
	hashes uint64
	// writes counts the operations applied.
	writes uint64
	// idBytes is the sum of the lengths of the ids.
	idBytes uint64
	// restoring is there while the collection's rows are coming.
	restoring *restoring
}

// location is where a point is stored, and the hashes of its rows; payload is 0 when
// it has none.
type location struct{ slot, hash, payload uint64 }

// New returns an empty shard whose vectors and graphs lie in memory of the source; nil
// for the Go heap.
func New(source memory.Source) *Machine {
	return &Machine{
		memory: source, newest: flow.NewestFormat,
		collections: map[flow.CollectionID]*collection{}, dropped: map[flow.CollectionID]bool{}, changed: map[flow.CollectionID]bool{},
		dedup: dedup{results: map[flow.RequestID]remembered{}}, scratch: make([]float32, 0, 16),
	}
}

// Reads makes commands and rows of a version above newest errors, as they are to a
// program that knows no more, and returns the machine.
func (m *Machine) Reads(newest flow.FormatVersion) *Machine {
	m.newest = newest
	return m
}

// Apply implements replica.Machine.
func (m *Machine) Apply(index uint64, c replica.Command, rows *replica.Rows) []byte {
	m.dedup.advance(c.Time, rows)
	format, kind, body, refused := replica.OpenCommand(c.Body, m.newest)
	if refused != nil {
		panic(flow.Errorf(flow.Corrupt, "shard.Apply", "command at %d: %w", index, refused))
	}
	if kind != commandWrite {
		if err := m.applyOther(index, kind, body, rows); err != nil {
			panic(flow.Errorf(flow.Corrupt, "shard.Apply", "command at %d: %w", index, err))
		}
		return outcome{}.encode(index)
	}
	w, err := decodeWrite(format, body)
	if err != nil {
		panic(flow.Errorf(flow.Corrupt, "shard.Apply", "write command at %d: %w", index, err))
	}
	if was, ok := m.dedup.results[c.Request]; ok {
		return was.answer(w.sum)
	}
	if f := m.dedup.refuses(c.Request, c.Time); f != None {
		return outcome{refusal: f}.encode(index)
	}
	if m.dropped[w.collection] {
		return outcome{refusal: Dropped}.encode(index)
	}
	result := m.write(index, w, rows).encode(index)
	m.dedup.remember(c.Request, remembered{sum: w.sum, result: result}, rows)
	return result
}

// applyOther applies a command that is no write: it recognises its own repetition by
// what it finds.
func (m *Machine) applyOther(at uint64, kind byte, body []byte, rows *replica.Rows) error {
	switch kind {
	case commandMaintain:
		s, err := decodeStep(body)
		if err == nil {
			m.maintain(at, s, rows)
		}
		return err
	case commandDrop:
	default:
		return flow.Errorf(flow.Corrupt, "shard.applyOther", "unknown kind %q", kind)
	}
	position, ids, err := decodeDrop(body)
	if err == nil {
		m.drop(position, ids, rows)
	}
	return err
}

// Admit implements replica.Machine: a malformed command is InvalidArgument; one whose
// request id is refused gets the Refusal's error.
func (m *Machine) Admit(c replica.Command) *flow.Error {
	format, kind, body, refused := replica.OpenCommand(c.Body, m.newest)
	if refused != nil {
		return refused
	}
	malformed := flow.Errorf(flow.InvalidArgument, "shard.Admit", "the command is malformed")
	var err error
	switch kind {
	case commandDrop:
		_, _, err = decodeDrop(body)
	case commandMaintain:
		_, err = decodeStep(body)
	case commandWrite:
		return m.admitWrite(c, format, body, malformed)
	default:
		return malformed
	}
	if err != nil {
		return malformed
	}
	return nil
}

func (m *Machine) admitWrite(c replica.Command, format flow.FormatVersion, body []byte, malformed *flow.Error) *flow.Error {
	w, err := decodeWrite(format, body)
	if err != nil || w.ops > flow.MaxBatchPoints || !w.definition.valid() {
		return malformed
	}
	if !w.whole() {
		return flow.Errorf(flow.Unavailable, "shard.Admit", "the command is not as it was made: its checksum differs")
	}
	for range w.ops {
		if o, err := w.next(nil); err != nil || !o.id.Valid() || o.kind != flow.Upsert && o.kind != flow.Delete {
			return malformed
		}
	}
	if w.r.Done() != nil {
		return malformed
	}
	return m.dedup.refuses(c.Request, c.Time).Err(c.Request)
}

// Seen implements replica.Machine.
func (m *Machine) Seen(c replica.Command) (result []byte, ok bool) {
	was, ok := m.dedup.results[c.Request]
	if !ok {
		return nil, false
	}
	sum := uint64(0)
	if format, kind, body, refused := replica.OpenCommand(c.Body, m.newest); refused == nil && kind == commandWrite {
		if w, err := decodeWrite(format, body); err == nil {
			sum = w.sum
		}
	}
	return was.answer(sum), true
}

func (m *Machine) write(at uint64, w write, rows *replica.Rows) outcome {
	c := m.collections[w.collection]
	if c == nil {
		c = m.create(w.collection, w.definition)
		rows.Put(collectionKey(w.collection), w.definition.row())
	}
	m.changed[w.collection] = true
	results := make([]flow.OpResult, w.ops)
	for i := range results {
		o, err := w.next(m.scratch)
		if err != nil {
			panic(flow.Errorf(flow.Corrupt, "shard.write", "operation %d of the command at %d: %w", i, at, err))
		}
		if cap(o.vector) > 0 {
			m.scratch = o.vector
		}
		results[i] = c.apply(w.collection, at<<slotOpBits|uint64(i), o, rows)
	}
	return outcome{results: results}
}

func (m *Machine) create(id flow.CollectionID, d definition) *collection {
	x, err := index.New(index.Config{Dim: d.dim, Metric: d.metric, M: d.params.M, EfConstruct: d.params.EfConstruct, Quantization: d.params.Quantization, Memory: m.memory})
	if err != nil {
		panic(err) // the definition was checked before it entered the log
	}
	c := &collection{definition: d, points: map[flow.PointID]location{}, index: x, payloads: filter.New(m.fields[id]...), dead: map[uint64]uint64{}}
	m.collections[id], m.changed[id] = c, true
	return c
}

// apply decides and carries out one operation.
func (c *collection) apply(id flow.CollectionID, slot uint64, o op, rows *replica.Rows) flow.OpResult {
	old, exists := c.points[o.id]
	version := old.slot >> slotOpBits
	switch {
	case o.cond && o.ifVersion != version:
		return flow.OpResult{Status: flow.Conflicted, Version: version}
	case o.kind == flow.Delete && !exists:
		return flow.OpResult{Status: flow.Absent}
	case o.kind == flow.Upsert && len(o.vector) != c.dim:
		return flow.OpResult{Status: flow.Failed}
	}
	c.writes++
	if exists {
		c.remove(id, o.id, old, rows)
	}
	if o.kind == flow.Upsert {
		at := location{slot: slot, hash: rows.Put(PointKey(id, slot), o.row)}
		if len(o.payload) > 0 {
			at.payload = rows.Put(PayloadKey(id, slot), o.payload)
		}
		c.hashes += at.hash + at.payload + rows.Put(idKey(id, o.id), encodeSlot(slot))
		c.insert(o.id, at, o.vector, o.payload)
	}
	return flow.OpResult{Status: flow.Applied, Version: slot >> slotOpBits}
}

func (c *collection) remove(id flow.CollectionID, p flow.PointID, old location, rows *replica.Rows) {
	idHash := replica.RowHash(idKey(id, p), encodeSlot(old.slot))
	ordinal, retained := c.index.Remove(old.slot)
	c.payloads.Remove(ordinal)
	if retained {
		c.dead[old.slot] = old.hash
	} else {
		rows.Delete(PointKey(id, old.slot), old.hash)
		c.hashes -= old.hash
	}
	if old.payload != 0 {
		rows.Delete(PayloadKey(id, old.slot), old.payload)
	}
	rows.Delete(idKey(id, p), idHash)
	c.hashes -= old.payload + idHash
	c.idBytes -= uint64(len(p))
	delete(c.points, p)
}

func (c *collection) insert(p flow.PointID, at location, v []float32, payload []byte) {
	c.points[p] = at
	c.idBytes += uint64(len(p))
	c.payloads.Add(c.index.Insert(at.slot, p, v), payload)
}

func (m *Machine) drop(position uint64, ids []flow.CollectionID, rows *replica.Rows) {
	m.dropPosition = max(m.dropPosition, position)
	for _, id := range ids {
		if m.dropped[id] {
			continue
		}
		m.dropped[id] = true
		rows.Put(droppedKey(id), nil)
		c := m.collections[id]
		if c == nil {
			continue
		}
		for _, prefix := range Prefixes(id) {
			rows.DeleteRange(prefix, disk.After(prefix), c.hashes)
			c.hashes = 0 // it is of all of them
		}
		rows.Delete(collectionKey(id), replica.RowHash(collectionKey(id), c.definition.row()))
		delete(m.collections, id)
		m.changed[id] = true
	}
}

// Meta implements replica.Machine.
func (m *Machine) Meta() []byte {
	var w wire.Writer
	w.Int(int64(m.dedup.logTime))
	w.Int(int64(m.dedup.floor))
	w.Uint(m.dropPosition)
	return w.Buf
}

// Points implements replica.Machine.
func (m *Machine) Points() (points, bytes uint64) {
	for _, c := range m.collections { // order-free: a sum
		points += uint64(len(c.points))
		bytes += c.bytes()
	}
	return points, bytes + uint64(len(m.dedup.results))*dedupBytes
}

const (
	// locationBytes is what a point costs in the map, on 64-bit machines: 40 bytes, and the
	// room that such a map keeps.
	locationBytes = 60
	// deadBytes is what a retained row costs, beside its place in the index.
	deadBytes = 24
	// dedupBytes is what a remembered request costs, its place in the map and in the heap and
	// the result of one operation: measured by TestDedupBytes.
	dedupBytes = 118
)

// bytes is the memory of the collection.
func (c *collection) bytes() uint64 {
	return c.index.Bytes() + c.payloads.Bytes() + c.idBytes + uint64(len(c.points))*locationBytes + uint64(len(c.dead))*deadBytes
}

// Bytes returns the memory of a collection.
func (m *Machine) Bytes(id flow.CollectionID) uint64 {
	if c := m.collections[id]; c != nil {
		return c.bytes()
	}
	return 0
}

// DropPosition is how much of the system group's list of drops the shard has seen.
func (m *Machine) DropPosition() uint64 { return m.dropPosition }

// IsDropped says whether the shard's log has dropped a collection.
func (m *Machine) IsDropped(id flow.CollectionID) bool { return m.dropped[id] }

// Count returns the number of a collection's points.
func (m *Machine) Count(id flow.CollectionID) uint64 {
	if c := m.collections[id]; c != nil {
		return uint64(len(c.points))
	}
	return 0
}

// Slot returns where a point is stored.
func (m *Machine) Slot(id flow.CollectionID, p flow.PointID) (slot uint64, ok bool) {
	c := m.collections[id]
	if c == nil {
		return 0, false
	}
	at, ok := c.points[p]
	return at.slot, ok
}

// View returns an immutable view of a collection's index, or nil when the shard
// has none of it.
func (m *Machine) View(id flow.CollectionID) *index.View {
	if c := m.collections[id]; c != nil {
		return c.index.View()
	}
	return nil
}

// Payloads returns an immutable view of what is indexed of a collection's payloads, by
// the ordinals of View, or nil when the shard has none of it.
func (m *Machine) Payloads(id flow.CollectionID) *filter.View {
	if c := m.collections[id]; c != nil {
		return c.payloads.View()
	}
	return nil
}

// Version returns the version of the point stored at a slot.
func Version(slot uint64) uint64 { return slot >> slotOpBits }

func encodeSlot(slot uint64) []byte { return binary.BigEndian.AppendUint64(nil, slot) }
