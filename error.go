package flow

import (
	"errors"
	"fmt"
)

// Kind says what the caller of a failed operation should do.
type Kind uint8

// The closed list of kinds.
const (
	// Internal is a bug or an unexpected failure: report it.
	Internal Kind = iota
	// InvalidArgument: the request is wrong and nothing changed; mend it.
	InvalidArgument
	// NotFound: what the request names does not exist.
	NotFound
	// AlreadyExists: what the request would create exists.
	AlreadyExists
	// Conflict: the version asked for is not the point's version; read again.
	Conflict
	// NotLeader: another replica leads; the router retries by itself.
	NotLeader
	// Unavailable: nothing happened; retry later.
	Unavailable
	// Unknown: the write may or may not have happened; retry with the same request id.
	Unknown
	// ResourceExhausted: the disk, memory or a queue is full; nothing happened.
	ResourceExhausted
	// PermissionDenied: the caller may not do this.
	PermissionDenied
	// Corrupt: a checksum did not match; the data is not served.
	Corrupt
)

var kindNames = [...]string{
	Internal: "internal error", InvalidArgument: "invalid argument", NotFound: "not found",
	AlreadyExists: "already exists", Conflict: "conflict", NotLeader: "not leader",
	Unavailable: "unavailable", Unknown: "outcome unknown", ResourceExhausted: "resource exhausted",
	PermissionDenied: "permission denied", Corrupt: "corrupt",
}

// String returns the kind's name in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal error"
}

// Error is the error of every room: which operation ("package.Function"), what
// the caller should do, the shard if it concerns one, and what was attempted.
type Error struct {
	Op    string
	Kind  Kind
	Shard ShardID // meaningful when HasShard
	// HasShard says that Shard is set; the system group is shard 0.
	HasShard bool
	// Leader is the node believed to lead, with NotLeader; 0 if not known.
	Leader NodeID
	Err    error
}

// Error returns "kind: what was attempted".
func (e *Error) Error() string {
	s := e.Kind.String()
	if e.HasShard {
		s += " (shard " + e.Shard.String() + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error of the kind with a formatted cause.
func Errorf(kind Kind, op, format string, args ...any) *Error {
	return &Error{Op: op, Kind: kind, Err: fmt.Errorf(format, args...)}
}

// OnShard returns a copy of e that names the shard.
func (e *Error) OnShard(s ShardID) *Error {
	c := *e
	c.Shard, c.HasShard = s, true
	return &c
}

// ErrQueueFull is the cause, found with errors.Is, of a ResourceExhausted that
// passes by itself: too much waits on the node, and a later retry is served. Without
// it a resource has run out, disk space for one, that somebody has to add.
var ErrQueueFull = errors.New("queue is full")

// KindOf returns the kind of the first Error in err's chain, or Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
