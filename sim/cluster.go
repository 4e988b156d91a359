package sim

import (
	"encoding/binary"
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
)

// Times of the cluster's operator.
const (
	joinTimeout = 5 * time.Second
	joinRetry   = 200 * time.Millisecond
	pollEvery   = 100 * time.Millisecond
)

// bootNode makes the production node on what a host's disk holds.
func bootNode(h *host) (Machine, error) { return bootOn(h, store{h.disk, h, h.incarnation}) }

func bootOn(h *host, d disk.Disk) (Machine, error) {
	h.w.adoptIdentity(h)
	n, err := node.New(node.Config{
		FormatVersion: h.format,

		Clock:   h.clock,
		Network: port{h, h.incarnation},
		Disk:    d,
		Workers: pool{h, h.incarnation},
		Seed:    hash(h.w.scenario.Seed, purposeNode, uint64(h.index), uint64(h.incarnation)),
		Addr:    address(h),
		APIAddr: address(h),
		OnEvent: func(e node.Event) { h.w.checks.event(h, e) },
		Tuning:  node.Tuning{TickEvery: h.w.scenario.TickEvery, MaxRequests: h.w.scenario.MaxRequests, Replica: h.tuning(), Index: h.w.scenario.Index},
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// tuning is the scenario's, or one that cuts the log as short as can be.
func (h *host) tuning() replica.Tuning {
	t := h.w.scenario.Replica
	if h.tight > 0 {
		t.TruncateEntries, t.MaxLogEntries, t.ChunkBytes = 1, 1, 400
	}
	return t
}

func address(h *host) string { return h.name + ":8080" }

func nonceOf(h *host) (nonce [16]byte) {
	binary.BigEndian.PutUint64(nonce[:], hash(h.w.scenario.Seed, purposeNode, uint64(h.index), 1))
	binary.BigEndian.PutUint64(nonce[8:], hash(h.w.scenario.Seed, purposeNode, uint64(h.index), 2)+h.wipes)
	return nonce
}

func (w *World) adoptIdentity(h *host) bool {
	defer func(misread bool) { h.misread = misread }(h.misread)
	h.misread = false // it is the world that reads
	id, ok, err := node.ReadIdentity(h.disk)
	if h.rottenIdentity && flow.KindOf(err) == flow.Corrupt {
		return true // whoever starts on it shall say so
	}
	if err != nil {
		w.fail(OracleIdentity, "identity of %s cannot be read: %v", h.name, err)
		return false
	}
	if ok {
		w.adopt(h, id.Node)
	}
	return ok
}

// revive starts a host's process: on its identity if it has one, else as the first
// node or as one that joins.
func (w *World) revive(h *host) {
	if h.up() || h.absent || h.gone || h.busyJoining == h.incarnation+1 {
		return
	}
	if w.adoptIdentity(h) {
		h.start()
		return
	}
	h.busyJoining = h.incarnation + 1
	if h.index == 0 && h.wipes == 0 {
		w.initialise(h)
		return
	}
	w.join(h)
}

// initialise makes the first host a cluster of one, whose version is the host's.
func (w *World) initialise(h *host) {
	incarnation := h.incarnation
	w.checks.format = h.format
	node.Init(h.disk, node.InitOptions{
		Name: h.name, Addr: address(h), APIAddr: address(h), Region: h.region,
		Shards: w.scenario.Shards, ReplicationFactor: w.scenario.ReplicationFactor,
		ClusterID: hash(w.scenario.Seed, purposeNode) | 1, Nonce: nonceOf(h), FormatVersion: h.format,
	}, func(err error) { w.identityWritten(h, incarnation, err) })
}

func (w *World) identityWritten(h *host, incarnation uint32, err error) {
	if h.incarnation != incarnation || h.up() {
		return
	}
	h.busyJoining = 0
	if err != nil {
		h.crash("identity was not written: " + err.Error())
		return
	}
	h.start()
}

// join asks a host that is up for an identity, again and again until it has one.
func (w *World) join(h *host) {
	incarnation := h.incarnation
	again := func() {
		w.after(joinRetry, func() {
			if h.incarnation == incarnation && !h.up() {
				w.join(h)
			}
		})
	}
	via := w.anyHost(hash(w.scenario.Seed, purposeNode, uint64(h.index), uint64(w.now)))
	if via == nil {
		again()
		return
	}
	req := &flow.JoinRequest{Name: h.name, Addr: address(h), APIAddr: address(h), Region: h.region, Nonce: nonceOf(h), Replace: h.wipes > 0, FormatVersion: h.format, Timeout: joinTimeout}
	w.calls.do(via, req, joinTimeout, func(resp flow.Response, _ bool) {
		if h.incarnation != incarnation || h.up() {
			return
		}
		answer, ok := resp.(*flow.JoinResponse)
		if !ok || answer.Err != nil {
			if ok && h.format < w.checks.format {
				h.tooOld(answer.Err)
			}
			again()
			return
		}
		w.trace.note(w.now, h.number(), "joined", uint64(answer.Node), 0, nil)
		node.Join(h.disk, h.name, nonceOf(h), answer, func(err error) { w.identityWritten(h, incarnation, err) })
	})
}

// members are the hosts that are in the cluster or on their way into it.
func (w *World) members() []*host {
	return slices.DeleteFunc(slices.Clone(w.hosts), func(h *host) bool { return h.absent })
}

// anyHost picks a host whose process is up, nil when there is none.
func (w *World) anyHost(key uint64) *host {
	var up []*host
	for _, h := range w.hosts {
		if h.up() {
			up = append(up, h)
		}
	}
	if len(up) == 0 {
		return nil
	}
	return up[key%uint64(len(up))]
}

// leaderOf returns the host that leads a group with the highest term, nil for none.
func (w *World) leaderOf(shard flow.ShardID) *host {
	var leader *host
	var term uint64
	for _, h := range w.hosts {
		for _, r := range h.replicas() {
			if r.Shard == shard && r.Leading && r.Term >= term {
				leader, term = h, r.Term
			}
		}
	}
	return leader
}

// reporter is what a Machine offers to the checks.
type reporter interface {
	Replicas() []flow.ReplicaStatus
	Replica(shard flow.ShardID) (flow.ReplicaStatus, bool)
}

// replicas reports on the host's replicas that are not broken.
func (h *host) replicas() []flow.ReplicaStatus {
	r, ok := h.machine.(reporter)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(r.Replicas(), func(s flow.ReplicaStatus) bool { return s.Role == flow.Broken })
}

// awaitHealthy plans a poll of the cluster's health until the answer is good, and
// then calls healthy. Reasons of the last poll stay in w.unwell.
func (w *World) awaitHealthy(healthy func()) {
	w.unwell = "not asked yet"
	if why := w.unequal(); why != "" {
		w.unwell = why
		w.after(pollEvery, func() { w.awaitHealthy(healthy) })
		return
	}
	members := w.members()
	pending, problem := len(members), ""
	for _, h := range members {
		w.calls.do(h, &flow.StatusRequest{}, time.Second, func(resp flow.Response, _ bool) {
			pending--
			status, ok := resp.(*flow.StatusResponse)
			switch {
			case !ok:
				problem = h.name + " did not answer a status request"
			case status.Err != nil:
				problem = h.name + ": " + status.Err.Error()
			case len(status.Problems) > 0 && len(members) >= w.scenario.ReplicationFactor:
				problem = h.name + " says: " + status.Problems[0]
			case slices.ContainsFunc(status.Shards, func(p flow.ShardPlacement) bool { return p.Moving }):
				problem = h.name + " sees a move under way"
			}
			if pending > 0 {
				return
			}
			if w.unwell = problem; problem == "" {
				healthy()
				return
			}
			w.after(pollEvery, func() { w.awaitHealthy(healthy) })
		})
	}
}
