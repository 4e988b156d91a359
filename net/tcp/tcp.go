// Package tcp is the real Network: it carries frames between nodes over TCP, one
// connection in each direction. It delimits frames and never looks into them; a
// frame that cannot be delivered is dropped, as the Network seam allows.
//
// Wire form. Who dials sends a preface and gets the other's preface back:
//
//	"RVFLOW1\n" | cluster id u64 | node id u32 | incarnation u64   (little endian)
//
// Then frames flow from the dialler: length u32 | bytes. A length of 0 is a ping,
// and the acceptor answers each with one byte, which is how the dialler finds out
// within pongTimeout that a path is dead although the kernel still takes its bytes.
package tcp

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Limits of the transport.
const (
	// maxFrameBytes is the longest frame that is sent or accepted: four of the
	// largest batches of a write (flow.MaxBatchBytes). A longer length read from a
	// connection means that the stream is garbage.
	maxFrameBytes = 256 << 20
	// maxQueuedBytes and maxQueuedFrames bound what waits for one peer. A frame
	// that would go past either is dropped, except that an empty queue takes any frame.
	maxQueuedBytes  = 64 << 20
	maxQueuedFrames = 16384
	// maxWriteBytes is how much is handed to the kernel under one write deadline.
	maxWriteBytes = 1 << 20
	// growBytes is how much memory a frame's length alone can claim; more is taken
	// as its bytes arrive.
	growBytes = 1 << 20
	// maxReportedClusters bounds the memory of which foreign clusters were reported.
	maxReportedClusters = 64
)

// Times of the transport.
const (
	// dialTimeout bounds connecting and exchanging prefaces.
	dialTimeout = 2 * time.Second
	// minBackoff and maxBackoff bound the pause after a dial that failed. The pause
	// ends at once when the peer connects to us.
	minBackoff = 20 * time.Millisecond
	maxBackoff = 500 * time.Millisecond
	// writeTimeout bounds one write of at most maxWriteBytes.
	writeTimeout = 5 * time.Second
	// pingEvery is the least time between pings on a connection that carries frames.
	pingEvery = 500 * time.Millisecond
	// pongTimeout is how long a ping may stay unanswered before the connection is
	// given up. Shorter would break connections to a peer that is merely busy.
	pongTimeout = 5 * time.Second
	// prefaceTimeout is how long an accepted connection may take to say who it is.
	prefaceTimeout = 5 * time.Second
	// acceptPause is the wait after an accept that failed for lack of resources.
	acceptPause = 20 * time.Millisecond
)

// Config is what a Transport needs.
type Config struct {
	// Self is this node's id, and ClusterID its cluster's: connections of another
	// cluster are refused.
	Self      flow.NodeID
	ClusterID uint64
	// OnFrame gets each frame that arrives, and owns it. It is called from several
	// goroutines; while it blocks, the sender's connection is not read.
	OnFrame func(frame []byte)
	// Logf, if not nil, is told when a peer is reached or lost and when a foreign
	// cluster connects.
	Logf func(format string, args ...any)
}

// Stats counts since the Transport was made.
type Stats struct {
	// BytesSent and BytesReceived include lengths and prefaces.
	BytesSent, BytesReceived uint64
	// FramesDropped counts frames that were given to Send and never written whole.
	FramesDropped uint64
}

// Transport is a Network over TCP. Its goroutines are one for each peer of
// SetPeers, one for each connection, and the callers of Serve; Close stops all
// and waits for them.
type Transport struct {
	cfg         Config
	incarnation uint64 // tells this Transport from an earlier one of the same node

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	sent, received, dropped atomic.Uint64

	mu        sync.Mutex // guards the fields below
	closed    bool
	peers     map[flow.NodeID]*peer
	listeners map[net.Listener]struct{}
	accepted  map[net.Conn]struct{}
	incoming  map[flow.NodeID]net.Conn // the latest connection of each node
	reported  map[uint64]struct{}      // foreign clusters that Logf was told of
}

// New returns a Transport that knows no peer yet.
func New(cfg Config) *Transport {
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	t := &Transport{
		cfg:       cfg,
		peers:     make(map[flow.NodeID]*peer),
		listeners: make(map[net.Listener]struct{}),
		accepted:  make(map[net.Conn]struct{}),
		incoming:  make(map[flow.NodeID]net.Conn),
		reported:  make(map[uint64]struct{}),
	}
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	t.incarnation = binary.LittleEndian.Uint64(b[:])
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Send queues a frame for a peer and returns at once. The frame is dropped when
// the peer is unknown, its queue is full, or the frame is empty or too long.
func (t *Transport) Send(to flow.NodeID, frame []byte) {
	t.mu.Lock()
	p := t.peers[to]
	t.mu.Unlock()
	if p == nil || len(frame) == 0 || len(frame) > maxFrameBytes || !p.enqueue(frame) {
		t.dropped.Add(1)
	}
}

// SetPeers replaces the addresses of all peers; this node's own row is ignored.
// A peer that is gone or whose address changed loses its connection and queue.
func (t *Transport) SetPeers(nodes []flow.NodeInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	for id, p := range t.peers {
		if !slices.ContainsFunc(nodes, func(n flow.NodeInfo) bool { return n.ID == id && n.Addr == p.addr }) {
			p.cancel()
			delete(t.peers, id)
		}
	}
	for _, n := range nodes {
		if n.ID == t.cfg.Self || n.Addr == "" || t.peers[n.ID] != nil {
			continue
		}
		p := newPeer(t, n.ID, n.Addr)
		t.peers[n.ID] = p
		t.wg.Add(1)
		go func() { // ends when p.cancel is called; Close waits
			defer t.wg.Done()
			p.run()
		}()
	}
}

// Stats returns the counters.
func (t *Transport) Stats() Stats {
	return Stats{BytesSent: t.sent.Load(), BytesReceived: t.received.Load(), FramesDropped: t.dropped.Load()}
}

// Close closes every connection and the listeners given to Serve, and returns
// when no goroutine of the Transport is left. OnFrame must not block for ever.
func (t *Transport) Close() {
	t.mu.Lock()
	t.closed = true
	t.cancel()
	for ln := range t.listeners {
		ln.Close()
	}
	for c := range t.accepted {
		c.Close()
	}
	clear(t.peers)
	t.mu.Unlock()
	t.wg.Wait()
}
