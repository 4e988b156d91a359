package replica

import (
	"bytes"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// raftLog is the retained log of one group, whole in memory and on disk, and
// Raft's view of storage (raft.Storage). Its length is bounded by truncation.
type raftLog struct {
	shard flow.ShardID
	// hard and conf are what Raft starts from.
	hard *raftpb.HardState
	conf *raftpb.ConfState
	// cutIndex and cutTerm are the position of the last entry cut away.
	cutIndex, cutTerm uint64
	entries           []*raftpb.Entry // entries[i] has index cutIndex+1+i
	bytes             int             // sum of the entries' data
	// snapshot tells where the state stands; it makes the head of a stream.
	snapshot func() (index, term uint64, conf *raftpb.ConfState, ok bool)
}

var _ raft.Storage = (*raftLog)(nil)

// loadLog reads a group's log, checking that it has no hole.
func loadLog(d disk.Reader, shard flow.ShardID) (*raftLog, error) {
	l := &raftLog{shard: shard, hard: &raftpb.HardState{}, conf: &raftpb.ConfState{}}
	if b, ok, err := d.Get(groupKey(shard, tagHardState)); err != nil {
		return nil, err
	} else if ok {
		if l.hard, err = decodeHardState(b); err != nil {
			return nil, err
		}
	}
	if b, ok, err := d.Get(groupKey(shard, tagTruncated)); err != nil {
		return nil, err
	} else if ok {
		if l.cutIndex, l.cutTerm, err = decodePosition(b); err != nil {
			return nil, err
		}
	}
	var bad error
	err := d.Scan(logKey(shard, l.cutIndex+1), disk.After(groupKey(shard, tagLog)), func(key, value []byte) bool {
		if want := logKey(shard, l.last()+1); !bytes.Equal(key, want) {
			bad = flow.Errorf(flow.Corrupt, "replica.loadLog", "the stored log has a hole at index %d", l.last()+1).OnShard(shard)
			return false
		}
		e, err := decodeEntry(l.last()+1, value)
		if bad = err; err != nil {
			return false
		}
		l.entries = append(l.entries, e)
		l.bytes += len(e.Data)
		return true
	})
	if err == nil {
		err = bad
	}
	if err == nil && len(l.entries) > 0 && l.hard.Term == nil {
		err = flow.Errorf(flow.Corrupt, "replica.loadLog", "the stored log has entries and no hard state").OnShard(shard)
	}
	return l, err
}

func (l *raftLog) first() uint64 { return l.cutIndex + 1 }
func (l *raftLog) last() uint64  { return l.cutIndex + uint64(len(l.entries)) }

// append takes entries that Raft wants stored, dropping those they replace.
func (l *raftLog) append(b *disk.Batch, entries []*raftpb.Entry) {
	from := entries[0].GetIndex()
	if from <= l.cutIndex || from > l.last()+1 {
		panic(flow.Errorf(flow.Internal, "replica.append", "entries from %d do not join a log of (%d,%d]", from, l.cutIndex, l.last()).OnShard(l.shard))
	}
	if from <= l.last() {
		b.DeleteRange(logKey(l.shard, from), logKey(l.shard, l.last()+1))
		for _, e := range l.entries[from-l.first():] {
			l.bytes -= len(e.Data)
		}
		keep := l.entries[:from-l.first()]
		l.entries = keep[:len(keep):len(keep)]
	}
	for _, e := range entries {
		b.Put(logKey(l.shard, e.GetIndex()), encodeEntry(e))
		l.entries = append(l.entries, e)
		l.bytes += len(e.Data)
	}
}

// truncate cuts the log up to and including index, which must be retained.
func (l *raftLog) truncate(b *disk.Batch, index uint64) {
	term, err := l.Term(index)
	if err != nil {
		panic(flow.Errorf(flow.Internal, "replica.truncate", "index %d is not in the log (%d,%d]", index, l.cutIndex, l.last()).OnShard(l.shard))
	}
	n := index - l.cutIndex
	for _, e := range l.entries[:n] {
		l.bytes -= len(e.Data)
	}
	b.DeleteRange(logKey(l.shard, l.first()), logKey(l.shard, index+1))
	l.entries = append([]*raftpb.Entry(nil), l.entries[n:]...)
	l.cutIndex, l.cutTerm = index, term
	b.Put(groupKey(l.shard, tagTruncated), encodePosition(index, term))
}

// reset empties the log: the state stands at index, from a snapshot.
func (l *raftLog) reset(b *disk.Batch, index, term uint64) {
	b.DeleteRange(groupKey(l.shard, tagLog), disk.After(groupKey(l.shard, tagLog)))
	b.Put(groupKey(l.shard, tagTruncated), encodePosition(index, term))
	l.entries, l.bytes, l.cutIndex, l.cutTerm = nil, 0, index, term
}

// InitialState implements raft.Storage.
func (l *raftLog) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return l.hard, l.conf, nil
}

// Entries implements raft.Storage.
func (l *raftLog) Entries(lo, hi, maxBytes uint64) ([]*raftpb.Entry, error) {
	if lo <= l.cutIndex {
		return nil, raft.ErrCompacted
	}
	if hi > l.last()+1 {
		return nil, raft.ErrUnavailable
	}
	all := l.entries[lo-l.first() : hi-l.first()]
	var bytes uint64
	for i, e := range all {
		if bytes += uint64(len(e.Data)) + entryOverheadBytes; i > 0 && bytes > maxBytes {
			all = all[:i]
			break
		}
	}
	return all[:len(all):len(all)], nil
}

// Term implements raft.Storage.
func (l *raftLog) Term(index uint64) (uint64, error) {
	switch {
	case index < l.cutIndex:
		return 0, raft.ErrCompacted
	case index == l.cutIndex:
		return l.cutTerm, nil
	case index > l.last():
		return 0, raft.ErrUnavailable
	}
	return l.entries[index-l.first()].GetTerm(), nil
}

// LastIndex implements raft.Storage.
func (l *raftLog) LastIndex() (uint64, error) { return l.last(), nil }

// FirstIndex implements raft.Storage.
func (l *raftLog) FirstIndex() (uint64, error) { return l.first(), nil }

// Snapshot implements raft.Storage. Only the position is given to Raft; the
// content is streamed beside it.
func (l *raftLog) Snapshot() (*raftpb.Snapshot, error) {
	index, term, conf, ok := l.snapshot()
	if !ok {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: &index, Term: &term, ConfState: conf}}, nil
}

// entryOverheadBytes is what an entry costs beside its data.
const entryOverheadBytes = 24
