package sim

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
)

// Oracle names the check that found a failure.
type Oracle string

// The oracles.
const (
	// OracleContract: a node broke the contract of a seam.
	OracleContract Oracle = "contract"
	// OracleStore: a real store broke the contract of disk.Disk.
	OracleStore Oracle = "store"
	// OraclePanic: a node panicked.
	OraclePanic Oracle = "panic"
	// OracleRestart: a node does not start on what is durable, or calls it corrupt.
	OracleRestart Oracle = "restart"
	// OracleIdentity: two hosts have one identity, or a host lost its own.
	OracleIdentity Oracle = "identity"
	// OracleForm: the cluster did not form without faults.
	OracleForm Oracle = "form"
	// OracleDigest: two replicas differ at one applied index.
	OracleDigest Oracle = "digest"
	// OracleOnce: a request took effect twice, or with two results.
	OracleOnce Oracle = "once"
	// OracleVote: a replica voted for two candidates in one term, or two lead in one.
	OracleVote Oracle = "vote"
	// OraclePersist: a replica told others of a vote or an entry that was not durable.
	OraclePersist Oracle = "persist"
	// OracleLog: two entries of one index and term differ, or follow different ones.
	OracleLog Oracle = "log"
	// OracleCommitted: a committed entry changed.
	OracleCommitted Oracle = "committed"
	// OracleCompleteness: a leader lacks an entry that was committed before its term.
	OracleCompleteness Oracle = "completeness"
	// OracleOrder: an applied or committed index or a term went backwards in one process.
	OracleOrder Oracle = "order"
	// OraclePlacement: the placement table contradicts itself, or what nodes host.
	OraclePlacement Oracle = "placement"
	// OracleVersion: a process runs under a format version below the cluster's.
	OracleVersion Oracle = "version"
	// OracleBounds: a node holds more than a limit allows.
	OracleBounds Oracle = "bounds"
	// OracleError: an answer has a kind of error that nothing explains.
	OracleError Oracle = "error"
	// OracleCatalogue: a collection is there or not there against its acknowledgements.
	OracleCatalogue Oracle = "catalogue"
	// OracleRead: a linearizable read was answered, or confirmed, by a state too old for it.
	OracleRead Oracle = "read"
	// OracleMembers: a change of membership that its leader was not to make yet.
	OracleMembers Oracle = "members"
	// OracleHistory: package linearizability rejects the clients' history.
	OracleHistory Oracle = "history"
	// OracleRecall: searches by graphs found less than the index declares.
	OracleRecall Oracle = "recall"
	// OracleDurability: an acknowledged write is not there after healing, or a loss that the
	// cluster promises to survive would take a committed one away.
	OracleDurability Oracle = "durability"
	// OracleLiveness: the healed cluster is not healthy, or an operation hangs.
	OracleLiveness Oracle = "liveness"
	// OracleFloor: too few operations succeeded.
	OracleFloor Oracle = "floor"
	// OracleCap: the run went past its number of events or its real time.
	OracleCap Oracle = "cap"
	// OracleStop: somebody asked for the run to end at an event.
	OracleStop Oracle = "stop"
)

// Oracles lists those that judge the product. Not among them are the cap, which ends what a
// bug keeps busy for ever, the store's, which judges another product, and the stop.
var Oracles = []Oracle{
	OracleContract, OraclePanic, OracleRestart, OracleIdentity, OracleForm, OracleDigest, OracleOnce, OracleVote, OraclePersist,
	OracleLog, OracleCommitted, OracleCompleteness, OracleOrder, OraclePlacement, OracleVersion, OracleMembers,
	OracleBounds, OracleError, OracleCatalogue, OracleRead, OracleHistory, OracleRecall, OracleDurability, OracleLiveness, OracleFloor,
}

// Failure is the first thing that went wrong in a run.
type Failure struct {
	Oracle Oracle
	// At is the virtual time, from the beginning of the world.
	At   float64
	What string
}

