package embed

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

func TestNonceSurvivesUntilTheNodeHasJoined(t *testing.T) {
	e := &enlistment{cfg: Config{Name: "node2", DataDir: t.TempDir()}}
	first, err := e.nonce()
	if err != nil || first == [16]byte{} {
		t.Fatalf("nonce %x, %v", first, err)
	}
	again, err := e.nonce()
	if err != nil || again != first {
		t.Fatalf("after a restart the nonce is %x, was %x (%v)", again, first, err)
	}
	other := &enlistment{cfg: Config{Name: "node3", DataDir: e.cfg.DataDir}}
	if _, err := other.nonce(); flow.KindOf(err) != flow.InvalidArgument || !strings.Contains(err.Error(), "--node-id") {
		t.Fatalf("another name: %v", err)
	}
	if err := e.forgetNonce(); err != nil {
		t.Fatal(err)
	}
	if err := e.forgetNonce(); err != nil {
		t.Fatalf("nothing to forget: %v", err)
	}
	if fresh, err := e.nonce(); err != nil || fresh == first {
		t.Fatalf("a forgotten nonce came back: %x, %v", fresh, err)
	}
	for _, garbage := range []string{"", "xyz node2\n", strings.Repeat("0", 40) + " node2\n"} {
		if err := os.WriteFile(filepath.Join(e.cfg.DataDir, nonceFile), []byte(garbage), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := e.nonce(); flow.KindOf(err) != flow.Corrupt {
			t.Fatalf("%q: %v", garbage, err)
		}
	}
}

func TestAdvertisedAddress(t *testing.T) {
	at := func(s string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, c := range []struct{ want, listening, is string }{
		{"", "127.0.0.1:8080", "127.0.0.1:8080"},
		{"10.1.2.3", "0.0.0.0:8080", "10.1.2.3:8080"},
		{"10.1.2.3:9", "0.0.0.0:8080", "10.1.2.3:9"},
		{"db.example.org", "0.0.0.0:8080", "db.example.org:8080"},
		{"db.example.org:0", "0.0.0.0:8080", "db.example.org:8080"},
		{"2001:db8::1", "[::]:8080", "[2001:db8::1]:8080"},
	} {
		if got, err := advertised(c.want, at(c.listening)); err != nil || got != c.is {
			t.Errorf("advertised(%q, %s) = %q, %v, want %q", c.want, c.listening, got, err, c.is)
		}
	}
	got, err := advertised("", at("0.0.0.0:8080"))
	host, port, _ := net.SplitHostPort(got)
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() || port != "8080" {
		t.Errorf("every interface is advertised as %q, %v", got, err)
	}
	if _, err := advertised("a]b:c:d", at("127.0.0.1:1")); flow.KindOf(err) != flow.InvalidArgument {
		t.Errorf("nonsense is advertised: %v", err)
	}
}
