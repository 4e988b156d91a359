// Package embed wires the real parts (Pebble, TCP, HTTP, processor and clock)
// into one running node, for the binary and for Go programs. It decides nothing
// about the data: every decision is the node's.
package embed

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/api"
	"github.com/ruvector-flow/ruvector-flow/disk/pebble"
	"github.com/ruvector-flow/ruvector-flow/index/memory/offheap"
	"github.com/ruvector-flow/ruvector-flow/net/tcp"
	"github.com/ruvector-flow/ruvector-flow/node"
)

const (
	// httpDrain is how long Stop lets HTTP requests end, and requestDrain how long
	// after that it lets the node answer the others.
	httpDrain    = 5 * time.Second
	requestDrain = 2 * time.Second
	// retireTimeout bounds the handing over of leadership before that.
	retireTimeout = time.Second
	// drainPollEvery is how often Stop looks.
	drainPollEvery = 2 * time.Millisecond
	// readyTimeout bounds the look at the node that Ready takes.
	readyTimeout = time.Second
	// headerTimeout bounds reading a request's header and requestTimeout its body:
	// a batch of flow.MaxBatchBytes must fit, over a slow link too.
	headerTimeout  = 10 * time.Second
	requestTimeout = 5 * time.Minute
	idleTimeout    = 2 * time.Minute
	// maxHeaderBytes bounds a request's header.
	maxHeaderBytes = 64 << 10
	// storeDir is the directory of the store inside the data directory.
	storeDir = "store"
)

// Config is what a node is started with.
type Config struct {
	// Name is the node's name, unique in the cluster. Empty takes the name of the
	// node that DataDir holds.
	Name string
	// Listen is the address for clients, host:port; port 0 picks a free one.
	Listen string
	// ClusterListen is the address for other nodes; empty shares Listen.
	ClusterListen string
	// Advertise is where clients and nodes reach this node, host or host:port. Empty
	// is the listening address, or an address of this machine if that is 0.0.0.0.
	// Wrong, it keeps the other nodes from ever reaching this one.
	Advertise string
	// DataDir holds everything that survives a restart. One node uses it at a time.
	DataDir string
	// Region is a label for placement; may be empty.
	Region string
	// Init founds a cluster if DataDir holds no node yet.
	Init *InitOptions
	// Join are addresses of nodes, host:port, of which any takes this node in, if
	// DataDir holds no node yet. Not to be given with Init.
	Join []string
	// Replace makes a node that joins take the place of the one of its name, whose data
	// directory is lost for good: that one is taken out of the cluster.
	Replace bool
	// Workers is the number of goroutines that compute, 0 for GOMAXPROCS. More than
	// there are cores makes the node's turn wait.
	Workers int
	// FormatVersion is the highest version of messages and logs that the node uses; 0 is
	// the newest. A lower one is for a node that may have to be taken back to an earlier
	// program: while a node has it, the cluster writes nothing newer.
	FormatVersion flow.FormatVersion
	// MemoryLimit is the memory of the process, in bytes, above which upserts are refused:
	// too high, and the machine kills the process instead. 0 is DefaultMemoryLimit,
	// NoMemoryLimit none.
	MemoryLimit uint64
	// Tuning is the node's; the zero value is good. MemoryLimit takes the place of its
	// MaxMemoryBytes.
	Tuning node.Tuning
	// Version is the program's version, as GET / reports it.
	Version string
	// Logf, if not nil, is told what an operator should know, a line each. It is
	// called from several goroutines, the node's turn among them: it must be quick.
	Logf func(format string, args ...any)
}

// InitOptions are fixed when a cluster is founded. A zero field is the default
// when founding, and anything when DataDir holds a node already.
type InitOptions struct {
	// Shards is the number of shards (default 16).
	Shards int
	// ReplicationFactor is the number of replicas a shard shall have (default 3).
	ReplicationFactor int
	// VirtualNodes is the number of ring tokens a node has (default 128).
	VirtualNodes int
}

