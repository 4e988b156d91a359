package replica

import (
	"encoding/binary"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"go.etcd.io/raft/v3/raftpb"
)

// Layout of a group's keys in the node's store: 'g', the shard (4 bytes, big
// endian), then
//
//	'M'                 the replica's id and the number of its state in force
//	'H'                 Raft HardState
//	'T'                 index and term of the last entry cut from the log
//	'A'                 applied index and term, digest, membership, the machine's meta
//	'L' index           a log entry
//	'S' number key      a row of the state with that number
//	'X' key             what is derived from the state, kept to save the work of it
//
// A snapshot arrives under a new state number and comes into force by one write
// of 'M', so that half of one is never seen.
const (
	groupPrefix  = 'g'
	tagGroup     = 'M'
	tagHardState = 'H'
	tagTruncated = 'T'
	tagApplied   = 'A'
	tagLog       = 'L'
	tagState     = 'S'
	tagDerived   = 'X'
)

// GroupsPrefix is the first byte of every group's keys.
const GroupsPrefix = groupPrefix

// GroupPrefix returns what all keys of a shard's group begin with.
func GroupPrefix(shard flow.ShardID) []byte { return groupKey(shard, 0)[:5] }

func groupKey(shard flow.ShardID, tag byte) []byte {
	k := make([]byte, 0, 32)
	k = append(k, groupPrefix)
	k = binary.BigEndian.AppendUint32(k, uint32(shard))
	return append(k, tag)
}

func logKey(shard flow.ShardID, index uint64) []byte {
	return binary.BigEndian.AppendUint64(groupKey(shard, tagLog), index)
}

func statePrefix(shard flow.ShardID, number uint32) []byte {
	return binary.BigEndian.AppendUint32(groupKey(shard, tagState), number)
}

// DerivedPrefix returns what the keys of a shard's derived data begin with. It is not
// state: no digest covers it, and it may be lost or be of another time than the state.
// Who stores something there checks it when reading. Snapshots carry it after the state.
func DerivedPrefix(shard flow.ShardID) []byte { return groupKey(shard, tagDerived) }

// groupMeta is the value of 'M'.
type groupMeta struct {
	id     flow.ReplicaID
	number uint32
}

func (m groupMeta) encode() []byte {
	var w wire.Writer
	w.Uint(uint64(m.id))
	w.Uint(uint64(m.number))
	return w.Buf
}

func decodeGroupMeta(b []byte) (groupMeta, error) {
	r := wire.NewReader(b)
	m := groupMeta{id: flow.ReplicaID(r.Uint()), number: uint32(r.Uint())}
	return m, r.Done()
}

// appliedRow is the value of 'A'.
type appliedRow struct {
	index, term uint64
	digest      uint64 // sum over the rows, without the meta
	conf        *raftpb.ConfState
	meta        []byte
}

func (a appliedRow) encode() []byte {
	var w wire.Writer
	w.Uint(a.index)
	w.Uint(a.term)
	w.Fixed64(a.digest)
	net.EncodeConf(&w, a.conf)
	w.Bytes(a.meta)
	return w.Buf
}

func decodeAppliedRow(b []byte) (appliedRow, error) {
	r := wire.NewReader(b)
	a := appliedRow{index: r.Uint(), term: r.Uint(), digest: r.Fixed64(), conf: net.DecodeConf(r), meta: r.Bytes()}
	return a, r.Done()
}

func encodeHardState(hs *raftpb.HardState) []byte {
	var w wire.Writer
	w.Uint(hs.GetTerm())
	w.Uint(hs.GetVote())
	w.Uint(hs.GetCommit())
	return w.Buf
}

func decodeHardState(b []byte) (*raftpb.HardState, error) {
	r := wire.NewReader(b)
	hs := &raftpb.HardState{Term: new(r.Uint()), Vote: new(r.Uint()), Commit: new(r.Uint())}
	return hs, r.Done()
}