// fail records a failure; only the first counts.
func (w *World) fail(o Oracle, format string, args ...any) {
	if w.failure != nil || slices.Contains(w.blind, o) {
		return
	}
	w.failure = &Failure{Oracle: o, At: w.now.Seconds(), What: fmt.Sprintf(format, args...)}
	w.trace.remark(w.now, 0, "failure", w.failure.What)
}

// position is a place in a group's log.
type position struct {
	shard flow.ShardID
	index uint64
}

// sighting is a digest and who showed it first.
type sighting struct {
	digest uint64
	record uint64 // hash of the applied record; 0 when it was not seen
	host   int
}

// watchedReplica is what was last seen of a replica in one process.
type watchedReplica struct {
	replica               flow.ReplicaID
	term, applied, commit uint64
	leading, learner      bool
	first                 uint64 // of the retained log
}

// checks watches the replicas after every turn.
type checks struct {
	w           *World
	digests     map[position]sighting
	leaders     map[position]int                    // by group and term: the host that led
	comparisons int                                 // digests compared with another host's
	format      flow.FormatVersion                  // the highest that some host wrote for the cluster
	observed    int                                 // digests looked at
	groups      []*groupFacts                       // by shard
	lives       map[flow.NodeID]*life               // of the nodes
	entries     int                                 // entries compared with one written before
	commits     int                                 // committed entries compared with one known before
	graphs      int                                 // graphs compared with another host's
	results     int                                 // results of requests compared with one known before
	placements  map[flow.ShardID][]writtenPlacement // by epoch
	rows        int                                 // stored rows compared with another host's
	refusals    map[refusalOf]refusals
}

func newChecks(w *World) *checks {
	return &checks{w: w, digests: map[position]sighting{}, leaders: map[position]int{}, lives: map[flow.NodeID]*life{}, placements: map[flow.ShardID][]writtenPlacement{}, refusals: map[refusalOf]refusals{}}
}

// afterTurn compares each replica of a host that the turn wrote for with what is
// known of its group. Whatever changes in a replica is written.
func (c *checks) afterTurn(h *host) {
	c.bounded(h)
	m, ok := h.machine.(reporter)
	if !ok {
		return
	}
	for _, shard := range h.touched {
		r, ok := m.Replica(shard)
		if !ok {
			continue
		}
		was, seen := h.watched[r.Shard]
		now := watchedReplica{r.Replica, r.Term, r.Applied, r.Commit, r.Leading, r.Role == flow.Learner, r.FirstIndex}
		if seen && was == now {
			continue
		}
		h.watched[r.Shard] = now
		c.tellsItsLog(h, r)
		c.w.tape.role(c.w, h, was, seen, r)
		c.w.marks.turn(h, was, seen, r)
		if seen && was.replica == r.Replica && (r.Term < was.term || r.Applied < was.applied || r.Commit < was.commit) {
			c.w.fail(OracleOrder, "%s: %v went back from term %d, applied %d, commit %d to %d, %d, %d", h.name, r.Shard,
				was.term, was.applied, was.commit, r.Term, r.Applied, r.Commit)
		}
		if r.Leading {
			c.leads(h, r)
			c.commitsOwn(h, was, seen, r)
		}
		if !seen || was.applied != r.Applied || was.replica != r.Replica {
			c.compare(h, r)
		}
	}
	h.touched = h.touched[:0]
}

func (c *checks) compare(h *host, r flow.ReplicaStatus) {
	c.observed++
	var record uint64
	if g := h.written[r.Shard]; g != nil && g.replica == r.Replica && g.applied == r.Applied {
		record = xxhash.Sum64(g.appliedRecord)
	}
	key := position{r.Shard, r.Applied}
	first, ok := c.digests[key]
	if !ok {
		c.digests[key] = sighting{r.Digest, record, h.number()}
		return
	}
	if first.host != h.number() {
		c.comparisons++
	}
	if first.digest != r.Digest {
		c.w.fail(OracleDigest, "%v at applied index %d has digest %016x on %s and %016x on %s", r.Shard, r.Applied,
			first.digest, c.w.hosts[first.host-1].name, r.Digest, h.name)
	}
	if first.record != 0 && record != 0 && first.record != record {
		c.w.fail(OracleDigest, "%v at applied index %d has another record on %s than on %s, with members %v", r.Shard, r.Applied,
			h.name, c.w.hosts[first.host-1].name, h.written[r.Shard].membership())
	}
}