func (c *Config) validate() error {
	const op = "embed.Start"
	switch {
	case c.DataDir == "":
		return flow.Errorf(flow.InvalidArgument, op, "--data-dir is missing")
	case c.Listen == "":
		return flow.Errorf(flow.InvalidArgument, op, "--listen is missing")
	case c.Init != nil && len(c.Join) > 0:
		return flow.Errorf(flow.InvalidArgument, op, "--peers: a node that founds a cluster cannot join another")
	case c.Name == "" && (c.Init != nil || len(c.Join) > 0):
		return flow.Errorf(flow.InvalidArgument, op, "--node-id is missing")
	case c.Workers < 0:
		return flow.Errorf(flow.InvalidArgument, op, "--workers is %d, want 0 (one per core) or more", c.Workers)
	}
	c.FormatVersion = c.FormatVersion.OrNewest()
	if c.FormatVersion.Check() != nil {
		return flow.Errorf(flow.InvalidArgument, op, "--format-version is %d, this program speaks %d to %d", c.FormatVersion, flow.OldestFormat, flow.NewestFormat)
	}
	for i, p := range c.Join {
		if _, _, err := net.SplitHostPort(p); err != nil {
			return flow.Errorf(flow.InvalidArgument, op, "--peers: %q (number %d) is not an address like host:port", p, i+1)
		}
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	switch c.MemoryLimit {
	case 0:
		c.MemoryLimit = DefaultMemoryLimit()
	case NoMemoryLimit:
		c.MemoryLimit = 0
	}
	c.Tuning.MaxMemoryBytes = c.MemoryLimit
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
	return nil
}

// Server is one running node. Its goroutines are the driver, the meter, the
// workers, and those of the transport and the HTTP server; shutdown stops them
// all and waits.
type Server struct {
	cfg      Config
	clock    clock
	identity node.Identity
	apiAddr  string // advertised
	addr     string // advertised to nodes

	store     *pebble.Store
	box       *mailbox
	workers   *workers
	memory    offheap.Source // of vectors and graphs
	transport *tcp.Transport
	http      *http.Server
	sockets   []net.Listener

	stop    chan struct{} // closed to stop the driver and the meter
	halted  chan struct{} // closed when the driver has stopped: no answer comes any more
	done    chan struct{} // closed when nothing of the node is left
	once    sync.Once     // of shutdown
	running sync.WaitGroup

	mu  sync.Mutex // guards err
	err error
}

// Start runs a node: the one in DataDir, or else a new one that founds a cluster
// or joins one. ctx bounds the start alone. The node answers when Start returns,
// though its shards may still be electing leaders.
//
// Errors: InvalidArgument when the configuration contradicts itself, the data
// directory or the machine (an address in use); Unavailable when no peer took the
// node in, or another process uses the data directory.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := newServer(cfg)
	// The sockets come first: a second start of the same node must not touch the data.
	peer, web, err := s.listen()
	if err != nil {
		return nil, err
	}
	if err = s.open(pebble.Options{}); err == nil {
		if err = s.begin(ctx, peer, web); err != nil {
			err = errors.Join(err, s.store.Close())
		}
	}
	if err != nil {
		s.closeSockets()
		peer.Close()
		web.Close()
		return nil, s.remedied(err)
	}
	return s, nil
}

// remedied says what to do about an error that comes from rot in the data directory.
func (s *Server) remedied(err error) error {
	if flow.KindOf(err) != flow.Corrupt {
		return err
	}
	return flow.Errorf(flow.Corrupt, "embed.Start", "%w. This node may have forgotten what it promised: move the data directory %s away "+
		"and start the node under its name with `ruvector-flow cluster join --replace`, which makes its replicas anew from the other nodes", err, s.cfg.DataDir)
}

func newServer(cfg Config) *Server {
	return &Server{
		cfg: cfg, clock: newClock(), box: newMailbox(),
		stop: make(chan struct{}), halted: make(chan struct{}), done: make(chan struct{}),
	}
}

