package sim

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
	"go.etcd.io/raft/v3/raftpb"
)

// The parts of a group's keys, as ARCHITECTURE.md gives them: 'g', the shard, a tag.
const (
	keyOfGroup   = 'g'
	keyOfNode    = 'n' // identity and incarnation
	tagGroup     = 'M'
	tagHardState = 'H'
	tagCut       = 'T'
	tagApplied   = 'A'
	tagLog       = 'L'
	tagState     = 'S'
	tagGraph     = 'X'

	tagAt       = 5             // where the tag is in a key
	logKeySize  = tagAt + 1 + 8 // tag, index
	stateKeyAt  = tagAt + 1 + 4 // tag, number of the state; then the row's own key
	slotOpBits  = 16            // a slot is a log index and so many bits beside it
	entryNormal = 0
	// commandRequestAt is where an entry that holds a command names its request.
	commandRequestAt = 1
)

// writtenEntry is a log entry as a host wrote it.
type writtenEntry struct {
	term  uint64
	sum   uint64 // of its type and data
	kind  byte
	batch uint64 // of the disk, that it was written with; 0: it was there at the start
	// request is whose command it holds; zero for none.
	request flow.RequestID
}

// writtenGroup is what a process has written of one group, durable or not: read
// off its disk batches, so that the checks need not ask the code they judge.
type writtenGroup struct {
	shard              flow.ShardID
	replica            flow.ReplicaID
	number             uint32 // of the state in force
	term, vote, commit uint64
	applied            uint64
	appliedRecord      []byte
	hardBatch          uint64 // the batch that wrote term and vote
	stood              uint64 // the last term in which it voted for itself
	cut                uint64 // the index of the last entry cut away
	cutBatch           uint64 // the batch that set cut past the end of the log; 0 for none
	entries            []writtenEntry
	checked            uint64     // commit up to which entries were compared
	conf               *groupConf // that it went by before the last batch; nil when that is not known
	leading            bool       // it was seen to lead in term
	ledTerm            uint64
	// replaced is where the log ended before the batch wrote over a part of it; 0 if it
	// did not.
	replaced uint64
	// landed says that the batch puts a snapshot in force.
	landed bool
	// slots are the versions that the batch stored rows at; of one batch only.
	slots []uint64
}

func (g *writtenGroup) last() uint64 { return g.cut + uint64(len(g.entries)) }

// at returns an entry that is in the log, nil when it is not.
func (g *writtenGroup) at(index uint64) *writtenEntry {
	if index <= g.cut || index > g.last() {
		return nil
	}
	return &g.entries[index-g.cut-1]
}

// cutTo forgets the entries up to an index, which may be past the end of the log.
func (g *writtenGroup) cutTo(index, batch uint64) {
	switch {
	case index > g.last():
		g.entries, g.cutBatch = nil, batch
	case index > g.cut:
		g.entries = g.entries[index-g.cut:]
	}
	g.cut = max(g.cut, index)
}

// clear empties the log, before a snapshot's position takes its place.
func (g *writtenGroup) clear(batch uint64) {
	g.cut, g.entries, g.cutBatch, g.landed = 0, nil, batch, true
	g.checked = 0
}

// put writes an entry; those from its index on are replaced.
func (g *writtenGroup) put(index uint64, e writtenEntry) bool {
	if index <= g.cut || index > g.last()+1 {
		return false
	}
	g.entries = append(g.entries[:index-g.cut-1], e)
	return true
}

// parseEntry reads the value of a log key.
func parseEntry(value []byte, batch uint64) (writtenEntry, bool) {
	r := wire.NewReader(value)
	kind := r.Byte()
	e := writtenEntry{kind: kind, term: r.Uint(), batch: batch}
	data := r.Rest()
	if r.Err() != nil {
		return e, false
	}
	e.sum = xxhash.Sum64(data) ^ uint64(kind)<<56
	if kind == entryNormal && len(data) >= commandRequestAt+len(e.request) && data[0] == 'C' {
		copy(e.request[:], data[commandRequestAt:])
	}
	return e, true
}

// entryData returns the data in the value of a log key.
func entryData(value []byte) []byte {
	r := wire.NewReader(value)
	r.Byte()
	r.Uint()
	return r.Rest()
}

// parseApplied reads the applied record.
func parseApplied(value []byte) (digest uint64, conf *raftpb.ConfState) {
	r := wire.NewReader(value)
	r.Uint() // index
	r.Uint() // term
	digest, conf = r.Fixed64(), net.DecodeConf(r)
	return digest, conf
}

// groupOf returns the shard and the tag of a group's key; ok is false for other keys.
func groupOf(key []byte) (shard flow.ShardID, tag byte, ok bool) {
	if len(key) < tagAt || key[0] != keyOfGroup {
		return 0, 0, false
	}
	if len(key) > tagAt {
		tag = key[tagAt]
	}
	return flow.ShardID(binary.BigEndian.Uint32(key[1:])), tag, true
}

// take notes one put of the group's. Rows of data are left to the record.
func (g *writtenGroup) take(tag byte, key, value []byte, batch uint64) (ok bool) {
	r := wire.NewReader(value)
	switch tag {
	case tagGroup:
		g.replica, g.number = flow.ReplicaID(r.Uint()), uint32(r.Uint())
	case tagHardState:
		term, vote, commit := r.Uint(), r.Uint(), r.Uint()
		if term != g.term || vote != g.vote {
			g.hardBatch = batch
		}
		g.term, g.vote, g.commit = term, vote, commit
		if vote == uint64(g.replica) {
			g.stood = term
		}
	case tagCut:
		g.cutTo(r.Uint(), batch)
	case tagApplied:
		g.applied, g.appliedRecord = r.Uint(), value
	case tagLog:
		if len(key) != logKeySize {
			return false
		}
		e, ok := parseEntry(value, batch)
		return ok && g.put(binary.BigEndian.Uint64(key[tagAt+1:]), e)
	}
	return r.Err() == nil
}

// readGroups reads off a disk what a process finds when it starts.
func readGroups(rows *diskRow) map[flow.ShardID]*writtenGroup {
	groups := map[flow.ShardID]*writtenGroup{}
	var logs []func()
	rows.visit([]byte{keyOfGroup}, disk.After([]byte{keyOfGroup}), func(key, value []byte) bool {
		shard, tag, ok := groupOf(key)
		if !ok || tag == tagState {
			return true
		}
		g := groups[shard]
		if g == nil {
			g = &writtenGroup{shard: shard}
			groups[shard] = g
		}
		if tag == tagLog { // its position is known only with the key 'T'
			logs = append(logs, func() { g.take(tag, key, value, 0) })
			return true
		}
		g.take(tag, key, value, 0)
		return true
	})
	for _, take := range logs {
		take()
	}
	for _, g := range groups { // order-free: each alone
		g.checked = g.commit
	}
	return groups
}
