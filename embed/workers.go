package embed

import (
	"sync"

	"github.com/ruvector-flow/ruvector-flow/node"
)

// maxQueuedJobs is how many jobs may wait before new requests are refused. Jobs
// themselves are never refused: the node has already promised their outcome.
const maxQueuedJobs = 65536

// workers is the pool that runs jobs in the order they came, each on one of a
// fixed number of goroutines. Close stops them and waits.
type workers struct {
	box *mailbox
	wg  sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	some   *sync.Cond // of mu: a job waits or closed was set
	jobs   []node.Job // jobs[head:] wait
	head   int
	closed bool
}

func newWorkers(count int, box *mailbox) *workers {
	w := &workers{box: box}
	w.some = sync.NewCond(&w.mu)
	w.wg.Add(count)
	for range count {
		go func() { // ends after close; close waits
			defer w.wg.Done()
			w.run()
		}()
	}
	return w
}

// Do queues a job; its Done becomes an input of the node.
func (w *workers) Do(job node.Job) {
	w.mu.Lock()
	if w.head > len(w.jobs)/2 { // keep the slice from growing for ever
		n := copy(w.jobs, w.jobs[w.head:])
		clear(w.jobs[n:])
		w.jobs, w.head = w.jobs[:n], 0
	}
	w.jobs = append(w.jobs, job)
	w.mu.Unlock()
	w.some.Signal()
}

// waiting returns how many jobs no goroutine has taken yet.
func (w *workers) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.jobs) - w.head
}

func (w *workers) run() {
	for {
		w.mu.Lock()
		for w.head == len(w.jobs) && !w.closed {
			w.some.Wait()
		}
		if w.closed {
			w.mu.Unlock()
			return
		}
		job := w.jobs[w.head]
		w.jobs[w.head] = node.Job{}
		w.head++
		w.mu.Unlock()
		job.Run()
		w.box.postDone(job.Done)
	}
}

// close lets running jobs end, forgets the others, and waits.
func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.some.Broadcast()
	w.wg.Wait()
}
