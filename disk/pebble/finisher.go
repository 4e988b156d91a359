package pebble

import (
	"sync"
	"sync/atomic"

	pdb "github.com/cockroachdb/pebble/v2"
)

// pending is a batch whose done has not been called. Without a batch it waits for
// a barrier: a sync that was asked for after it was committed.
type pending struct {
	batch *pdb.Batch
	done  func(error)
}

// finisher is the queue of pending batches in commit order.
type finisher struct {
	inFlight atomic.Int64 // batches that hold a place in Pebble's sync queue

	mu     sync.Mutex // guards queue and closed
	ready  sync.Cond
	queue  []pending
	closed bool
}

func (f *finisher) push(p pending) {
	f.mu.Lock()
	f.queue = append(f.queue, p)
	f.mu.Unlock()
	f.ready.Signal()
}

func (f *finisher) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.ready.Signal()
}

// take waits for pending batches and returns them all. It returns none when the
// finisher is closed and empty. spare is memory for the next queue.
func (f *finisher) take(spare []pending) []pending {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) == 0 && !f.closed {
		f.ready.Wait()
	}
	queue := f.queue
	clear(spare)
	f.queue = spare[:0]
	return queue
}

// finish is the store's goroutine that calls every done, in order. It ends when
// Close has closed the finisher and the queue is empty.
func (s *Store) finish() {
	defer s.wait.Done()
	var queue []pending
	for {
		queue = s.finisher.take(queue)
		if len(queue) == 0 {
			return
		}
		s.pace()
		barrier := false // a sync was asked for after the whole queue was committed
		for _, p := range queue {
			err := s.fence.err()
			if err == nil {
				barrier = s.awaitSync(p, barrier)
				err = s.fence.err()
			}
			p.done(err)
		}
	}
}

// awaitSync returns when p is durable or the store has died. The fence tells which:
// Pebble itself is never told of a failed write to its log.
func (s *Store) awaitSync(p pending, barrier bool) bool {
	if p.batch == nil {
		if !barrier {
			s.sync()
		}
		return true
	}
	err := p.batch.SyncWait()
	s.finisher.inFlight.Add(-1)
	if err != nil {
		s.fence.kill(err)
	}
	s.release(p.batch)
	return barrier
}
