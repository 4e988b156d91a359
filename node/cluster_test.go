package node_test

import (
	"fmt"
	"testing"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node"
	"github.com/ruvector-flow/ruvector-flow/sim"
)

const (
	tickEvery = 25 * time.Millisecond
	shards    = 4
)

// cluster drives nodes in memory, without faults: a step ticks every node once, and
// then everything happens until nothing moves.
type cluster struct {
	t     *testing.T
	now   flow.Time
	hosts []*host
	wire  []frame
	// held says which frames stay on the wire.
	held func(f frame) bool
	// requests counts the commands that tests send by themselves.
	requests uint64
}

type frame struct {
	from  *host
	to    flow.NodeID
	bytes []byte
}

// host is a machine with a node. It is the node's clock, network, disk and workers.
type host struct {
	*sim.Disk
	c     *cluster
	n     *node.Node
	later []func()          // of the disk
	done  []node.Completion // inputs to come
	peers []flow.NodeInfo
	// memory is what the process is said to take.
	memory uint64
	// tuning is for the next start; events are those of damaged graphs.
	tuning node.Tuning
	events []node.Event
	// format is for the next start.
	format flow.FormatVersion
}

// newCluster makes a cluster of some nodes, and waits until it is healthy.
func newCluster(t *testing.T, nodes int) *cluster {
	t.Helper()
	return newClusterOf(t, make([]flow.FormatVersion, nodes)...)
}

// newClusterOf makes a cluster with a node for each format version, the first one's that
// of the cluster, and waits until it is healthy.
func newClusterOf(t *testing.T, formats ...flow.FormatVersion) *cluster {
	t.Helper()
	nodes := len(formats)
	c := &cluster{t: t, now: 1_700_000_000_000_000_000}
	for i, format := range formats {
		h := newHost(c)
		h.format = format.OrNewest()
		c.hosts = append(c.hosts, h)
		if i > 0 {
			h.join(i + 1)
			continue
		}
		node.Init(h.Disk, node.InitOptions{Name: "node1", Addr: "node1:1", APIAddr: "node1:1", Shards: shards, ReplicationFactor: 3, ClusterID: 7, Nonce: [16]byte{1}, FormatVersion: h.format}, h.written)
		h.start("node1:1")
	}
	c.await("the cluster is healthy", func() bool {
		for _, h := range c.hosts {
			// A cluster of one has fewer replicas than it wants, and says so.
			if p := call[*flow.StatusResponse](h, &flow.StatusRequest{}).Problems; len(p) > 0 && nodes >= 3 || len(p) > 1 {
				return false
			}
		}
		return true
	})
	return c
}

func newHost(c *cluster) *host {
	h := &host{c: c}
	h.Disk = sim.NewDisk(func(_ time.Duration, f func()) { h.later = append(h.later, f) }, 0)
	return h
}

// join makes the host's node one of the cluster, by the first host, and starts it.
func (h *host) join(number int) {
	h.c.t.Helper()
	name := fmt.Sprintf("node%d", number)
	addr, nonce := name+":1", [16]byte{byte(number)}
	joined := call[*flow.JoinResponse](h.c.hosts[0], &flow.JoinRequest{Name: name, Addr: addr, APIAddr: addr, Nonce: nonce, FormatVersion: h.format})
	if joined.Err != nil {
		h.c.t.Fatalf("join: %v", joined.Err)
	}
	node.Join(h.Disk, name, nonce, joined, h.written)
	h.start(addr)
}

func (h *host) written(err error) {
	if err != nil {
		h.c.t.Fatalf("writing an identity: %v", err)
	}
}

// start runs a node on what the host's disk holds.
func (h *host) start(addr string) {
	h.c.t.Helper()
	for len(h.later) > 0 {
		h.runDisk()
	}
	n, err := h.open(addr)
	if err != nil {
		h.c.t.Fatalf("start: %v", err)
	}
	h.n = n
	n.Flush()
}

// open makes a node on what the host's disk holds.
func (h *host) open(addr string) (*node.Node, error) {
	return node.New(node.Config{
		FormatVersion: h.format, Clock: h, Network: h, Disk: h, Workers: h, Seed: uint64(len(h.c.hosts)), Addr: addr, APIAddr: addr,
		OnPeers: func(p []flow.NodeInfo) { h.peers = p }, Tuning: h.tuning, Usage: func() flow.NodeUsage { return flow.NodeUsage{MemoryBytes: h.memory} },
		OnEvent: func(e node.Event) {
			if e.Kind == node.GraphDamaged || e.Kind == node.GraphMismatch {
				h.events = append(h.events, e)
			}
		},
	})
}

