package tcp

import (
	"container/list"
	"net"
	"sync"
	"time"
)

// maxUnidentified is how many connections may be open that have not yet sent
// enough to tell what they are; one more closes the oldest of them.
const maxUnidentified = 4096

// Split shares one listener between nodes and HTTP: a connection that begins with
// this protocol's magic goes to peer, any other to http. A connection that says
// nothing within prefaceTimeout is closed, and none holds up another. Closing
// both halves closes ln and waits for the goroutines; connections for a half
// that is closed are closed.
func Split(ln net.Listener) (peer, http net.Listener) {
	s := &splitter{ln: ln, waiting: list.New()}
	s.peer, s.http = newHalf(s), newHalf(s)
	s.wg.Add(1)
	go func() { // ends when ln is closed; the last half's Close closes it and waits
		defer s.wg.Done()
		s.run()
	}()
	return s.peer, s.http
}

type splitter struct {
	ln         net.Listener
	peer, http *half
	wg         sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	waiting *list.List // of net.Conn, oldest first
	closed  int        // halves closed
}

// half is one of the two listeners.
type half struct {
	s     *splitter
	conns chan net.Conn
	done  chan struct{} // closed by Close
	once  sync.Once
	fail  chan struct{} // closed when ln failed; err is set then
	err   error
}

func newHalf(s *splitter) *half {
	return &half{s: s, conns: make(chan net.Conn), done: make(chan struct{}), fail: make(chan struct{})}
}

func (s *splitter) run() {
	for {
		conn, err := accept(s.ln)
		if err != nil {
			for _, h := range []*half{s.peer, s.http} {
				h.err = err
				close(h.fail)
			}
			return
		}
		s.mu.Lock()
		if s.closed == 2 {
			s.mu.Unlock()
			conn.Close()
			continue
		}
		e := s.waiting.PushBack(conn)
		if s.waiting.Len() > maxUnidentified {
			s.waiting.Remove(s.waiting.Front()).(net.Conn).Close()
		}
		s.wg.Add(1)
		s.mu.Unlock()
		go func() { // ends within prefaceTimeout, or when the halves are closed
			defer s.wg.Done()
			s.identify(conn, e)
		}()
	}
}

// identify reads until the bytes differ from the magic or are all of it, and
// hands the connection, with these bytes still to be read, to its half.
func (s *splitter) identify(conn net.Conn, e *list.Element) {
	var b [len(magic)]byte
	n, same := 0, true
	conn.SetReadDeadline(time.Now().Add(prefaceTimeout))
	for same && n < len(magic) {
		m, err := conn.Read(b[n:])
		n += m
		if same = string(b[:n]) == magic[:n]; err != nil {
			break
		}
	}
	h := s.http
	if same {
		h = s.peer
	}
	s.mu.Lock()
	s.waiting.Remove(e)
	s.mu.Unlock()
	if same && n < len(magic) {
		conn.Close()
		return
	}
	conn.SetReadDeadline(time.Time{})
	select {
	case h.conns <- &replayed{Conn: conn, head: b[:n]}:
	case <-h.done:
		conn.Close()
	}
}

// Accept returns the next connection of this half.
func (h *half) Accept() (net.Conn, error) {
	select {
	case <-h.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	case <-h.fail:
		return nil, h.err
	}
}

// Close closes this half, and the shared listener when it is the last.
func (h *half) Close() error {
	h.once.Do(func() {
		close(h.done)
		h.s.mu.Lock()
		h.s.closed++
		last := h.s.closed == 2
		if last {
			h.s.ln.Close()
			for e := h.s.waiting.Front(); e != nil; e = e.Next() {
				e.Value.(net.Conn).Close()
			}
		}
		h.s.mu.Unlock()
		if last {
			h.s.wg.Wait()
		}
	})
	return nil
}

// Addr returns the shared listener's address.
func (h *half) Addr() net.Addr { return h.s.ln.Addr() }

// replayed is a connection whose first bytes were read already.
type replayed struct {
	net.Conn
	head []byte // still to be read
}

// Read returns the bytes already read, then the connection's.
func (c *replayed) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}
