// Package disk declares the Disk seam: an ordered key-value store whose commit
// order is its durability order. It holds the contract and the batch, and never
// touches a file; disk/pebble is the real store, disk/disktest the suite that
// every implementation passes.
package disk

// Reader reads a store or a snapshot of it.
type Reader interface {
	// Get returns a copy of the key's value, or nil and false when there is none.
	// A checksum that does not match is a flow.Corrupt error.
	Get(key []byte) (value []byte, ok bool, err error)
	// Scan calls visit with the keys of [lo, hi) in ascending byte order until it
	// returns false. The slices are valid only during the call. A nil hi has no end.
	Scan(lo, hi []byte, visit func(key, value []byte) bool) error
}

// Snapshot is an immutable view of the store at the moment it was taken. It may
// be handed to another goroutine, and must be closed once.
type Snapshot interface {
	Reader
	// Size returns about how many bytes of the device the rows of [lo, hi) take, as they
	// are stored: compressed, and with what was removed or replaced until the store drops
	// it. Rows that are so far only in the store's log count with the lengths of their keys
	// and values, if they live, and so does a range with little in it. A larger one may be
	// wrong by a part in a hundred, or some tens of KiB. The figure is of the time of the
	// snapshot's first Size, not of its own. hi must not be nil.
	Size(lo, hi []byte) (bytes uint64, err error)
	// Close gives back what the view keeps.
	Close() error
}

// Disk is the store of one node. Apply, Snapshot and the Reader methods are called
// from the node's turn; a Snapshot may be read anywhere.
//
// Order and durability: batches commit in the order of the Apply calls. A crash
// keeps a prefix of that order, and the prefix holds every batch whose done was
// called with nil. No batch is ever kept in part, wherever in a write the power went.
//
// A device that fails writes, or has no space for them, kills the store: the done
// of what cannot become durable is given the error, and so is every later one, even
// if the device is well again. Until it is closed a dead store can be read: it shows
// a prefix, as a crash leaves one. Opened again on a sound device it holds a prefix,
// too, not always the same one.
//
// A device that misreads, or on which something has changed, is told by an error: a
// read gives what was written or fails, and never finds another row or none. What
// could be read before can be read again once the device is well. A store from which
// rows that were durable are gone does not open, or the reads of them fail, as flow.Corrupt;
// but damage to the very last that was written may look like the end that a crash leaves.
type Disk interface {
	Reader
	// Apply commits a batch; it is visible to reads when Apply returns. With sync,
	// done is called exactly once, when this batch and all before it are durable or
	// when they failed to become so; it is delivered as an input of the node, never
	// from inside Apply. Without sync, done must be nil. Apply does not wait for the
	// device. The batch's bytes may be used again as soon as Apply returns.
	//
	// An error given to done, always flow.Unknown, means that the store is dead: nothing
	// later becomes durable, and the node stops.
	Apply(b *Batch, sync bool, done func(error))
	// Snapshot returns a view of all that was applied so far.
	Snapshot() Snapshot
	// Usage returns the bytes used by the store and the bytes free on its device,
	// from memory (a few seconds old at most).
	Usage() Usage
}

// Usage is the space of a store, in bytes.
type Usage struct{ Used, Free uint64 }

// OpKind is what an operation of a batch does.
type OpKind uint8

// The kinds of operation.
const (
	Put OpKind = iota + 1
	Delete
	DeleteRange // of [Key, Value)
)

// Op is one operation of a batch.
type Op struct {
	Kind       OpKind
	Key, Value []byte
}

// Batch is an ordered list of operations that happen together or not at all.
// It keeps the slices it is given: they must not change until Apply has returned.
type Batch struct {
	ops   []Op
	bytes int
}

// Put sets a key.
func (b *Batch) Put(key, value []byte) { b.add(Op{Put, key, value}) }

// Delete removes a key; removing a key that is not there is no error.
func (b *Batch) Delete(key []byte) { b.add(Op{Delete, key, nil}) }

// DeleteRange removes every key of [lo, hi).
func (b *Batch) DeleteRange(lo, hi []byte) { b.add(Op{DeleteRange, lo, hi}) }

func (b *Batch) add(op Op) {
	b.ops = append(b.ops, op)
	b.bytes += len(op.Key) + len(op.Value)
}

// Ops returns the operations in order.
func (b *Batch) Ops() []Op { return b.ops }

// Len returns the number of operations.
func (b *Batch) Len() int { return len(b.ops) }

// Bytes returns the sum of the lengths of all keys and values.
func (b *Batch) Bytes() int { return b.bytes }

// Reset empties the batch for reuse.
func (b *Batch) Reset() {
	clear(b.ops)
	b.ops, b.bytes = b.ops[:0], 0
}

// After returns the smallest key greater than every key that begins with prefix,
// or nil when there is none.
func After(prefix []byte) []byte {
	k := append([]byte(nil), prefix...)
	for i := len(k) - 1; i >= 0; i-- {
		if k[i]++; k[i] != 0 {
			return k[:i+1]
		}
	}
	return nil
}