// Now implements node.Clock.
func (h *host) Now() flow.Time { return h.c.now }

// Send implements net.Network.
func (h *host) Send(to flow.NodeID, b []byte) { h.c.wire = append(h.c.wire, frame{h, to, b}) }

// Do implements node.Workers.
func (h *host) Do(job node.Job) {
	h.later = append(h.later, func() {
		job.Run()
		h.done = append(h.done, node.Completion(job.Done))
	})
}

// Apply implements disk.Disk: completions are inputs of the node.
func (h *host) Apply(b *disk.Batch, sync bool, done func(error)) {
	if !sync {
		h.Disk.Apply(b, false, nil)
		return
	}
	h.Disk.Apply(b, true, func(err error) { h.done = append(h.done, func() { done(err) }) })
}

func (h *host) runDisk() {
	later := h.later
	h.later = nil
	for _, f := range later {
		f()
	}
}

// finish does what the node waits for, of its disk and its workers.
func (h *host) finish() {
	h.runDisk()
	done := h.done
	h.done = nil
	for _, d := range done {
		h.n.Done(d)
	}
	h.n.Flush()
}

// settle lets everything happen until nothing moves.
func (c *cluster) settle() {
	for c.round() {
	}
}

// round delivers what was sent and finishes what was begun, and says whether there was any.
func (c *cluster) round() (moved bool) {
	wire := c.wire
	c.wire = nil
	for _, f := range wire {
		if c.held != nil && c.held(f) {
			c.wire = append(c.wire, f)
			continue
		}
		moved = true
		if int(f.to) <= len(c.hosts) && c.hosts[f.to-1].n != nil {
			c.hosts[f.to-1].n.Receive(f.bytes)
		}
	}
	for _, h := range c.hosts {
		if h.n == nil {
			continue
		}
		moved = moved || len(h.later)+len(h.done) > 0
		h.finish()
		if err := h.n.Err(); err != nil {
			c.t.Fatalf("a node died: %v", err)
		}
	}
	return moved
}

func (c *cluster) step() {
	c.now = c.now.Add(tickEvery)
	for _, h := range c.hosts {
		if h.n != nil {
			h.n.Tick()
			h.n.Flush()
		}
	}
	c.settle()
}

// maxSteps bounds every wait; it is two minutes of the cluster's time.
const maxSteps = 4800

func (c *cluster) await(what string, holds func() bool) {
	c.t.Helper()
	for range maxSteps {
		if holds() {
			return
		}
		c.step()
	}
	c.t.Fatalf("in %v it did not come about that %s", maxSteps*tickEvery, what)
}

// call serves a request on a host and steps until it is answered.
func call[R flow.Response](h *host, req flow.Request) (resp R) {
	h.c.t.Helper()
	answers := 0
	h.n.Serve(req, func(r flow.Response) { resp, answers = r.(R), answers+1 })
	h.n.Flush()
	h.c.settle()
	h.c.await(fmt.Sprintf("%T is answered", req), func() bool { return answers > 0 })
	if answers > 1 {
		h.c.t.Fatalf("%T is answered %d times", req, answers)
	}
	return resp
}

// create makes a collection.
func (c *cluster) create(name string, dim int, metric flow.Metric) {
	c.t.Helper()
	if err := call[*flow.CreateCollectionResponse](c.hosts[0], &flow.CreateCollectionRequest{Name: name, Dim: dim, Metric: metric}).Err; err != nil {
		c.t.Fatalf("create: %v", err)
	}
}

// write upserts points with numbered ids into a collection of dimension 2.
func (c *cluster) write(h *host, name string, numbers ...uint64) *flow.WriteResponse {
	c.t.Helper()
	var ops []flow.Op
	for _, n := range numbers {
		ops = append(ops, flow.Op{Kind: flow.Upsert, ID: flow.NumberID(n), Vector: flow.Vector{float32(n), 1}})
	}
	return call[*flow.WriteResponse](h, &flow.WriteRequest{Collection: name, Ops: ops})
}

// state is all that the cluster's nodes hold: the position and the digest of each replica.
func (c *cluster) state() string {
	s := ""
	for _, h := range c.hosts {
		for _, r := range h.n.Replicas() {
			s += fmt.Sprintf("%v %v at %d: %016x\n", r.Shard, r.Replica, r.Applied, r.Digest)
		}
	}
	return s
}
