package sim

import (
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
)

// callGrace is how long past its own timeout a request may take before the client
// gives up waiting.
const callGrace = 2 * time.Second

// call is one request on its way to a host and back.
type call struct {
	req         flow.Request
	host        *host
	incarnation uint32
	begun       time.Duration
	// replied is set when the node has answered; closed when the client has its end.
	replied, closed bool
	// due is when its time is up, by the clock of its process; 0 before that has taken it.
	due flow.Time
	// floors is what its answer must show, by group; nil for none.
	floors []uint64
	// finish gets the response; nil when the connection broke or the client gave
	// up waiting. refused says that the request never reached a process.
	finish func(resp flow.Response, refused bool)
}

// calls carries requests from clients, which sit outside the cluster's network, to
// the hosts and back.
type calls struct {
	w    *World
	sent uint64
	// open are the calls a live process has not answered, by host, in order.
	open [][]*call
	// late counts answers that came after the client had given up.
	late int
}

// do sends a request to a host. finish is called once, in a later event.
func (c *calls) do(h *host, req flow.Request, timeout time.Duration, finish func(flow.Response, bool)) {
	c.doFor(h, req, timeout+callGrace, finish)
}

// doFor does so for a client that gives up after its patience.
func (c *calls) doFor(h *host, req flow.Request, patience time.Duration, finish func(flow.Response, bool)) {
	c.sent++
	key := hash(c.w.scenario.Seed, purposeClient, c.sent)
	there, back := c.latency(key), c.latency(mix(key))
	k := &call{req: req, host: h, begun: c.w.now, finish: finish}
	c.w.after(there, func() {
		k.incarnation, k.floors = h.incarnation, c.w.checks.floors(req)
		if !h.serve(req, func(resp flow.Response) { c.reply(k, resp, back) }) {
			c.close(k, nil, true, back)
			return
		}
		c.open[h.index] = append(c.open[h.index], k)
	})
	c.w.after(there+patience, func() { c.close(k, nil, false, 0) })
}

func (c *calls) latency(key uint64) time.Duration {
	return 50*time.Microsecond + within(key, 200*time.Microsecond)
}

// reply is what the node calls, in its turn.
func (c *calls) reply(k *call, resp flow.Response, back time.Duration) {
	if k.host.incarnation != k.incarnation || !k.host.effect() {
		return
	}
	if k.replied {
		c.w.fail(OracleContract, "%s answered a %T twice", k.host.name, k.req)
		return
	}
	if resp == nil {
		c.w.fail(OracleContract, "%s answered a %T with nothing", k.host.name, k.req)
		return
	}
	k.replied = true
	c.w.checks.refusedFull(k, resp)
	c.w.checks.current(k.host, k.floors, resp)
	open := c.open[k.host.index]
	if i := slices.Index(open, k); i >= 0 {
		c.open[k.host.index] = slices.Delete(open, i, i+1)
	}
	c.w.trace.note(c.w.now, k.host.number(), "reply", uint64(c.w.now-k.begun), 0, nil)
	if k.closed {
		c.late++
	}
	c.close(k, resp, false, back)
}

func (c *calls) close(k *call, resp flow.Response, refused bool, back time.Duration) {
	c.w.after(back, func() {
		if !k.closed {
			k.closed = true
			k.finish(resp, refused)
		}
	})
}

// overdue checks, after a turn, that a process has answered each read and write whose time
// was up before its latest tick. How late that comes is for the faults to say.
func (c *calls) overdue(h *host, ticks int) {
	if h.machine.Err() != nil {
		return // it stops, and answers nobody any more
	}
	now := max(h.clock.last, h.clock.bent())
	for _, k := range c.open[h.index] {
		timeout := timeoutOf(k.req)
		switch {
		case timeout == 0:
		case k.due == 0:
			k.due = now.Add(timeout)
		case ticks > 0 && now >= k.due:
			c.w.fail(OracleContract, "%s has not answered a %T, though it was ticked %v after the time of %v was up", h.name, k.req, now.Sub(k.due), timeout)
			return
		}
	}
}

// timeoutOf returns the time that a read or a write gives its cluster; 0 for others.
func timeoutOf(req flow.Request) time.Duration {
	if w, ok := req.(*flow.WriteRequest); ok {
		return w.Timeout
	}
	return linearizability.ReadOptionsOf(req).Timeout
}

// routed counts the reads and writes that a process has and has not answered.
func (c *calls) routed(h *host) (n int) {
	for _, k := range c.open[h.index] {
		if linearizability.KindOf(k.req) != 0 {
			n++
		}
	}
	return n
}

// clientsLose breaks the connections to a process that has ended.
func (w *World) clientsLose(h *host) {
	lost := w.calls.open[h.index]
	w.calls.open[h.index] = nil
	for _, k := range lost {
		w.calls.close(k, nil, false, w.calls.latency(uint64(k.begun)))
	}
}