func encodePosition(index, term uint64) []byte {
	var w wire.Writer
	w.Uint(index)
	w.Uint(term)
	return w.Buf
}

func decodePosition(b []byte) (index, term uint64, err error) {
	r := wire.NewReader(b)
	index, term = r.Uint(), r.Uint()
	return index, term, r.Done()
}

func encodeEntry(e *raftpb.Entry) []byte {
	w := wire.Writer{Buf: make([]byte, 0, len(e.Data)+12)}
	w.Byte(byte(e.GetType()))
	w.Uint(e.GetTerm())
	w.Raw(e.Data)
	return w.Buf
}

func decodeEntry(index uint64, b []byte) (*raftpb.Entry, error) {
	r := wire.NewReader(b)
	e := &raftpb.Entry{Type: raftpb.EntryType(r.Byte()).Enum(), Term: new(r.Uint()), Index: new(index)}
	if d := r.Rest(); len(d) > 0 {
		e.Data = append([]byte(nil), d...)
	}
	return e, r.Done()
}

// Bootstrap writes, into b, a replica that is the only voter of a new group. Its
// state is the given rows and meta, at index 1 of term 1.
func Bootstrap(b *disk.Batch, shard flow.ShardID, id flow.ReplicaID, rows []net.Row, meta []byte) {
	b.Put(groupKey(shard, tagGroup), groupMeta{id: id, number: 1}.encode())
	b.Put(groupKey(shard, tagHardState), encodeHardState(&raftpb.HardState{Term: new(uint64(1)), Vote: new(uint64(0)), Commit: new(uint64(1))}))
	b.Put(groupKey(shard, tagTruncated), encodePosition(1, 1))
	var digest uint64
	prefix := statePrefix(shard, 1)
	for _, row := range rows {
		digest += rowHash(row.Key, row.Value)
		b.Put(append(prefix[:len(prefix):len(prefix)], row.Key...), row.Value)
	}
	a := appliedRow{index: 1, term: 1, digest: digest, conf: &raftpb.ConfState{Voters: []uint64{uint64(id)}}, meta: meta}
	b.Put(groupKey(shard, tagApplied), a.encode())
}

// Destroy removes, in b, all that a store holds of a shard's group.
func Destroy(b *disk.Batch, shard flow.ShardID) {
	prefix := GroupPrefix(shard)
	b.DeleteRange(prefix, disk.After(prefix))
}

// StoredID returns the id of the replica that a store holds of a shard's group.
func StoredID(d disk.Reader, shard flow.ShardID) (flow.ReplicaID, error) {
	b, ok, err := d.Get(groupKey(shard, tagGroup))
	if err != nil || !ok {
		return 0, err
	}
	m, err := decodeGroupMeta(b)
	return m.id, err
}

// ShardOf returns the shard to whose group a stored key belongs.
func ShardOf(key []byte) (flow.ShardID, bool) {
	if len(key) < 5 || key[0] != groupPrefix {
		return 0, false
	}
	return flow.ShardID(binary.BigEndian.Uint32(key[1:5])), true
}

// Stored lists the groups that a store holds a replica of, ascending by shard. Where
// rows cannot be read it asks for every shard up to max, and counts those whose record
// cannot be read either as stored.
func Stored(d disk.Reader, max flow.ShardID) (shards []flow.ShardID) {
	from := []byte{groupPrefix}
	end := disk.After(from)
	for {
		var shard flow.ShardID
		found := false
		err := d.Scan(from, end, func(key, _ []byte) bool {
			shard, found = ShardOf(key)
			return false
		})
		switch {
		case err != nil:
			return storedByRecord(d, max)
		case !found:
			return shards
		}
		shards = append(shards, shard)
		from = disk.After(GroupPrefix(shard))
	}
}

func storedByRecord(d disk.Reader, max flow.ShardID) (shards []flow.ShardID) {
	for shard := range max + 1 {
		if _, ok, err := d.Get(groupKey(shard, tagGroup)); ok || err != nil {
			shards = append(shards, shard)
		}
	}
	return shards
}
