package embed

import (
	"runtime"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// drive gives the node its turns until stop is closed (nil) or the node dies (its
// error). It is the only goroutine that touches the node. A turn takes the whole
// mailbox, so that one disk batch and one packet a peer carry all of it.
func drive(n *node.Node, box *mailbox, tickEvery time.Duration, stop <-chan struct{}) error {
	ticker := time.NewTicker(tickEvery) // drops ticks while a turn runs long: one tick follows, not many
	defer ticker.Stop()
	var inputs []input
	for {
		tick := false
		select {
		case <-stop:
			return nil
		case <-box.wake:
			select {
			case <-ticker.C:
				tick = true
			default:
			}
		case <-ticker.C:
			tick = true
		}
		// Let those who are about to post do so first: a turn costs the same for one
		// input or many, and fewer turns make larger batches.
		runtime.Gosched()
		inputs = box.swap(inputs)
		for i := range inputs {
			feed(n, box, &inputs[i])
		}
		if tick {
			n.Tick()
		}
		n.Flush()
		if err := n.Err(); err != nil {
			return err
		}
	}
}

func feed(n *node.Node, box *mailbox, in *input) {
	switch {
	case in.frame != nil:
		n.Receive(in.frame)
	case in.done != nil:
		n.Done(in.done)
	case in.call.ctx.Err() != nil:
		box.release(in.call) // nobody waits: the request never begins
	default:
		c := in.call
		n.Serve(c.req, func(r flow.Response) {
			c.answer <- r
			box.release(c)
		})
	}
}

// defaultTickEvery is the interval between ticks; the node's timeouts count ticks.
const defaultTickEvery = 25 * time.Millisecond

func tickEvery(t node.Tuning) time.Duration {
	if t.TickEvery > 0 {
		return t.TickEvery
	}
	return defaultTickEvery
}
