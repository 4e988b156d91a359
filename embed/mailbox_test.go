package embed

import (
	"context"
	"errors"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node"
)

func newCall(req flow.Request) *call {
	return &call{ctx: context.Background(), req: req, answer: make(chan flow.Response, 1), cost: cost(req)}
}

func TestMailboxKeepsTheOrderOfArrival(t *testing.T) {
	b := newMailbox()
	b.postFrame([]byte("f"))
	if err := b.postCall(newCall(&flow.CountRequest{})); err != nil {
		t.Fatal(err)
	}
	b.postDone(func() {})
	got := b.swap(nil)
	if len(got) != 3 || got[0].frame == nil || got[1].call == nil || got[2].done == nil {
		t.Fatalf("inputs %+v", got)
	}
	select {
	case <-b.wake:
	default:
		t.Fatal("nobody was woken")
	}
	if more := b.swap(got); len(more) != 0 {
		t.Fatalf("inputs delivered twice: %+v", more)
	}
}

func TestMailboxRefusesRequestsPastItsLimits(t *testing.T) {
	b := newMailbox()
	var calls []*call
	for range maxQueuedRequests {
		c := newCall(&flow.CountRequest{})
		if err := b.postCall(c); err != nil {
			t.Fatalf("after %d requests: %v", len(calls), err)
		}
		calls = append(calls, c)
	}
	if err := b.postCall(newCall(&flow.CountRequest{})); err == nil || err.Kind != flow.ResourceExhausted || !errors.Is(err, flow.ErrQueueFull) {
		t.Fatalf("one request too many: %v", err)
	}
	b.swap(nil) // taken by the node, still without an answer
	if err := b.postCall(newCall(&flow.CountRequest{})); err == nil {
		t.Fatal("requests inside the node are not counted")
	}
	b.release(calls[0])
	if err := b.postCall(newCall(&flow.CountRequest{})); err != nil {
		t.Fatalf("after an answer: %v", err)
	}

	b = newMailbox()
	big := newCall(&flow.WriteRequest{Ops: []flow.Op{{Payload: make([]byte, 1<<20)}}})
	big.cost = maxQueuedRequestBytes + 1
	if err := b.postCall(big); err != nil {
		t.Fatalf("an empty mailbox refused a large request: %v", err)
	}
	if err := b.postCall(newCall(&flow.WriteRequest{Ops: []flow.Op{{Vector: flow.Vector{1}}}})); err == nil || err.Kind != flow.ResourceExhausted || !errors.Is(err, flow.ErrQueueFull) {
		t.Fatalf("bytes past the limit: %v", err)
	}
}

func TestFramesPastTheLimitWaitAndCloseFreesThem(t *testing.T) {
	b := newMailbox()
	b.postFrame(make([]byte, maxQueuedFrameBytes+1))
	posted := make(chan struct{})
	go func() { b.postFrame([]byte("x")); close(posted) }()
	select {
	case <-posted:
		t.Fatal("a frame past the limit did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	b.swap(nil)
	<-posted
	b.postFrame(make([]byte, maxQueuedFrameBytes+1))
	freed := make(chan struct{})
	go func() { b.postFrame([]byte("y")); close(freed) }()
	b.close()
	<-freed
	b.postDone(func() {})
	if got := b.swap(nil); len(got) != 0 {
		t.Fatalf("a closed mailbox holds %d inputs", len(got))
	}
	if err := b.postCall(newCall(&flow.CountRequest{})); err == nil || err.Kind != flow.Unavailable {
		t.Fatalf("request to a closed mailbox: %v", err)
	}
}

func TestDrainWaitsForAnswers(t *testing.T) {
	b := newMailbox()
	c := newCall(&flow.CountRequest{})
	if err := b.postCall(c); err != nil {
		t.Fatal(err)
	}
	if b.drain(time.Now().Add(20 * time.Millisecond)) {
		t.Fatal("drained although a request waits")
	}
	if err := b.postCall(newCall(&flow.CountRequest{})); err == nil || err.Kind != flow.Unavailable {
		t.Fatalf("a request during the drain: %v", err)
	}
	go func() { time.Sleep(10 * time.Millisecond); b.release(c) }()
	if !b.drain(time.Now().Add(10 * time.Second)) {
		t.Fatal("the answer was not waited for")
	}
}

func TestWorkersRunEachJobOnceAndDeliverItsDone(t *testing.T) {
	b := newMailbox()
	w := newWorkers(2, b)
	const n = 1000
	ran := make(chan int, n)
	done := make(map[int]int)
	for i := range n {
		w.Do(node.Job{Run: func() { ran <- i }, Done: func() { done[i]++ }})
	}
	for range n {
		<-ran
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(done) < n && time.Now().Before(deadline) {
		for _, in := range b.swap(nil) {
			in.done() // on this goroutine alone, as on the node's turn
		}
	}
	for i := range n {
		if done[i] != 1 {
			t.Fatalf("Done of job %d was called %d times", i, done[i])
		}
	}
	if w.waiting() != 0 {
		t.Fatalf("%d jobs wait", w.waiting())
	}
	w.close()
	w.Do(node.Job{Run: func() { t.Error("a job ran after close") }})
	time.Sleep(10 * time.Millisecond)
}