// unequal says why the replicas are not all up, led and equal; "" when they are.
func (w *World) unequal() string { return w.unequalAmong(w.core()) }

// unequalAmong says so of the replicas on some hosts.
func (w *World) unequalAmong(members []*host) string {
	if w.groupless {
		return ""
	}
	all := len(w.members())
	want := min(w.scenario.ReplicationFactor, all)
	type group struct {
		replicas, leaders int
		applied, digest   uint64
	}
	groups := make([]group, w.scenario.Shards+1)
	for _, h := range members {
		if !h.up() {
			return h.name + " is down"
		}
		for _, r := range h.replicas() {
			if int(r.Shard) >= len(groups) {
				return fmt.Sprintf("%s has a replica of %v, of which there is none", h.name, r.Shard)
			}
			g := &groups[r.Shard]
			if g.replicas > 0 && (g.applied != r.Applied || g.digest != r.Digest) || r.Commit != r.Applied {
				return fmt.Sprintf("%v: %s has applied %d of %d, another replica %d", r.Shard, h.name, r.Applied, r.Commit, g.applied)
			}
			if r.Segments != r.Graphs || r.BadGraphs > 0 {
				return fmt.Sprintf("%v: %s searches %d of %d segments by a graph, %d graphs were bad", r.Shard, h.name, r.Graphs, r.Segments, r.BadGraphs)
			}
			g.replicas++
			g.applied, g.digest = r.Applied, r.Digest
			if r.Leading {
				g.leaders++
			}
		}
	}
	for i, g := range groups {
		if i > 0 && g.replicas != want && len(members) == all {
			return fmt.Sprintf("%v has %d replicas, not %d", flow.ShardID(i), g.replicas, want)
		}
		if g.leaders == 0 && w.deafLeader(flow.ShardID(i)) {
			continue
		}
		if g.leaders != 1 {
			return fmt.Sprintf("%v has %d leaders", flow.ShardID(i), g.leaders)
		}
	}
	w.checks.compareGraphs()
	return ""
}

// deafLeader says whether a host leads a group that is gone only in that its disk does
// not answer: it hears so when it next has to store something, and not before.
func (w *World) deafLeader(shard flow.ShardID) bool {
	h := w.leaderOf(shard)
	return h != nil && h.gone && !h.cut && !h.paused()
}

// allowed judges an answer by its kind of error alone. recorded is the collection's
// name in the history when the request was sent.
func (c *checks) allowed(h *host, req flow.Request, resp flow.Response, recorded string) {
	err := resp.Error()
	if err == nil {
		return
	}
	kind := flow.KindOf(err)
	switch kind {
	case flow.Unavailable, flow.Unknown, flow.NotLeader, flow.ResourceExhausted:
		return
	case flow.Conflict:
		// Of a read or a write it says that its id is too old, or another's: none is here.
		if linearizability.KindOf(req) == 0 {
			return
		}
		c.w.fail(OracleError, "%s answered a valid %T with %v: %v", h.name, req, kind, err)
	case flow.NotFound:
		if c.mayMiss(req, recorded) {
			return
		}
		c.w.fail(OracleCatalogue, "%s does not know collection %q, whose creation was acknowledged, in answer to %T: %v", h.name, recorded, req, err)
	default:
		c.w.fail(OracleError, "%s answered a valid %T with %v: %v", h.name, req, kind, err)
	}
}

// mayMiss says whether a read is allowed not to know a collection that exists: one
// that accepts an old state may.
func (c *checks) mayMiss(req flow.Request, recorded string) bool {
	if recorded != c.w.load.recorded(linearizability.CollectionOf(req)) || recorded != stableCollection && !c.w.load.fleetingOpen {
		return true
	}
	switch req.(type) {
	case *flow.WriteRequest:
		return false
	case *flow.GetRequest, *flow.CountRequest, *flow.ScrollRequest, *flow.SearchRequest:
		return linearizability.ReadOptionsOf(req).Level != flow.Linearizable
	}
	return true
}