// listen opens the sockets and settles the advertised addresses.
func (s *Server) listen() (peer, web net.Listener, err error) {
	ln, err := listen("--listen", s.cfg.Listen)
	if err != nil {
		return nil, nil, err
	}
	s.sockets = append(s.sockets, ln)
	defer func() {
		if err != nil {
			s.closeSockets()
		}
	}()
	if s.apiAddr, err = advertised(s.cfg.Advertise, ln.Addr()); err != nil {
		return nil, nil, err
	}
	if s.cfg.ClusterListen == "" {
		s.addr = s.apiAddr
		peer, web = tcp.Split(ln)
		return peer, web, nil
	}
	cluster, err := listen("--cluster-listen", s.cfg.ClusterListen)
	if err != nil {
		return nil, nil, err
	}
	s.sockets = append(s.sockets, cluster)
	want := ""
	if s.cfg.Advertise != "" {
		want, _, _ = net.SplitHostPort(s.apiAddr)
	}
	if s.addr, err = advertised(want, cluster.Addr()); err != nil {
		return nil, nil, err
	}
	return cluster, ln, nil
}

func (s *Server) closeSockets() {
	for _, ln := range s.sockets {
		ln.Close()
	}
}

// open opens the store.
func (s *Server) open(o pebble.Options) (err error) {
	if err := os.MkdirAll(s.cfg.DataDir, 0o755); err != nil {
		return flow.Errorf(flow.InvalidArgument, "embed.Start", "--data-dir: %w", err)
	}
	o.Log = func(line string) { s.cfg.Logf("store: %s", line) }
	s.store, err = pebble.Open(filepath.Join(s.cfg.DataDir, storeDir), o)
	return err
}

// begin settles who this node is, makes it, and starts everything.
func (s *Server) begin(ctx context.Context, peer, web net.Listener) (err error) {
	e := &enlistment{cfg: s.cfg, store: s.store, addr: s.addr, apiAddr: s.apiAddr}
	if s.identity, err = e.identity(ctx); err != nil {
		return err
	}
	s.transport = tcp.New(tcp.Config{
		Self: s.identity.Node, ClusterID: s.identity.ClusterID, OnFrame: s.box.postFrame, Logf: s.cfg.Logf,
	})
	s.workers = newWorkers(s.cfg.Workers, s.box)
	meter := newMeter(s.store.Usage, s.transport.Stats, s.memory.Mapped)
	tuning := s.cfg.Tuning
	if tuning.Index.MaxBuilds == 0 {
		tuning.Index.MaxBuilds = s.cfg.Workers
	}
	var seed [8]byte
	rand.Read(seed[:]) // never fails (crypto/rand)
	n, err := node.New(node.Config{
		Clock: s.clock, Network: s.transport, Disk: &queuedDisk{Disk: s.store, box: s.box}, Workers: s.workers, Memory: &s.memory, Parallel: s.parallel,
		Seed: binary.LittleEndian.Uint64(seed[:]), FormatVersion: s.cfg.FormatVersion,
		Addr: s.addr, APIAddr: s.apiAddr,
		Usage: meter.usage, OnPeers: s.transport.SetPeers, OnEvent: s.logEvent, Tuning: tuning,
	})
	if err != nil {
		s.workers.close()
		s.transport.Close()
		return err
	}
	m := s.newMetrics()
	s.http = &http.Server{
		Handler:           api.New(s, api.Config{Version: s.cfg.Version, Metrics: m.Handler(), Observe: m.Observe}),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(lineWriter{s.cfg.Logf}, "", 0),
	}
	s.running.Go(func() { meter.run(s.stop) })
	s.running.Go(func() {
		err := drive(n, s.box, tickEvery(s.cfg.Tuning), s.stop)
		n.Close()
		close(s.halted)
		if err != nil {
			go s.shutdown(false, err) // waits for this goroutine; done tells when it is over
		}
	})
	s.running.Go(func() { s.lost("--cluster-listen", s.transport.Serve(peer)) })
	s.running.Go(func() { s.lost("--listen", s.http.Serve(web)) })
	return nil
}

// parallel calls do(0) to do(n-1) on as many goroutines as there are workers, and waits.
func (s *Server) parallel(n int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, s.cfg.Workers) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}

