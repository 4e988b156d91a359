package pebble

import (
	"errors"
	"sync"

	pdb "github.com/cockroachdb/pebble/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
)

// snapshot is a view that outlives its store: once either is closed it answers
// Unavailable. A node that died may leave some behind.
type snapshot struct {
	store *Store

	looked  sync.Once // of the first Size, which sets the fields below
	tables  []table
	lookErr error

	mu      sync.Mutex // guards the fields below
	idle    sync.Cond  // signalled when readers falls to 0
	snap    *pdb.Snapshot
	readers int
	closed  bool
}

// Snapshot implements disk.Disk.
func (s *Store) Snapshot() disk.Snapshot {
	n := &snapshot{store: s, snap: s.db.NewSnapshot()}
	n.idle.L = &n.mu
	s.mu.Lock()
	s.snapshots[n] = struct{}{}
	s.mu.Unlock()
	return n
}

// Get implements disk.Reader.
func (n *snapshot) Get(key []byte) ([]byte, bool, error) {
	if err := n.enter("pebble.Get"); err != nil {
		return nil, false, err
	}
	defer n.leave()
	return get(n.snap, key)
}

// Scan implements disk.Reader. It ends with Unavailable when the store is closed
// meanwhile. visit must not close the snapshot.
func (n *snapshot) Scan(lo, hi []byte, visit func(key, value []byte) bool) error {
	if err := n.enter("pebble.Scan"); err != nil {
		return err
	}
	defer n.leave()
	stopped := false
	err := scan(n.snap, lo, hi, func(key, value []byte) bool {
		select {
		case <-n.store.stop:
			stopped = true
			return false
		default:
			return visit(key, value)
		}
	})
	if err == nil && stopped {
		return errSnapshotClosed("pebble.Scan")
	}
	return err
}

func (n *snapshot) enter(op string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return errSnapshotClosed(op)
	}
	n.readers++
	return nil
}

func (n *snapshot) leave() {
	n.mu.Lock()
	n.readers--
	if n.readers == 0 {
		n.idle.Broadcast()
	}
	n.mu.Unlock()
}

// Close implements disk.Snapshot. It waits for readers.
func (n *snapshot) Close() error {
	n.store.mu.Lock()
	delete(n.store.snapshots, n)
	n.store.mu.Unlock()
	return n.close()
}

func (n *snapshot) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil // the store was closed first
	}
	n.closed = true
	for n.readers > 0 {
		n.idle.Wait()
	}
	return n.snap.Close()
}

func errSnapshotClosed(op string) error {
	return flow.Errorf(flow.Unavailable, op, "the snapshot is closed")
}

// closeSnapshots closes those left open and waits for their readers.
func (s *Store) closeSnapshots() error {
	s.mu.Lock()
	left := s.snapshots
	s.snapshots = map[*snapshot]struct{}{}
	s.mu.Unlock()
	var err error
	for snap := range left { // the order cannot be seen
		err = errors.Join(err, snap.close())
	}
	return err
}
