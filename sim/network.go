package sim

import (
	"bytes"
	"time"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
)

// maxLinkFrames bounds the frames under way on one link; more are dropped, as a
// full send queue drops them.
const maxLinkFrames = 20000

// link carries frames from one host to another, in order unless a fault reorders.
type link struct {
	sent     uint64        // message number, the seed of each message's choices
	last     time.Duration // when the newest in-order frame arrives
	underway int
	// resets counts how often the connection broke; resetBy is the fault that broke it last.
	resets  int
	resetBy *activeFault
}

// network is the fabric between the hosts.
type network struct {
	w     *World
	links []link // from*hosts+to
	// active are the network faults in force, in the order in which they began.
	active []*activeFault
}

// port is one host's end of the network, the Network of its node.
type port struct {
	h           *host
	incarnation uint32
}

// Send implements net.Network.
func (p port) Send(to flow.NodeID, frame []byte) {
	if p.h.incarnation != p.incarnation || !p.h.effect() {
		return
	}
	p.h.w.checks.sent(p.h, frame)
	p.h.w.network.send(p.h, to, frame)
}

func (n *network) send(from *host, to flow.NodeID, frame []byte) {
	target := n.w.hostOf(to)
	if target == nil || target == from {
		n.w.counts.misaddressed++
		return
	}
	if from.cut || target.cut {
		return
	}
	l := &n.links[from.index*len(n.w.hosts)+target.index]
	l.sent++
	n.w.marks.frame(from, target, frame)
	n.w.counts.frames++
	n.w.counts.frameBytes += uint64(len(frame))
	s := n.w.scenario
	fate := fate{key: hash(s.Seed, uint64(from.index), uint64(target.index), l.sent), copies: 1, bytes: len(frame), frame: frame}
	fate.delay = n.w.latency(hash(fate.key, purposeLatency))
	if from.region != target.region {
		fate.delay += s.RegionLatency
	}
	for _, f := range n.active {
		f.bend(&fate, from.number(), target.number())
	}
	if fate.copies == 0 || l.underway >= maxLinkFrames {
		n.w.trace.note(n.w.now, from.number(), "drop", uint64(target.number()), uint64(len(frame)), nil)
		n.w.tape.message(n.w.now, 0, from.number(), target.number(), frame)
		return
	}
	if fate.corrupt {
		frame = bytes.Clone(frame)
		if len(frame) > 0 {
			frame[fate.key%uint64(len(frame))] ^= 1 << ((fate.key >> 32) % 8)
		}
	}
	at := n.w.now + fate.delay
	if !fate.reordered {
		at = max(at, l.last)
		l.last = at
	}
	n.w.tape.message(n.w.now, at, from.number(), target.number(), fate.frame)
	sum := xxhash.Sum64(frame)
	for i := range fate.copies {
		n.carry(l, from, target, at+time.Duration(i)*fate.delay, frame, sum)
	}
}

// carry delivers a copy of the frame. The sender must not have touched it since.
func (n *network) carry(l *link, from, target *host, at time.Duration, frame []byte, sum uint64) {
	l.underway++
	resets := l.resets
	n.w.at(at, func() {
		l.underway--
		if resets != l.resets {
			l.resetBy.bit()
			return
		}
		if xxhash.Sum64(frame) != sum {
			n.w.fail(OracleContract, "%s changed a frame of %d bytes after it gave it to the network", from.name, len(frame))
		}
		for _, f := range n.active {
			if f.lost(from.number(), target.number()) {
				f.bit()
				return
			}
		}
		if target.machine == nil {
			return
		}
		n.w.trace.note(n.w.now, target.number(), "receive", uint64(from.number()), sum, nil)
		n.w.checks.arrived(frame)
		target.enqueue(input{kind: receiveInput, frame: bytes.Clone(frame)})
	})
}

// fate is what happens to one message.
type fate struct {
	key       uint64
	delay     time.Duration
	copies    int
	reordered bool
	corrupt   bool
	bytes     int
	frame     []byte // as it was sent; not to be changed
}

// reset breaks the connections that a fault names, both ways: the frames under way
// are lost, later ones are not held up by them.
func (n *network) reset(f *activeFault) {
	hosts := len(n.w.hosts)
	for i := range n.links {
		if l, from, to := &n.links[i], i/hosts+1, i%hosts+1; f.links(from, to) || f.links(to, from) {
			l.resets++
			l.resetBy, l.last = f, 0
		}
	}
}

// latency draws a message's delay on a healthy link: a fixed part and a tail that
// is four times the mean in one message of a hundred.
func (w *World) latency(key uint64) time.Duration {
	base, spread := w.scenario.Latency, w.scenario.LatencySpread
	d := base + within(key, spread)
	if chance(mix(key), 0.01) {
		d += 4 * (base + within(mix(key), spread))
	}
	return d
}
