package tcp

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// serveSplit serves HTTP ("ok") and frames on one port.
func serveSplit(t *testing.T) (addr string, in *inbox) {
	t.Helper()
	ln := listen(t, "127.0.0.1:0")
	peer, web := Split(ln)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok "+r.URL.Path) })}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(web) }()
	_, in = start(t, 2, testCluster, peer)
	t.Cleanup(func() {
		srv.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("http: %v", err)
		}
	})
	return ln.Addr().String(), in
}

func fetch(t *testing.T, addr string) {
	t.Helper()
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get("http://" + addr + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); string(b) != "ok /x" || err != nil {
		t.Fatalf("answer %q, %v", b, err)
	}
}

func TestSplitServesFramesAndHTTPOnOnePort(t *testing.T) {
	addr, in := serveSplit(t)
	a, _ := start(t, 1, testCluster, listen(t, "127.0.0.1:0"))
	a.SetPeers([]flow.NodeInfo{info(2, addr)})
	for range 5 {
		a.Send(2, []byte("frame"))
		if got := string(in.next(t)); got != "frame" {
			t.Fatalf("got %q", got)
		}
		fetch(t, addr)
	}
}

func TestSlowConnectionsBlockNobody(t *testing.T) {
	addr, in := serveSplit(t)
	for i := range 50 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte(magic[:i%len(magic)])) // nothing, or a beginning
	}
	began := time.Now()
	fetch(t, addr)
	a, _ := start(t, 1, testCluster, listen(t, "127.0.0.1:0"))
	a.SetPeers([]flow.NodeInfo{info(2, addr)})
	a.Send(2, []byte("frame"))
	in.next(t)
	if d := time.Since(began); d >= prefaceTimeout {
		t.Fatalf("slow connections held others up for %v", d)
	}
}

func TestRequestInSmallPiecesIsServed(t *testing.T) {
	addr, _ := serveSplit(t)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, b := range []byte("REPORT /r HTTP/1.0\r\n\r\n") { // shares its first letter with the magic
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if b, _ := io.ReadAll(conn); len(b) == 0 {
		t.Fatal("no answer")
	}
}

func TestSplitClosesWithBothHalves(t *testing.T) {
	ln := listen(t, "127.0.0.1:0")
	addr := ln.Addr().String()
	peer, web := Split(ln)
	waiting, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	peer.Close()
	if _, err := peer.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Accept after Close: %v", err)
	}
	go func() {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		}
	}()
	conn, err := web.Accept()
	if err != nil {
		t.Fatalf("the other half is closed too: %v", err)
	}
	conn.Close()
	web.Close()
	web.Close() // harmless
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Fatal("the shared listener is still open")
	}
	waiting.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := waiting.Read(make([]byte, 1)); err == nil {
		t.Fatal("a connection that had said nothing is still open")
	}
}
