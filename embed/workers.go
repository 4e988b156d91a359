package embed

import (
	"sync"

	"github.com/ruvector-flow/ruvector-flow/node"
)

// maxQueuedJobs is how many jobs may wait before new requests are refused. Jobs
// themselves are never refused: the node has already promised their outcome.
const maxQueuedJobs = 65536

// workers is the pool that runs jobs, each on one of a fixed number of goroutines:
// those that somebody waits for in the order they came, and the others, in their order,
// when none of those waits. One goroutine is kept from the others, if there are more.
// Close stops them and waits.
type workers struct {
	box *mailbox
	wg  sync.WaitGroup

	mu         sync.Mutex // guards the fields below
	some       *sync.Cond // of mu: a job may be taken or closed was set
	jobs       jobQueue
	background jobQueue
	// running is how many background jobs run, of maxBackground, and busy how many others.
	running, maxBackground int
	busy                   int
	closed                 bool
}

// jobQueue is a first-in, first-out queue.
type jobQueue struct {
	jobs []node.Job // jobs[head:] wait
	head int
}

func (q *jobQueue) push(job node.Job) {
	if q.head > len(q.jobs)/2 { // keep the slice from growing for ever
		n := copy(q.jobs, q.jobs[q.head:])
		clear(q.jobs[n:])
		q.jobs, q.head = q.jobs[:n], 0
	}
	q.jobs = append(q.jobs, job)
}

func (q *jobQueue) pop() node.Job {
	job := q.jobs[q.head]
	q.jobs[q.head] = node.Job{}
	q.head++
	return job
}

func (q *jobQueue) len() int { return len(q.jobs) - q.head }

func newWorkers(count int, box *mailbox) *workers {
	w := &workers{box: box, maxBackground: max(count-1, 1)}
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
	if job.Background {
		w.background.push(job)
	} else {
		w.jobs.push(job)
	}
	w.mu.Unlock()
	w.some.Signal()
}

// waiting returns how many jobs that somebody waits for no goroutine has taken yet.
func (w *workers) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.jobs.len()
}

// workerStats are the jobs that run and wait, those in the background by themselves.
type workerStats struct{ running, waiting, backgroundRunning, backgroundWaiting int }

func (w *workers) stats() workerStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return workerStats{w.busy, w.jobs.len(), w.running, w.background.len()}
}

// next waits for a job; ok is false after close.
func (w *workers) next() (job node.Job, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.closed {
		switch {
		case w.jobs.len() > 0:
			w.busy++
			return w.jobs.pop(), true
		case w.background.len() > 0 && w.running < w.maxBackground:
			w.running++
			return w.background.pop(), true
		}
		w.some.Wait()
	}
	return job, false
}

func (w *workers) run() {
	for {
		job, ok := w.next()
		if !ok {
			return
		}
		job.Run()
		w.mu.Lock()
		if job.Background {
			w.running--
			w.some.Signal()
		} else {
			w.busy--
		}
		w.mu.Unlock()
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
