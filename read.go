package flow

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// ReadLevel is how fresh an answer must be.
type ReadLevel uint8

// The read levels, strongest first. The zero value is Linearizable.
const (
	// Linearizable: sees every write acknowledged before the read began (Raft ReadIndex).
	Linearizable ReadLevel = iota
	// Session: sees at least the writes named by the session token.
	Session
	// Bounded: at most ReadOptions.MaxStaleness old.
	Bounded
	// Any: what the replica that answers has, even without a quorum.
	Any
)

var levelNames = [...]string{Linearizable: "linearizable", Session: "session", Bounded: "bounded", Any: "any"}

// String returns the level's name.
func (l ReadLevel) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "unknown"
}

// ParseReadLevel reads a level's name; the empty string is Linearizable.
func ParseReadLevel(s string) (ReadLevel, error) {
	if s == "" {
		return Linearizable, nil
	}
	for i, n := range levelNames {
		if strings.EqualFold(n, s) {
			return ReadLevel(i), nil
		}
	}
	return 0, Errorf(InvalidArgument, "flow.ParseReadLevel", "read level %q is not one of linearizable, session, bounded, any", s)
}

// ReadOptions says how a read may be answered.
type ReadOptions struct {
	Level ReadLevel
	// Token is the session token, with Session.
	Token SessionToken
	// MaxStaleness is how old the answer may be, with Bounded.
	MaxStaleness time.Duration
	// Timeout bounds the whole read; 0 is the node's default.
	Timeout time.Duration
	// Partial accepts an answer that lacks shards; they are named in ReadInfo.Missing.
	// Without it a read that cannot reach a shard is Unavailable.
	Partial bool
}

// ShardIndex is a position in a shard's log.
type ShardIndex struct {
	Shard ShardID
	Index uint64
}

// SessionToken names the writes a session has seen: for each shard the Raft
// index of its latest one, ordered by shard. The zero value names none.
type SessionToken []ShardIndex

// Merge returns the token that covers both.
func (t SessionToken) Merge(o SessionToken) SessionToken {
	m := make(SessionToken, 0, len(t)+len(o))
	i, j := 0, 0
	for i < len(t) || j < len(o) {
		switch {
		case j == len(o) || i < len(t) && t[i].Shard < o[j].Shard:
			m = append(m, t[i])
			i++
		case i == len(t) || o[j].Shard < t[i].Shard:
			m = append(m, o[j])
			j++
		default:
			m = append(m, ShardIndex{t[i].Shard, max(t[i].Index, o[j].Index)})
			i, j = i+1, j+1
		}
	}
	return m
}

// Index returns the index the token demands of a shard, 0 for none.
func (t SessionToken) Index(s ShardID) uint64 {
	i, ok := slices.BinarySearchFunc(t, s, func(e ShardIndex, s ShardID) int { return int(e.Shard) - int(s) })
	if !ok {
		return 0
	}
	return t[i].Index
}

// String returns the token's opaque text form.
func (t SessionToken) String() string {
	var b []byte
	for _, e := range t {
		b = binary.AppendUvarint(b, uint64(e.Shard))
		b = binary.AppendUvarint(b, e.Index)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseSessionToken reads what String wrote; anything else is InvalidArgument.
func ParseSessionToken(s string) (SessionToken, error) {
	bad := Errorf(InvalidArgument, "flow.ParseSessionToken", "session token %q is not one that a write returned", s)
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, bad
	}
	var t SessionToken
	for len(b) > 0 {
		shard, n := binary.Uvarint(b)
		if n <= 0 || shard > 1<<31 || len(t) > 0 && ShardID(shard) <= t[len(t)-1].Shard {
			return nil, bad
		}
		index, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return nil, bad
		}
		t = append(t, ShardIndex{ShardID(shard), index})
		b = b[n+m:]
	}
	return t, nil
}
