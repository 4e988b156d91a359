package embed

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// patience is how long a test waits for what must happen in the end.
const patience = 30 * time.Second

func startNode(t *testing.T, cfg Config) *Server {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	cfg.Logf = func(format string, args ...any) {
		if t.Context().Err() == nil {
			t.Logf(cfg.Name+": "+format, args...)
		}
	}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("start %s: %v", cfg.Name, err)
	}
	t.Cleanup(s.Kill)
	return s
}

// eventually repeats try until it succeeds.
func eventually(t *testing.T, what string, try func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s within %v: %v", what, patience, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func create(t *testing.T, s *Server, name string) {
	t.Helper()
	eventually(t, "create "+name, func(ctx context.Context) error {
		err := s.Do(ctx, &flow.CreateCollectionRequest{Name: name, Dim: 2, Metric: flow.Euclid}).Error()
		if flow.KindOf(err) == flow.AlreadyExists && err != nil {
			return nil // an attempt of unknown outcome had happened
		}
		return err
	})
}

// write stores point i under its own request id until it is acknowledged.
func write(t *testing.T, s *Server, collection string, i int) {
	t.Helper()
	req := &flow.WriteRequest{
		ID: newRequestID(s.clock.Now()), Collection: collection,
		Ops: []flow.Op{{Kind: flow.Upsert, ID: flow.NumberID(uint64(i)), Vector: flow.Vector{float32(i), 1}}},
	}
	eventually(t, fmt.Sprintf("write %d", i), func(ctx context.Context) error { return s.Do(ctx, req).Error() })
}

func wantCount(t *testing.T, s *Server, collection string, want uint64) {
	t.Helper()
	eventually(t, fmt.Sprintf("count %d on %s", want, s.Addr()), func(ctx context.Context) error {
		r := s.Do(ctx, &flow.CountRequest{Collection: collection}).(*flow.CountResponse)
		if r.Err == nil && r.Count != want {
			t.Fatalf("a linearizable count on %s is %d, want %d", s.Addr(), r.Count, want)
		}
		return r.Err
	})
}

func waitHealthy(t *testing.T, s *Server, nodes int) {
	t.Helper()
	eventually(t, "a healthy cluster", func(ctx context.Context) error {
		r := s.Do(ctx, &flow.StatusRequest{}).(*flow.StatusResponse)
		switch {
		case r.Err != nil:
			return r.Err
		case len(r.Nodes) != nodes:
			return fmt.Errorf("%d nodes, want %d", len(r.Nodes), nodes)
		case len(r.Problems) > 0:
			return fmt.Errorf("problems: %s", strings.Join(r.Problems, "; "))
		}
		return nil
	})
}

func wantRefused(t *testing.T, cfg Config, kind flow.Kind, words ...string) {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err == nil {
		s.Kill()
		t.Fatalf("started although it should be refused with %v %q", kind, words)
	}
	if flow.KindOf(err) != kind {
		t.Errorf("refused with %v (%v), want %v", flow.KindOf(err), err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("refused with %q, which does not name %q", err, w)
		}
	}
}

func TestClusterOfOneServesStopsAndResumes(t *testing.T) {
	cfg := Config{Name: "node1", Listen: "127.0.0.1:0", DataDir: filepath.Join(t.TempDir(), "d"), Init: &InitOptions{Shards: 4, ReplicationFactor: 1}}
	s := startNode(t, cfg)
	create(t, s, "c")
	for i := range 50 {
		write(t, s, "c", i)
	}
	wantCount(t, s, "c", 50)

	other := cfg
	wantRefused(t, other, flow.Unavailable, "in use")
	other.Listen, other.DataDir = s.Addr(), filepath.Join(t.TempDir(), "untouched")
	wantRefused(t, other, flow.InvalidArgument, "--listen", s.Addr())
	if _, err := os.Stat(other.DataDir); !os.IsNotExist(err) {
		t.Errorf("a start on a port in use touched the data directory: %v", err)
	}

	if err := s.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	select {
	case <-s.Done():
	default:
		t.Fatal("stopped but not done")
	}
	if err := s.Do(t.Context(), &flow.CountRequest{Collection: "c"}).Error(); flow.KindOf(err) != flow.Unavailable {
		t.Fatalf("a stopped node answers %v", err)
	}

	other = cfg
	other.Name = "node2"
	wantRefused(t, other, flow.InvalidArgument, "--node-id", "node1", "node2")
	other = cfg
	other.Init = &InitOptions{Shards: 8}
	wantRefused(t, other, flow.InvalidArgument, "--shards", "4", "8")
	other.Init = &InitOptions{ReplicationFactor: 3}
	wantRefused(t, other, flow.InvalidArgument, "--replication-factor", "1", "3")

	cfg.Init = &InitOptions{}
	s = startNode(t, cfg)
	wantCount(t, s, "c", 50)
	s.Kill()
	s = startNode(t, Config{DataDir: cfg.DataDir}) // who it is stands in the directory
	wantCount(t, s, "c", 50)
	if s.Identity().Name != "node1" {
		t.Fatalf("resumed as %q", s.Identity().Name)
	}
}

