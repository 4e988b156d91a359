package replica

// Tuning holds a replica's timing and limits. The zero value of a field stands for
// its default.
type Tuning struct {
	// HeartbeatTicks is how often a leader beats, in ticks of the node (default 4).
	HeartbeatTicks int
	// ElectionTicks is the least silence before a follower campaigns, in ticks
	// (default 16); followers then take turns, a quarter of it apart. Too small and a
	// busy machine elects for nothing; too large and a dead leader is missed.
	ElectionTicks int
	// MaxMessageBytes bounds the entries of one append message (default 1 MiB).
	MaxMessageBytes uint64
	// MaxApplyBytes bounds the entries applied in one step (default 4 MiB).
	MaxApplyBytes uint64
	// MaxUncommittedBytes bounds what a leader has proposed and not committed
	// (default 64 MiB); more is refused as Unavailable.
	MaxUncommittedBytes uint64
	// MaxInflightMessages bounds unacknowledged appends to one follower (default 128).
	MaxInflightMessages int
	// MaxInflightBytes bounds the bytes of those (default 8 MiB).
	MaxInflightBytes uint64
	// TruncateEntries and TruncateBytes are how much log is worth cutting (default
	// 256 entries, 1 MiB) once every member has it.
	TruncateEntries, TruncateBytes int
	// MaxLogEntries and MaxLogBytes are how much log is kept for a member that lags
	// (default 100,000 entries, 8 MiB); past it, the member gets a snapshot.
	MaxLogEntries, MaxLogBytes int
	// ChunkBytes is the aimed size of a snapshot chunk (default 512 KiB).
	ChunkBytes int
	// MaxSnapshotSends bounds the streams one replica sends at once (default 2).
	MaxSnapshotSends int
	// RetryTicks is after how many ticks an unanswered read round or snapshot chunk
	// is sent again (default 6).
	RetryTicks int
	// NoteEvery is the number of indexes between noted digests (default 256).
	NoteEvery uint64
}

func (t *Tuning) setDefaults() {
	orDefault(&t.HeartbeatTicks, 4)
	orDefault(&t.ElectionTicks, 16)
	orDefault(&t.MaxMessageBytes, 1<<20)
	orDefault(&t.MaxApplyBytes, 4<<20)
	orDefault(&t.MaxUncommittedBytes, 64<<20)
	orDefault(&t.MaxInflightMessages, 128)
	orDefault(&t.MaxInflightBytes, 8<<20)
	orDefault(&t.TruncateEntries, 256)
	orDefault(&t.TruncateBytes, 1<<20)
	orDefault(&t.MaxLogEntries, 100_000)
	orDefault(&t.MaxLogBytes, 8<<20)
	orDefault(&t.ChunkBytes, 512<<10)
	orDefault(&t.MaxSnapshotSends, 2)
	orDefault(&t.RetryTicks, 6)
	orDefault(&t.NoteEvery, 256)
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
