package tcp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

const testCluster = 0xabcdef

// inbox collects the frames and the log of one Transport.
type inbox struct {
	frames chan []byte
	mu     sync.Mutex // guards log
	log    []string
}

func (in *inbox) lines() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return strings.Join(in.log, "\n")
}

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		ln, err := net.Listen("tcp", addr)
		if err == nil {
			return ln
		}
		if time.Now().After(deadline) {
			t.Fatalf("listen on %s: %v", addr, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// start serves a Transport on the listener, and closes it with the test.
func start(t *testing.T, self flow.NodeID, cluster uint64, ln net.Listener) (*Transport, *inbox) {
	t.Helper()
	in := &inbox{frames: make(chan []byte, 1<<16)}
	tr := New(Config{
		Self: self, ClusterID: cluster,
		OnFrame: func(f []byte) { in.frames <- f },
		Logf: func(format string, args ...any) {
			in.mu.Lock()
			in.log = append(in.log, fmt.Sprintf(format, args...))
			in.mu.Unlock()
		},
	})
	served := make(chan error, 1)
	go func() { served <- tr.Serve(ln) }()
	t.Cleanup(func() {
		tr.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return tr, in
}

func info(id flow.NodeID, addr string) flow.NodeInfo { return flow.NodeInfo{ID: id, Addr: addr} }

func (in *inbox) next(t *testing.T) []byte {
	t.Helper()
	select {
	case f := <-in.frames:
		return f
	case <-time.After(10 * time.Second):
		t.Fatalf("no frame within 10 s; log:\n%s", in.lines())
		return nil
	}
}

func TestTwoTransportsExchangeFramesInOrder(t *testing.T) {
	la, lb := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	a, inA := start(t, 1, testCluster, la)
	b, inB := start(t, 2, testCluster, lb)
	nodes := []flow.NodeInfo{info(1, la.Addr().String()), info(2, lb.Addr().String())}
	a.SetPeers(nodes)
	b.SetPeers(nodes)
	const n = 2000
	for i := range n {
		a.Send(2, fmt.Appendf(nil, "a%d", i))
		b.Send(1, fmt.Appendf(nil, "b%d", i))
	}
	for i := range n {
		if got, want := string(inB.next(t)), fmt.Sprintf("a%d", i); got != want {
			t.Fatalf("frame %d at b: %q, want %q", i, got, want)
		}
		if got, want := string(inA.next(t)), fmt.Sprintf("b%d", i); got != want {
			t.Fatalf("frame %d at a: %q, want %q", i, got, want)
		}
	}
	// Frames longer than one write and than growBytes arrive whole.
	big := make([]byte, 5<<20+123)
	for i := range big {
		big[i] = byte(i * 7)
	}
	a.Send(2, big)
	a.Send(2, []byte("after"))
	if got := inB.next(t); !bytes.Equal(got, big) {
		t.Fatalf("a frame of %d bytes arrived changed (%d bytes)", len(big), len(got))
	}
	if got := string(inB.next(t)); got != "after" {
		t.Fatalf("after the long frame: %q", got)
	}
	sent, received := a.Stats(), b.Stats()
	if sent.BytesSent < uint64(len(big)) || received.BytesReceived < uint64(len(big)) {
		t.Fatalf("counters: sent %d, received %d, want at least %d", sent.BytesSent, received.BytesReceived, len(big))
	}
	if sent.FramesDropped != 0 {
		t.Fatalf("%d frames dropped on a healthy connection", sent.FramesDropped)
	}
}

func TestPeerRestartIsReachedAgainSoon(t *testing.T) {
	la, lb := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	addrB := lb.Addr().String()
	a, _ := start(t, 1, testCluster, la)
	a.SetPeers([]flow.NodeInfo{info(2, addrB)})
	first := New(Config{Self: 2, ClusterID: testCluster, OnFrame: func([]byte) {}})
	served := make(chan struct{})
	go func() { first.Serve(lb); close(served) }()
	a.Send(2, []byte("hello"))
	waitFor(t, "the first frame", func() bool { return first.Stats().BytesReceived > uint64(prefaceBytes) })
	first.Close()
	<-served

	// While the peer is down, sending goes on and the backoff grows to its cap.
	down := time.Now()
	for time.Since(down) < 1500*time.Millisecond {
		a.Send(2, []byte("lost"))
		time.Sleep(5 * time.Millisecond)
	}
	if a.Stats().FramesDropped == 0 {
		t.Fatal("frames to a refused peer were kept")
	}
	_, inB := start(t, 2, testCluster, listen(t, addrB))
	up := time.Now()
	for len(inB.frames) == 0 && time.Since(up) < 5*time.Second {
		a.Send(2, []byte("again"))
		time.Sleep(5 * time.Millisecond)
	}
	if gap := time.Since(up); gap > maxBackoff+500*time.Millisecond {
		t.Fatalf("the first frame after the restart took %v", gap)
	}
}

func TestHearingFromPeerEndsBackoff(t *testing.T) {
	la := listen(t, "127.0.0.1:0")
	reserved := listen(t, "127.0.0.1:0")
	addrB := reserved.Addr().String()
	reserved.Close()
	a, _ := start(t, 1, testCluster, la)
	a.SetPeers([]flow.NodeInfo{info(2, addrB)})
	a.mu.Lock()
	p := a.peers[2]
	a.mu.Unlock()
	b, inB := start(t, 2, testCluster, listen(t, addrB))
	b.SetPeers([]flow.NodeInfo{info(1, la.Addr().String())})
	go func() {
		time.Sleep(20 * time.Millisecond)
		b.Send(1, []byte("I am up"))
	}()
	began := time.Now()
	p.pause(30 * time.Second)
	if d := time.Since(began); d > 5*time.Second {
		t.Fatalf("the pause lasted %v although the peer connected", d)
	}
	a.Send(2, []byte("good"))
	if got := string(inB.next(t)); got != "good" {
		t.Fatalf("got %q", got)
	}
}

func TestFullQueueDropsWithoutBlocking(t *testing.T) {
	// A peer that accepts and never answers: everything waits in the queue.
	silent := listen(t, "127.0.0.1:0")
	defer silent.Close()
	a, _ := start(t, 1, testCluster, listen(t, "127.0.0.1:0"))
	a.SetPeers([]flow.NodeInfo{info(2, silent.Addr().String())})
	frame := make([]byte, 1<<20)
	began := time.Now()
	for range 200 {
		a.Send(2, frame)
	}
	for range 2 * maxQueuedFrames {
		a.Send(2, []byte("x"))
	}
	if d := time.Since(began); d > time.Second {
		t.Fatalf("Send blocked: %v for all", d)
	}
	a.mu.Lock()
	p := a.peers[2]
	a.mu.Unlock()
	p.mu.Lock()
	frames, queued := len(p.queue), p.queued
	p.mu.Unlock()
	if queued > maxQueuedBytes || frames > maxQueuedFrames {
		t.Fatalf("queue holds %d frames, %d bytes", frames, queued)
	}
	if got := a.Stats().FramesDropped; got < 200-64 {
		t.Fatalf("%d frames dropped, want at least %d", got, 200-64)
	}
	empty := newPeer(a, 3, "")
	if !empty.enqueue(make([]byte, maxQueuedBytes+1)) {
		t.Fatal("an empty queue refused a long frame, which could then never be sent")
	}
	if empty.enqueue([]byte("x")) {
		t.Fatal("a full queue took a frame")
	}
}

func TestHugeFrameIsRefused(t *testing.T) {
	lb := listen(t, "127.0.0.1:0")
	b, inB := start(t, 2, testCluster, lb)
	b.Send(1, make([]byte, 1)) // unknown peer: dropped
	if got := b.Stats().FramesDropped; got != 1 {
		t.Fatalf("%d frames dropped, want 1", got)
	}
	conn := greeted(t, lb.Addr().String(), preface{cluster: testCluster, node: 1, incarnation: 7})
	defer conn.Close()
	conn.Write(binary.LittleEndian.AppendUint32(nil, maxFrameBytes+1))
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatal("the connection is still open")
	}
	if !strings.Contains(inB.lines(), "announced a frame") {
		t.Fatalf("log: %q", inB.lines())
	}
}

func TestForeignClusterIsRefusedAndReportedOnce(t *testing.T) {
	la, lb := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	a, inA := start(t, 1, 0x111, la)
	_, inB := start(t, 2, 0x222, lb)
	a.SetPeers([]flow.NodeInfo{info(2, lb.Addr().String())})
	for range 40 {
		a.Send(2, []byte("x"))
		time.Sleep(10 * time.Millisecond)
	}
	if len(inB.frames) != 0 {
		t.Fatal("a frame of another cluster was taken")
	}
	if got := strings.Count(inB.lines(), "refused node"); got != 1 {
		t.Fatalf("reported %d times: %q", got, inB.lines())
	}
	if got := strings.Count(inA.lines(), "belongs to cluster 222"); got != 1 {
		t.Fatalf("the dialler's log: %q", inA.lines())
	}
}

func TestProbeNamesClusterAndNode(t *testing.T) {
	lb := listen(t, "127.0.0.1:0")
	_, inB := start(t, 2, testCluster, lb)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	cluster, node, err := Probe(ctx, lb.Addr().String())
	if cluster != testCluster || node != 2 || err != nil {
		t.Fatalf("cluster %x, node %v, %v", cluster, node, err)
	}
	if inB.lines() != "" {
		t.Fatalf("a probe was logged: %q", inB.lines())
	}
	silent := listen(t, "127.0.0.1:0")
	defer silent.Close()
	short, cancelShort := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancelShort()
	if _, _, err := Probe(short, silent.Addr().String()); err == nil {
		t.Fatal("a listener that says nothing was taken for a node")
	}
}

func TestGarbagePrefaceIsClosed(t *testing.T) {
	lb := listen(t, "127.0.0.1:0")
	_, inB := start(t, 2, testCluster, lb)
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", strings.Repeat("\x00", 64), "RVFLOW9\nxxxxxxxxxxxxxxxxxxxxxxxx"} {
		conn, err := net.Dial("tcp", lb.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(garbage))
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if b, err := io.ReadAll(conn); len(b) > 0 {
			t.Fatalf("%q was answered with %q, %v", garbage, b, err)
		}
		conn.Close()
	}
	if len(inB.frames) != 0 {
		t.Fatal("garbage became a frame")
	}
}

func TestPingIsAnsweredAndOverduePongEndsTheLink(t *testing.T) {
	lb := listen(t, "127.0.0.1:0")
	_, _ = start(t, 2, testCluster, lb)
	conn := greeted(t, lb.Addr().String(), preface{cluster: testCluster, node: 1, incarnation: 7})
	defer conn.Close()
	conn.Write([]byte{0, 0, 0, 0})
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := conn.Read(make([]byte, 8)); n != 1 || err != nil {
		t.Fatalf("answer to a ping: %d bytes, %v", n, err)
	}

	here, there := net.Pipe()
	defer there.Close()
	l := &link{conn: here, dead: make(chan struct{})}
	l.pinged.Store(true)
	here.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	go l.watch()
	select {
	case <-l.dead:
	case <-time.After(5 * time.Second):
		t.Fatal("a link whose ping is overdue lives on")
	}
}

func TestSetPeersMovesAPeer(t *testing.T) {
	l1, l2 := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	a, _ := start(t, 1, testCluster, listen(t, "127.0.0.1:0"))
	_, in1 := start(t, 2, testCluster, l1)
	_, in2 := start(t, 2, testCluster, l2)
	a.SetPeers([]flow.NodeInfo{info(1, "ignored:1"), info(2, l1.Addr().String())})
	a.Send(2, []byte("one"))
	in1.next(t)
	a.SetPeers([]flow.NodeInfo{info(2, l2.Addr().String())})
	a.Send(2, []byte("two"))
	if got := string(in2.next(t)); got != "two" {
		t.Fatalf("got %q", got)
	}
	if len(in1.frames) != 0 {
		t.Fatal("the old address still gets frames")
	}
	a.SetPeers(nil)
	before := a.Stats().FramesDropped
	a.Send(2, []byte("three"))
	if a.Stats().FramesDropped != before+1 {
		t.Fatal("a frame to a removed peer was taken")
	}
}

// greeted dials and exchanges prefaces by hand.
func greeted(t *testing.T, addr string, p preface) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.Write(p.encode())
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := readPreface(conn); err != nil {
		t.Fatalf("no preface came back: %v", err)
	}
	return conn
}

func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}
