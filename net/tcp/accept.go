package tcp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// magic begins every node's connection and no HTTP request.
const magic = "RVFLOW1\n"

// prefaceBytes is the length of a preface.
const prefaceBytes = len(magic) + 8 + 4 + 8

// readBufferBytes is the buffer of an accepted connection; longer frames are read
// past it.
const readBufferBytes = 64 << 10

// preface is what each side of a connection says first.
type preface struct {
	cluster     uint64
	node        flow.NodeID
	incarnation uint64
}

func (t *Transport) preface() preface {
	return preface{cluster: t.cfg.ClusterID, node: t.cfg.Self, incarnation: t.incarnation}
}

func (p preface) encode() []byte {
	b := append(make([]byte, 0, prefaceBytes), magic...)
	b = binary.LittleEndian.AppendUint64(b, p.cluster)
	b = binary.LittleEndian.AppendUint32(b, uint32(p.node))
	return binary.LittleEndian.AppendUint64(b, p.incarnation)
}

func readPreface(r io.Reader) (preface, error) {
	var b [prefaceBytes]byte
	if _, err := io.ReadFull(r, b[:len(magic)]); err != nil {
		return preface{}, err
	}
	if string(b[:len(magic)]) != magic {
		return preface{}, flow.Errorf(flow.InvalidArgument, "tcp.readPreface", "it does not speak this program's protocol")
	}
	rest := b[len(magic):]
	if _, err := io.ReadFull(r, rest); err != nil {
		return preface{}, err
	}
	return preface{
		cluster:     binary.LittleEndian.Uint64(rest),
		node:        flow.NodeID(binary.LittleEndian.Uint32(rest[8:])),
		incarnation: binary.LittleEndian.Uint64(rest[12:]),
	}, nil
}

// Serve accepts connections of other nodes until the listener or the Transport is
// closed; it owns the listener. It returns nil after Close, else the listener's error.
func (t *Transport) Serve(ln net.Listener) error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		ln.Close()
		return nil
	}
	t.listeners[ln] = struct{}{}
	t.wg.Add(1)
	t.mu.Unlock()
	defer t.wg.Done()
	defer func() {
		ln.Close()
		t.mu.Lock()
		delete(t.listeners, ln)
		t.mu.Unlock()
	}()
	for {
		conn, err := accept(ln)
		if err != nil {
			if t.ctx.Err() != nil {
				return nil
			}
			return err
		}
		t.mu.Lock()
		if t.closed {
			t.mu.Unlock()
			conn.Close()
			return nil
		}
		t.accepted[conn] = struct{}{}
		t.wg.Add(1)
		t.mu.Unlock()
		go func() { // ends when the connection does; Close closes it and waits
			defer t.wg.Done()
			t.receive(conn)
		}()
	}
}

// accept waits out shortages (of file descriptors, say) and returns other errors.
func accept(ln net.Listener) (net.Conn, error) {
	for {
		conn, err := ln.Accept()
		var ne net.Error
		if err == nil || errors.Is(err, net.ErrClosed) || !errors.As(err, &ne) {
			return conn, err
		}
		time.Sleep(acceptPause)
	}
}

// receive reads one accepted connection to its end.
func (t *Transport) receive(conn net.Conn) {
	var from preface
	defer func() {
		conn.Close()
		t.mu.Lock()
		delete(t.accepted, conn)
		if t.incoming[from.node] == conn {
			delete(t.incoming, from.node)
		}
		t.mu.Unlock()
	}()
	conn.SetDeadline(time.Now().Add(prefaceTimeout))
	from, err := readPreface(conn)
	if err != nil {
		return
	}
	t.received.Add(uint64(prefaceBytes))
	// The answer goes out even to a stranger, so that its log can say what is wrong.
	if _, err := conn.Write(t.preface().encode()); err != nil {
		return
	}
	t.sent.Add(uint64(prefaceBytes))
	if from.cluster == 0 {
		return // a probe
	}
	if from.cluster != t.cfg.ClusterID {
		t.report(from, conn.RemoteAddr())
		return
	}
	conn.SetDeadline(time.Time{})
	t.admit(from, conn)
	t.readFrames(conn)
}

// report tells Logf of a foreign cluster, once each.
func (t *Transport) report(from preface, addr net.Addr) {
	t.mu.Lock()
	_, known := t.reported[from.cluster]
	known = known || len(t.reported) >= maxReportedClusters
	if !known {
		t.reported[from.cluster] = struct{}{}
	}
	t.mu.Unlock()
	if !known {
		t.cfg.Logf("refused node %v of another cluster at %v: its cluster is %x, ours is %x", from.node, addr, from.cluster, t.cfg.ClusterID)
	}
}

// admit makes the connection its node's only one, and tells the outgoing side.
func (t *Transport) admit(from preface, conn net.Conn) {
	t.mu.Lock()
	old := t.incoming[from.node]
	t.incoming[from.node] = conn
	p := t.peers[from.node]
	t.mu.Unlock()
	if old != nil {
		old.Close()
	}
	if p != nil {
		p.heard(from.incarnation)
	}
}

// readFrames hands over frames until the connection ends or its bytes make no sense.
func (t *Transport) readFrames(conn net.Conn) {
	r := bufio.NewReaderSize(conn, readBufferBytes)
	var header [4]byte
	for {
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return
		}
		n := int64(binary.LittleEndian.Uint32(header[:]))
		if n > maxFrameBytes {
			t.cfg.Logf("closed the connection of %v: it announced a frame of %d bytes, the limit is %d", conn.RemoteAddr(), n, maxFrameBytes)
			return
		}
		t.received.Add(uint64(4 + n))
		if n == 0 {
			conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := conn.Write([]byte{0}); err != nil {
				return
			}
			t.sent.Add(1)
			continue
		}
		frame, err := readFrame(r, int(n))
		if err != nil {
			return
		}
		t.cfg.OnFrame(frame)
	}
}

// readFrame reads n bytes; memory beyond growBytes is taken only as bytes arrive.
func readFrame(r io.Reader, n int) ([]byte, error) {
	frame := make([]byte, min(n, growBytes))
	for have := 0; ; {
		if _, err := io.ReadFull(r, frame[have:]); err != nil {
			return nil, err
		}
		if have = len(frame); have == n {
			return frame, nil
		}
		more := min(n-have, have)
		frame = slices.Grow(frame, more)[:have+more]
	}
}
