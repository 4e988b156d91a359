package replica

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
)

// Machine is the state machine of a group: node/shard for data, node/system for
// the cluster's own. What it becomes depends on nothing but the commands.
type Machine interface {
	// Apply applies the committed command at an index and returns its result.
	// Changes of stored state go through rows.
	Apply(index uint64, c Command, rows *Rows) (result []byte)
	// Admit refuses a command that must not enter the log: one that is malformed, or
	// that Apply would only refuse. What it lets pass may still be refused by Apply.
	Admit(c Command) *flow.Error
	// Seen returns the result of a command whose request was applied before and is still
	// remembered.
	Seen(c Command) (result []byte, ok bool)
	// Meta returns the small part of the state that is not rows. It is stored with
	// every applied index and is part of the digest.
	Meta() []byte
	// Restore takes one stored row of a machine that is being rebuilt. Rows come in
	// ascending key order; the slices are valid only during the call.
	Restore(key, value []byte) error
	// Restored ends a rebuild with the meta that belongs to the rows.
	Restored(meta []byte) error
	// Points returns the number of live points and the bytes they take in memory.
	Points() (points, bytes uint64)
}

// Command is what a log entry asks of the machine.
type Command struct {
	// Request names the command, so that a retry is recognised.
	Request flow.RequestID
	// Time is the proposer's clock.
	Time flow.Time
	// Body is the machine's own encoding, which begins as BeginCommand says; it must not
	// be changed, and may be kept.
	Body []byte
}

// firstKind is less than any kind of command: what is below it is a format version.
const firstKind = ' '

// BeginCommand begins a command's body: its kind, after the format version if that is
// above 1. The kinds of all commands are printable.
func BeginCommand(w *wire.Writer, format flow.FormatVersion, kind byte) {
	if format > flow.OldestFormat {
		w.Byte(byte(format))
	}
	w.Byte(kind)
}

// OpenCommand reads what BeginCommand wrote, and returns the rest of the body. A
// version above newest is an error that names both; kind 0 is an empty body.
func OpenCommand(body []byte, newest flow.FormatVersion) (format flow.FormatVersion, kind byte, rest []byte, err *flow.Error) {
	format = flow.OldestFormat
	if len(body) > 0 && body[0] < firstKind {
		format, body = flow.FormatVersion(body[0]), body[1:]
	}
	if format > newest {
		err = flow.Errorf(flow.InvalidArgument, "replica.OpenCommand", "the command is of format version %d, this node understands up to %d", format, newest)
	}
	if len(body) == 0 {
		return format, 0, nil, err
	}
	return format, body[0], body[1:], err
}

// Rows is how a machine changes its stored state. It keeps the digest: an
// order-free sum of row hashes, so that one change costs the same at any size.
type Rows struct {
	batch  *disk.Batch
	prefix []byte
	digest uint64
}

// Put stores a row whose key is not stored now, and returns its hash, which
// Delete will want. The slices must not change afterwards.
func (s *Rows) Put(key, value []byte) (hash uint64) {
	hash = rowHash(key, value)
	s.digest += hash
	s.batch.Put(s.key(key), value)
	return hash
}

// Delete removes a stored row, given the hash that Put returned.
func (s *Rows) Delete(key []byte, hash uint64) {
	s.digest -= hash
	s.batch.Delete(s.key(key))
}

// Replace changes the value of a stored row, given its old value.
func (s *Rows) Replace(key, old, value []byte) {
	s.digest += rowHash(key, value) - rowHash(key, old)
	s.batch.Put(s.key(key), value)
}

// DeleteRange removes every stored row of [lo, hi), given the sum of their hashes.
func (s *Rows) DeleteRange(lo, hi []byte, hashes uint64) {
	s.digest -= hashes
	s.batch.DeleteRange(s.key(lo), s.key(hi))
}

func (s *Rows) key(key []byte) []byte {
	k := make([]byte, 0, len(s.prefix)+len(key))
	return append(append(k, s.prefix...), key...)
}

// RowHash is the hash that Put returns for a row.
func RowHash(key, value []byte) uint64 { return rowHash(key, value) }

// rowHash mixes the xxHash64 of key and value so that neither order nor swapped
// values cancel in the sum.
func rowHash(key, value []byte) uint64 {
	h := xxhash.Sum64(key)*0x9e3779b97f4a7c15 ^ bits.RotateLeft64(xxhash.Sum64(value), 31)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// The kinds of log entry data. An entry without data is Raft's own.
const (
	entryCommand    = 'C'
	entryCheckpoint = 'K'
)

// envelope is a log entry's data: what every group needs around a command.
type envelope struct {
	kind    byte
	request flow.RequestID
	time    flow.Time
	// truncate is the index up to which all replicas may cut their logs.
	truncate uint64
	body     []byte
}

func (v envelope) encode() []byte {
	w := wire.Writer{Buf: make([]byte, 0, len(v.body)+40)}
	w.Byte(v.kind)
	w.Raw(v.request[:])
	w.Int(int64(v.time))
	w.Uint(v.truncate)
	w.Raw(v.body)
	return w.Buf
}

func decodeEnvelope(b []byte) (envelope, error) {
	r := wire.NewReader(b)
	v := envelope{kind: r.Byte()}
	for i := range v.request {
		v.request[i] = r.Byte()
	}
	v.time, v.truncate, v.body = flow.Time(r.Int()), r.Uint(), r.Rest()
	return v, r.Done()
}
