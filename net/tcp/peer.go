package tcp

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// peer is the outgoing side of one other node: its queue, and the goroutine that
// dials and writes.
type peer struct {
	t      *Transport
	id     flow.NodeID
	addr   string
	ctx    context.Context // ends when the peer is gone, moved, or the Transport closed
	cancel context.CancelFunc
	wake   chan struct{} // holds a token while frames wait
	redial chan struct{} // holds a token once the peer was heard from

	mu     sync.Mutex // guards the fields below
	queue  [][]byte
	queued int // bytes in queue
	link   *link
}

// link is an established outgoing connection.
type link struct {
	conn        net.Conn
	incarnation uint64        // of the peer's Transport
	forget      func() bool   // undoes the closing of conn at the end of the peer's context
	dead        chan struct{} // closed when nothing more can be sent
	pinged      atomic.Bool   // a ping is unanswered
	lastPing    time.Time     // used by the writer alone
}

func newPeer(t *Transport, id flow.NodeID, addr string) *peer {
	p := &peer{t: t, id: id, addr: addr, wake: make(chan struct{}, 1), redial: make(chan struct{}, 1)}
	p.ctx, p.cancel = context.WithCancel(t.ctx)
	return p
}

// enqueue says whether the queue took the frame.
func (p *peer) enqueue(frame []byte) bool {
	p.mu.Lock()
	if len(p.queue) > 0 && (len(p.queue) >= maxQueuedFrames || p.queued+len(frame) > maxQueuedBytes) {
		p.mu.Unlock()
		return false
	}
	p.queue = append(p.queue, frame)
	p.queued += len(frame)
	p.mu.Unlock()
	signal(p.wake)
	return true
}

// take empties the queue, and gives it the memory of an earlier batch to use again.
func (p *peer) take(spare [][]byte) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	batch := p.queue
	p.queue, p.queued = spare[:0], 0
	return batch
}

func (p *peer) setLink(l *link) {
	p.mu.Lock()
	p.link = l
	p.mu.Unlock()
}

// heard is called when the peer has connected to us: it is up, so a pause after a
// failed dial ends; and a connection to an earlier incarnation of it is dead even
// if the kernel has not found out.
func (p *peer) heard(incarnation uint64) {
	p.mu.Lock()
	l := p.link
	p.mu.Unlock()
	if l != nil && l.incarnation != incarnation {
		l.conn.Close()
	}
	signal(p.redial)
}

// run dials when there is something to send, and sends it, until the peer's
// context ends.
func (p *peer) run() {
	var l *link
	var dead <-chan struct{}
	var batch [][]byte
	backoff, silent := minBackoff, false
	drop := func() {
		if l != nil {
			l.forget()
			l.conn.Close()
			<-l.dead
		}
		l, dead = nil, nil
		p.setLink(nil)
	}
	defer drop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-dead:
			drop()
			continue
		case <-p.wake:
		}
		if l == nil {
			var err error
			if l, err = p.dial(); err != nil {
				batch = p.take(batch)
				p.t.dropped.Add(uint64(len(batch)))
				clear(batch)
				if !silent && p.ctx.Err() == nil {
					p.t.cfg.Logf("node %v at %s cannot be reached: %v", p.id, p.addr, err)
				}
				silent = true
				p.pause(backoff)
				backoff = min(2*backoff, maxBackoff)
				continue
			}
			if silent {
				p.t.cfg.Logf("node %v at %s is reached again", p.id, p.addr)
			}
			backoff, silent, dead = minBackoff, false, l.dead
			p.setLink(l)
		}
		batch = p.take(batch)
		if written, err := p.write(l, batch); err != nil {
			p.t.dropped.Add(uint64(len(batch) - written))
			drop()
		}
		clear(batch) // an idle peer must not keep frames alive
	}
}

// pause waits, but not after the peer was heard from or is given up.
func (p *peer) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.redial:
	case <-p.ctx.Done():
	}
}

// dial connects, exchanges prefaces, and starts the link's reader.
func (p *peer) dial() (*link, error) {
	ctx, cancel := context.WithTimeout(p.ctx, dialTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, err
	}
	// The context's end must also interrupt the exchange of prefaces.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	theirs, err := p.greet(conn)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	l := &link{conn: conn, incarnation: theirs.incarnation, dead: make(chan struct{})}
	// The end of the peer's context must interrupt run even inside a write.
	l.forget = context.AfterFunc(p.ctx, func() { conn.Close() })
	p.t.wg.Add(1)
	go func() { // ends when the connection does; run closes it, and Close waits
		defer p.t.wg.Done()
		l.watch()
	}()
	return l, nil
}

func (p *peer) greet(conn net.Conn) (preface, error) {
	ours := p.t.preface()
	if _, err := conn.Write(ours.encode()); err != nil {
		return preface{}, err
	}
	p.t.sent.Add(uint64(prefaceBytes))
	theirs, err := readPreface(conn)
	if err != nil {
		return preface{}, err
	}
	p.t.received.Add(uint64(prefaceBytes))
	switch {
	case theirs.cluster != p.t.cfg.ClusterID:
		return preface{}, flow.Errorf(flow.Unavailable, "tcp.dial", "it belongs to cluster %x, this node to %x", theirs.cluster, p.t.cfg.ClusterID)
	case theirs.node != p.id:
		return preface{}, flow.Errorf(flow.Unavailable, "tcp.dial", "node %v answers there", theirs.node)
	}
	return theirs, nil
}

// watch reads the answers to pings until the connection ends or one is overdue.
func (l *link) watch() {
	defer close(l.dead)
	defer l.conn.Close()
	var b [1]byte
	for {
		if n, err := l.conn.Read(b[:]); err != nil || n != 1 {
			return
		}
		if !l.pinged.Load() {
			return // an answer that nobody asked for
		}
		l.conn.SetReadDeadline(time.Time{})
		l.pinged.Store(false)
	}
}

// write sends the frames in order and returns how many were written whole.
func (p *peer) write(l *link, frames [][]byte) (written int, err error) {
	headers := make([]byte, 0, 4*(len(frames)+1))
	header := func(n int) []byte {
		headers = binary.LittleEndian.AppendUint32(headers, uint32(n))
		return headers[len(headers)-4:]
	}
	var buffers net.Buffers
	bytes := 0
	if now := time.Now(); now.Sub(l.lastPing) >= pingEvery && !l.pinged.Load() {
		l.lastPing = now
		l.pinged.Store(true)
		l.conn.SetReadDeadline(now.Add(pongTimeout))
		buffers, bytes = append(buffers, header(0)), 4
	}
	for i, f := range frames {
		buffers = append(buffers, header(len(f)))
		bytes += 4
		for len(f) > maxWriteBytes {
			if err := p.writeOut(l, append(buffers, f[:maxWriteBytes])); err != nil {
				return written, err
			}
			buffers, bytes, f = buffers[:0], 0, f[maxWriteBytes:]
		}
		buffers = append(buffers, f)
		if bytes += len(f); bytes >= maxWriteBytes || i == len(frames)-1 {
			if err := p.writeOut(l, buffers); err != nil {
				return written, err
			}
			buffers, bytes, written = buffers[:0], 0, i+1
		}
	}
	return written, nil
}

// writeOut hands the buffers to the kernel in one call where it can.
func (p *peer) writeOut(l *link, b net.Buffers) error {
	l.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := b.WriteTo(l.conn)
	p.t.sent.Add(uint64(n))
	return err
}

// signal leaves a token in a channel of capacity one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