// logEvent tells Logf of the few events that an operator may have to act on.
func (s *Server) logEvent(e node.Event) {
	switch e.Kind {
	case node.NodeUp, node.NodeDown:
		s.cfg.Logf("%s: node %v", e.Kind, e.Node)
	case node.DigestMismatch:
		s.cfg.Logf("%s: shard %v differs from its replica on node %v at index %d", e.Kind, e.Shard, e.Node, e.Value)
	case node.GraphDamaged:
		s.cfg.Logf("%s: the graph of segment %d of shard %v is damaged; its points are searched exactly until it is made again", e.Kind, e.Value, e.Shard)
	case node.GraphMismatch:
		s.cfg.Logf("%s: the graph of segment %d of shard %v built here is not what the log says; its points are searched exactly", e.Kind, e.Value, e.Shard)
	}
}

// lost stops the node when a listening socket broke by itself.
func (s *Server) lost(flag string, err error) {
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return
	}
	go s.shutdown(false, flow.Errorf(flow.Internal, "embed.Serve", "%s: accept connections: %w", flag, err))
}

// shutdown stops everything once, and closes done at the end.
func (s *Server) shutdown(clean bool, cause error) {
	s.once.Do(func() {
		if clean {
			s.retire()
			ctx, cancel := context.WithTimeout(context.Background(), httpDrain)
			if s.http.Shutdown(ctx) != nil {
				s.cfg.Logf("requests were still open after %v; they are cut off", httpDrain)
			}
			cancel()
			s.box.drain(time.Now().Add(requestDrain))
		}
		close(s.stop)
		s.closeSockets()
		s.http.Close()
		<-s.halted
		s.box.close()
		s.transport.Close()
		s.workers.close()
		s.running.Wait()
		err := s.store.Close()
		s.mu.Lock()
		if s.err = cause; cause == nil && clean {
			s.err = err
		}
		s.mu.Unlock()
		close(s.done)
	})
	<-s.done
}

// retire hands leadership to the other nodes, so that a clean stop costs the
// cluster no election.
func (s *Server) retire() {
	ctx, cancel := context.WithTimeout(context.Background(), retireTimeout+time.Second)
	defer cancel()
	s.Do(ctx, &flow.RetireRequest{Timeout: retireTimeout})
}

// Stop ends the node cleanly: what it leads is handed to others, HTTP requests under way are answered, the rest of
// the queue too, and the store is closed. It returns the error that killed the
// node before, or that closing the store gave.
func (s *Server) Stop() error {
	s.shutdown(true, nil)
	return s.Err()
}

// Kill ends the node as a crash would: sockets are cut, nothing is answered and
// nothing is waited for except the goroutines themselves. The data directory can
// be started again at once.
func (s *Server) Kill() { s.shutdown(false, nil) }

// Done is closed when the node has ended, for whatever reason, and nothing of it
// is left running.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns, once Done is closed, why the node died; nil if it was told to stop.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Ready returns nil when this node can serve: it runs and knows a leader of the
// system group, through which it learns of everything else.
func (s *Server) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	r := s.Do(ctx, &flow.StatusRequest{})
	if err := r.Error(); err != nil {
		return err
	}
	if st, ok := r.(*flow.StatusResponse); ok && st.SystemLeader == 0 {
		return flow.Errorf(flow.Unavailable, "embed.Ready", "no leader of the system group is known").OnShard(flow.SystemShard)
	}
	return nil
}

// Addr returns where clients reach this node, host:port.
func (s *Server) Addr() string { return s.apiAddr }

// ClusterAddr returns where other nodes reach this node, host:port.
func (s *Server) ClusterAddr() string { return s.addr }

// Identity returns who this node is.
func (s *Server) Identity() node.Identity { return s.identity }

// lineWriter makes lines of the HTTP server's log calls of Logf.
type lineWriter struct {
	logf func(format string, args ...any)
}

// Write logs a line.
func (w lineWriter) Write(p []byte) (int, error) {
	w.logf("http: %s", strings.TrimRight(string(p), "\n"))
	return len(p), nil
}