func TestThreeNodesSurviveOneKilled(t *testing.T) {
	dir := t.TempDir()
	configs := make([]Config, 3)
	servers := make([]*Server, 3)
	for i := range servers {
		configs[i] = Config{Name: fmt.Sprintf("node%d", i+1), DataDir: filepath.Join(dir, fmt.Sprint(i))}
		if i == 0 {
			configs[i].Init = &InitOptions{Shards: 4, ReplicationFactor: 3}
		} else {
			configs[i].Join = []string{servers[0].Addr()}
		}
		servers[i] = startNode(t, configs[i])
		configs[i].Listen = servers[i].Addr() // the same port after a restart
	}
	waitHealthy(t, servers[2], 3)
	create(t, servers[1], "c")
	for i := range 100 {
		write(t, servers[i%3], "c", i)
	}
	for _, s := range servers {
		wantCount(t, s, "c", 100)
	}

	servers[0].Kill()
	began := time.Now()
	write(t, servers[1], "c", 100)
	t.Logf("first write after the kill: %v", time.Since(began))
	for i := 101; i < 150; i++ {
		write(t, servers[1+i%2], "c", i)
	}
	wantCount(t, servers[2], "c", 150)

	servers[0] = startNode(t, configs[0])
	waitHealthy(t, servers[0], 3)
	wantCount(t, servers[0], "c", 150)
	eventually(t, "equal digests", func(ctx context.Context) error {
		r := servers[0].Do(ctx, &flow.VerifyRequest{Timeout: 5 * time.Second}).(*flow.VerifyResponse)
		for _, v := range r.Shards {
			if !v.Equal {
				return fmt.Errorf("shard %v: digests %v, missing %v", v.Shard, v.Digests, v.Missing)
			}
		}
		if r.Err == nil && len(r.Shards) != 5 {
			return fmt.Errorf("%d verdicts, want 5", len(r.Shards))
		}
		return r.Err
	})

	// A node of this cluster is not taken for one of another.
	foreign := startNode(t, Config{Name: "alone", DataDir: t.TempDir(), Init: &InitOptions{Shards: 1, ReplicationFactor: 1}})
	servers[2].Kill()
	configs[2].Join = []string{foreign.Addr()}
	wantRefused(t, configs[2], flow.InvalidArgument, "--peers", foreign.Addr(), "node3")
}

func TestStopLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, end := range []func(*Server){(*Server).Kill, func(s *Server) {
		if err := s.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}} {
		s := startNode(t, Config{Name: "node1", DataDir: t.TempDir(), Init: &InitOptions{Shards: 2, ReplicationFactor: 1}})
		create(t, s, "c")
		end(s)
		eventually(t, "as many goroutines as before", func(context.Context) error {
			if n := runtime.NumGoroutine(); n > before {
				return fmt.Errorf("%d goroutines, %d before the start", n, before)
			}
			return nil
		})
	}
}

// TestRotNamesItsRemedy: a node whose store has rotted does not start, and says what to do.
func TestRotNamesItsRemedy(t *testing.T) {
	dir := t.TempDir()
	s := startNode(t, Config{Name: "node1", DataDir: dir, Init: &InitOptions{Shards: 1, ReplicationFactor: 1}})
	create(t, s, "c")
	write(t, s, "c", 1)
	s.Kill()
	logs, err := filepath.Glob(filepath.Join(dir, storeDir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	data, err := os.ReadFile(logs[len(logs)-1])
	if err != nil {
		t.Fatal(err)
	}
	data[30] ^= 1
	if err := os.WriteFile(logs[len(logs)-1], data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Config{Listen: "127.0.0.1:0", DataDir: dir})
	if flow.KindOf(err) != flow.Corrupt || !strings.Contains(err.Error(), "cluster join --replace") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a node with rot in its log: %v", err)
	}
}

func TestJoinNamesThePeersThatDoNotAnswer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := ln.Addr().String()
	ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = Start(ctx, Config{Name: "node2", Listen: "127.0.0.1:0", DataDir: t.TempDir(), Join: []string{gone}})
	if flow.KindOf(err) != flow.Unavailable || !strings.Contains(err.Error(), "--peers") || !strings.Contains(err.Error(), gone) {
		t.Fatalf("join without peers: %v", err)
	}
}

func TestConfigIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	good := Config{Name: "n", Listen: "127.0.0.1:0", DataDir: dir, Init: &InitOptions{}}
	for flag, spoil := range map[string]func(*Config){
		"--data-dir": func(c *Config) { c.DataDir = "" },
		"--listen":   func(c *Config) { c.Listen = "" },
		"--node-id":  func(c *Config) { c.Name = "" },
		"--workers":  func(c *Config) { c.Workers = -1 },
		"--format-version is 3, this program speaks 1 to 2": func(c *Config) { c.FormatVersion = 3 },
		"--peers": func(c *Config) { c.Init, c.Join = nil, []string{"nowhere"} },
	} {
		c := good
		spoil(&c)
		wantRefused(t, c, flow.InvalidArgument, flag)
	}
	wantRefused(t, Config{Listen: "127.0.0.1:0", DataDir: dir + "/empty"}, flow.InvalidArgument, "--data-dir")
	if _, err := os.Stat(filepath.Join(dir, storeDir)); !os.IsNotExist(err) {
		t.Errorf("a refused configuration touched the data directory: %v", err)
	}
}

func TestAbandonedCallsAnswerAtOnce(t *testing.T) {
	s := startNode(t, Config{Name: "node1", DataDir: t.TempDir(), Init: &InitOptions{Shards: 1, ReplicationFactor: 1}})
	create(t, s, "c")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := s.Do(ctx, &flow.WriteRequest{Collection: "c", Ops: make([]flow.Op, 1)}).(*flow.WriteResponse)
	if flow.KindOf(w.Err) != flow.Unavailable || w.Results[0].Status != flow.Failed {
		t.Fatalf("a write that never began: %+v", w)
	}
	// Calls under way when the node is killed come back.
	answers := make(chan flow.Response, 100)
	for i := range cap(answers) {
		go func() {
			answers <- s.Do(t.Context(), &flow.WriteRequest{Collection: "c", Ops: []flow.Op{
				{Kind: flow.Upsert, ID: flow.NumberID(uint64(i)), Vector: flow.Vector{1, 2}}}})
		}()
	}
	s.Kill()
	for range cap(answers) {
		select {
		case r := <-answers:
			if err := r.Error(); err != nil && flow.KindOf(err) != flow.Unknown && flow.KindOf(err) != flow.Unavailable {
				t.Fatalf("a call cut off by a kill: %v", err)
			}
		case <-time.After(patience):
			t.Fatal("a call outlived the node")
		}
	}
}

func TestHTTPSharesThePort(t *testing.T) {
	s := startNode(t, Config{Name: "node1", DataDir: t.TempDir(), Init: &InitOptions{Shards: 1, ReplicationFactor: 1}})
	eventually(t, "ready", func(ctx context.Context) error {
		resp, err := http.Get("http://" + s.Addr() + "/readyz")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz answers %s", resp.Status)
		}
		return nil
	})
}

func TestUsageIsMeasured(t *testing.T) {
	s := startNode(t, Config{Name: "node1", DataDir: t.TempDir(), ClusterListen: "127.0.0.1:0", Init: &InitOptions{Shards: 1, ReplicationFactor: 1}})
	if s.ClusterAddr() == s.Addr() {
		t.Fatalf("both kinds of traffic are advertised at %s", s.Addr())
	}
	m := newMeter(s.store.Usage, s.transport.Stats, s.memory.Mapped)
	spin := time.Now()
	for x := 0; time.Since(spin) < 50*time.Millisecond; x++ {
		_ = x * x
	}
	m.measure(time.Now())
	u := m.usage()
	if u.MemoryBytes < 1<<20 || u.CPUSeconds <= 0 || u.CPUPercent <= 0 || u.DiskFreeBytes == 0 || u.Kernel == "" {
		t.Fatalf("usage %+v", u)
	}
}
