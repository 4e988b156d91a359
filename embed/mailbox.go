package embed

import (
	"context"
	"sync"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// Limits of what waits for the node's turn.
const (
	// maxQueuedRequests and maxQueuedRequestBytes bound the requests that have no
	// answer yet; one more is ResourceExhausted. The bytes are those of the vectors
	// and payloads to be written.
	maxQueuedRequests     = 16384
	maxQueuedRequestBytes = 512 << 20
	// maxQueuedFrameBytes bounds the frames that wait; past it the connections are
	// not read, and the senders' queues fill instead.
	maxQueuedFrameBytes = 64 << 20
)

// input is one input of the node; exactly one field is set.
type input struct {
	frame []byte
	call  *call
	done  node.Completion
}

// call is a request on its way through the node.
type call struct {
	ctx    context.Context // when it has ended nobody waits for the answer
	req    flow.Request
	answer chan flow.Response // of capacity one, so that the node never waits
	cost   int                // bytes counted against maxQueuedRequestBytes
}

// mailbox is the queue of inputs in order of arrival. Anybody posts; the driver
// swaps it out whole.
type mailbox struct {
	wake chan struct{} // holds a token while inputs wait

	mu         sync.Mutex // guards the fields below
	room       *sync.Cond // of mu: frameBytes fell or closed was set
	inputs     []input
	frameBytes int
	calls      int // requests without an answer
	callBytes  int
	refusing   bool // requests are refused: the node is stopping
	closed     bool // everything is refused
}

func newMailbox() *mailbox {
	b := &mailbox{wake: make(chan struct{}, 1)}
	b.room = sync.NewCond(&b.mu)
	return b
}

func (b *mailbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// postDone queues a completion. After close it is forgotten, as in a crash.
func (b *mailbox) postDone(done node.Completion) {
	b.mu.Lock()
	if !b.closed {
		b.inputs = append(b.inputs, input{done: done})
	}
	b.mu.Unlock()
	b.signal()
}

// postFrame queues a frame, and waits while too many bytes of frames are queued.
func (b *mailbox) postFrame(frame []byte) {
	b.mu.Lock()
	for b.frameBytes > maxQueuedFrameBytes && !b.closed {
		b.room.Wait()
	}
	if !b.closed {
		b.inputs = append(b.inputs, input{frame: frame})
		b.frameBytes += len(frame)
	}
	b.mu.Unlock()
	b.signal()
}

// postCall queues a request, or says why nothing will happen.
func (b *mailbox) postCall(c *call) *flow.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.refusing || b.closed:
		return flow.Errorf(flow.Unavailable, "embed.Do", "the node is stopping")
	case b.calls >= maxQueuedRequests || b.calls > 0 && b.callBytes+c.cost > maxQueuedRequestBytes:
		return flow.Errorf(flow.ResourceExhausted, "embed.Do", "%w: %d requests with %d bytes wait for an answer; the limits are %d and %d",
			flow.ErrQueueFull, b.calls, b.callBytes, maxQueuedRequests, maxQueuedRequestBytes)
	}
	b.calls++
	b.callBytes += c.cost
	b.inputs = append(b.inputs, input{call: c})
	b.signal()
	return nil
}

// release says that the request has its answer or needs none.
func (b *mailbox) release(c *call) {
	b.mu.Lock()
	b.calls--
	b.callBytes -= c.cost
	b.mu.Unlock()
}

// waiting returns how many requests have no answer yet, and the bytes they hold.
func (b *mailbox) waiting() (calls, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls, b.callBytes
}

// swap returns all inputs and takes over the memory of an earlier turn's.
func (b *mailbox) swap(spare []input) []input {
	clear(spare)
	b.mu.Lock()
	inputs := b.inputs
	b.inputs, b.frameBytes = spare[:0], 0
	b.room.Broadcast()
	b.mu.Unlock()
	return inputs
}

// drain refuses new requests and waits until the others have their answers, but
// not past the deadline. It says whether all have.
func (b *mailbox) drain(deadline time.Time) bool {
	for {
		b.mu.Lock()
		b.refusing = true
		left := b.calls
		closed := b.closed
		b.mu.Unlock()
		if left == 0 || closed || time.Now().After(deadline) {
			return left == 0
		}
		time.Sleep(drainPollEvery)
	}
}

// close refuses everything from now on and forgets what is queued.
func (b *mailbox) close() {
	b.mu.Lock()
	b.closed, b.refusing = true, true
	b.inputs = nil
	b.room.Broadcast()
	b.mu.Unlock()
}
