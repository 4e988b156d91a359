package sim

import (
	"fmt"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
)

// Mark names a situation that worlds should get into. A hunt that never met one has
// not tested what would go wrong in it. Marks are seen from outside the node: in what
// it reports, sends, writes and answers.
type Mark string

// The parts of a world in which marks are looked for.
const (
	// frameMarksEvery is which part of the worlds has its frames read for marks: one in so many.
	frameMarksEvery = 8
	// soon is how close two events are that a mark joins.
	soon = time.Second
	// farBehind is how many entries a follower trails that a mark calls far behind.
	farBehind = 50
)

// Marks lists every mark, by where it is seen. A world counts each once an event.
var Marks = []Mark{
	// Roles, after a turn.
	"leader elected", "system leader elected", "leader re-elected", "leadership came back", "term passed without a leader",
	"two leaders of different terms", "leader elected in a partition", "leader elected while a node is paused", "leader elected while a node is down",
	"leader elected beside a slow disk", "leader elected beside a wrong clock", "leader elected while a snapshot is sent",
	"leader elected while a node joins", "leader stepped down alive", "lone voter leads", "learner became voter", "replica made", "replica made again",
	"follower far behind", "log cut", "log cut while a node is down", "log cut while a snapshot is sent", "snapshot installed",
	"snapshot installed over a state", "snapshot installed after a restart", "applied in a large step",
	// Deaths and starts.
	"crash of a leader", "crash of the system leader", "crash with unsynced writes", "crash with an unsynced vote", "crash with unsynced entries",
	"crash in mid-turn", "crash while it received a snapshot", "crash while it sent a snapshot", "crash before it had joined", "crash soon after a start",
	"crash of a second node", "all nodes down", "majority down", "restart with what the system kept", "start on an empty disk", "start far behind",
	"node died of its disk", "identity unreadable, node replaced", "join under load", "process paused as leader",
	// Faults that meet.
	"faults of two families at once", "five faults at once", "disk fault of a leader", "clock fault of a leader", "cut leader",
	"cut during a snapshot", "crash during a cut", "full disk refused writes",
	// Format versions.
	"cluster of two versions", "cluster version raised", "cluster version raised under faults", "command of a former version applied", "start refused for its version",
	"node taken back to the former version",
	// Frames, in one world of eight.
	"vote refused", "pre-vote refused", "append refused", "leadership handed over", "read round of a follower", "snapshot chunk",
	"snapshot of many chunks", "snapshot between versions", "snapshot chunk repeated", "snapshot refused", "write forwarded", "write sent to a former leader", "graph fetched",
	"graphs joined by bridges",
	// Clients.
	"retry settled", "retry answered with its first result", "retry after a failover", "outcome unknown", "outcome resolved later", "batch in part",
	"compare-and-set refused", "compare-and-set applied", "delete of an absent point", "write over several shards", "session read", "bounded read",
	"any read", "partial answer", "search answered", "scroll with a next page", "answer after the client left", "collection made again",
	"write to a dropped collection refused", "reused request id refused", "read refused for want of state",
}

var markNumber = func() map[Mark]int {
	numbers := map[Mark]int{}
	for i, m := range Marks {
		numbers[m] = i
	}
	return numbers
}()

// marker counts the marks of a world.
type marker struct {
	w      *World
	counts []int
	// frames says that this world's frames are read.
	frames bool
	// led holds who led each group last, and before that.
	led map[flow.ShardID][2]led
	// chunks holds, for each receiver and group, the last chunk sent to it.
	chunks map[chunkOf]chunkSeen
	// made holds the replicas that were seen.
	made      map[flow.ReplicaID]map[flow.ShardID]bool
	lastCrash time.Duration
}

type led struct {
	host int
	term uint64
	at   time.Duration
}

type chunkOf struct {
	to    int
	shard flow.ShardID
}

type chunkSeen struct {
	from   int
	stream uint64
	seq    uint64
	at     time.Duration
}

func newMarker(w *World) *marker {
	return &marker{w: w, counts: make([]int, len(Marks)), frames: hash(w.scenario.Seed, purposeMarks)%frameMarksEvery == 0,
		led: map[flow.ShardID][2]led{}, chunks: map[chunkOf]chunkSeen{}, made: map[flow.ReplicaID]map[flow.ShardID]bool{}, lastCrash: -soon}
}

// hit counts a mark if it holds.
func (m *marker) hit(name Mark, holds bool) {
	if !holds {
		return
	}
	i, ok := markNumber[name]
	if !ok {
		panic(fmt.Sprintf("sim: mark %q is not in the list", name))
	}
	m.counts[i]++
}

// counted returns the marks that were hit.
func (m *marker) counted() map[Mark]int {
	out := map[Mark]int{}
	for i, n := range m.counts {
		if n > 0 {
			out[Marks[i]] = n
		}
	}
	return out
}

// inForce says whether a fault of one of the kinds is in force, on a host if that is not 0.
func (m *marker) inForce(number int, kinds ...FaultKind) bool {
	for _, f := range m.w.faults {
		if !f.on || number != 0 && f.Node != number {
			continue
		}
		for _, k := range kinds {
			if f.Kind == k {
				return true
			}
		}
	}
	return false
}

// sending says whether a snapshot of a group was on its way lately; known only where
// frames are read.
func (m *marker) sending(shard flow.ShardID) bool {
	for _, h := range m.w.hosts {
		if c, ok := m.chunks[chunkOf{h.number(), shard}]; ok && m.w.now-c.at < soon {
			return true
		}
	}
	return false
}

// down counts the hosts whose process does not run, of those that are members.
func (m *marker) down() (down, members int) {
	for _, h := range m.w.hosts {
		if h.absent {
			continue
		}
		if members++; !h.up() {
			down++
		}
	}
	return down, members
}

var (
	cutKinds   = []FaultKind{Partition, OneWay, IsolateLeader, Bridge, Ring, Flapping}
	diskKinds  = []FaultKind{SlowSync, StuckSync, FailSync, FullDisk}
	clockKinds = []FaultKind{ClockJump, ClockDrift, ClockStop, TickRate}
	crashKinds = []FaultKind{Crash, CrashLeader, CrashMidTurn, CrashAll, CrashLoop, Restart, RollingRestart}
)

// turn looks at a replica after a turn that changed it.
func (m *marker) turn(h *host, was watchedReplica, seen bool, r flow.ReplicaStatus) {
	shards := m.made[r.Replica]
	if shards == nil {
		shards = map[flow.ShardID]bool{}
		m.made[r.Replica] = shards
	}
	m.hit("replica made", !shards[r.Shard])
	m.hit("replica made again", seen && was.replica != r.Replica)
	shards[r.Shard] = true
	if r.Leading && !(seen && was.leading && was.term == r.Term) {
		m.elected(h, r)
	}
	m.hit("leader stepped down alive", seen && was.leading && !r.Leading)
	m.hit("term passed without a leader", seen && r.Term > was.term+1)
	m.hit("lone voter leads", r.Leading && m.w.scenario.Nodes > 1 && r.Term > 1 && len(m.w.members()) == 1)
	m.hit("learner became voter", seen && was.learner && r.Role != flow.Learner)
	m.hit("applied in a large step", seen && r.Applied > was.applied+10)
	m.hit("follower far behind", seen && !r.Leading && r.Commit > r.Applied+farBehind)
	if seen && r.FirstIndex > was.first {
		down, _ := m.down()
		installed := r.FirstIndex == r.Applied+1 && was.applied+1 < r.FirstIndex && r.LastIndex == r.Applied
		m.hit("snapshot installed", installed)
		m.hit("snapshot installed over a state", installed && was.applied > 0)
		m.hit("snapshot installed after a restart", installed && h.incarnation > 1 && m.w.now-h.startedAt < 5*time.Second)
		m.hit("log cut", !installed)
		m.hit("log cut while a node is down", !installed && down > 0)
		m.hit("log cut while a snapshot is sent", !installed && m.sending(r.Shard))
	}
}

func (m *marker) elected(h *host, r flow.ReplicaStatus) {
	number, last := h.number(), m.led[r.Shard]
	down, _ := m.down()
	m.hit("leader elected", true)
	m.hit("system leader elected", r.Shard == flow.SystemShard)
	m.hit("leader re-elected", last[0].host == number && last[0].term < r.Term)
	m.hit("leadership came back", last[1].host == number && last[0].host != number)
	m.hit("leader elected in a partition", m.inForce(0, cutKinds...))
	m.hit("leader elected while a node is down", down > 0)
	m.hit("leader elected beside a slow disk", m.inForce(0, SlowSync, StuckSync))
	m.hit("leader elected beside a wrong clock", m.inForce(0, clockKinds...))
	m.hit("leader elected while a snapshot is sent", m.sending(r.Shard))
	for _, o := range m.w.hosts {
		m.hit("leader elected while a node is paused", o.up() && o.paused())
		m.hit("leader elected while a node joins", o.busyJoining == o.incarnation+1)
		if w, ok := o.watched[r.Shard]; ok && o != h && w.leading && o.up() {
			m.hit("two leaders of different terms", w.term != r.Term)
		}
	}
	m.led[r.Shard] = [2]led{{number, r.Term, m.w.now}, last[0]}
}

// ends looks at a process that is about to end, by a loss of power or not.
func (m *marker) ends(h *host, power bool) {
	for _, s := range h.watched { // order-free: counts
		m.hit("crash of a leader", s.leading)
		m.hit("crash of the system leader", s.leading && s.replica == h.systemReplica())
	}
	if power {
		unsynced := h.disk.Unsynced()
		m.hit("crash with unsynced writes", unsynced > 0)
		first := h.disk.applied - uint64(unsynced)
		for _, g := range h.written { // order-free: counts
			m.hit("crash with an unsynced vote", g.hardBatch > first && g.vote != 0)
			m.hit("crash with unsynced entries", len(g.entries) > 0 && g.entries[len(g.entries)-1].batch > first)
		}
	}
	m.hit("restart with what the system kept", !power)
	m.hit("crash in mid-turn", h.effects == 0)
	for _, c := range m.chunks { // order-free: counts
		m.hit("crash while it sent a snapshot", c.from == h.number() && m.w.now-c.at < soon/4)
	}
	for of, c := range m.chunks { // order-free: counts
		m.hit("crash while it received a snapshot", of.to == h.number() && m.w.now-c.at < soon/4)
	}
	m.hit("crash before it had joined", h.id == 0)
	m.hit("crash soon after a start", m.w.now-h.startedAt < soon/4)
	m.hit("crash of a second node", m.w.now-m.lastCrash < soon)
	m.hit("crash during a cut", m.inForce(0, cutKinds...))
	m.hit("node died of its disk", h.syncFailed)
	down, members := m.down()
	down++ // this one
	m.hit("all nodes down", down == members)
	m.hit("majority down", members > 1 && down > members/2)
	m.lastCrash = m.w.now
}

// systemReplica is the host's replica of the system group, 0 for none.
func (h *host) systemReplica() flow.ReplicaID { return h.watched[flow.SystemShard].replica }

// starts looks at a process that begins.
func (m *marker) starts(h *host) {
	m.hit("start on an empty disk", h.incarnation == 1)
	m.hit("join under load", h.incarnation == 1 && m.w.load.running)
	for _, g := range h.written { // order-free: counts
		if last := m.led[g.shard][0]; last.host > 0 && last.host != h.number() {
			m.hit("start far behind", m.w.hosts[last.host-1].watched[g.shard].applied > g.applied+farBehind)
		}
	}
}

// fault looks at a fault that begins.
func (m *marker) fault(f *activeFault) {
	on, families := 0, map[string]bool{}
	for _, o := range m.w.faults {
		if o.on {
			on++
			families[family(o.Kind)] = true
		}
	}
	m.hit("faults of two families at once", len(families) > 1)
	m.hit("five faults at once", on >= 5)
	leads := false
	if f.Node > 0 {
		for _, s := range f.host().watched { // order-free: any
			leads = leads || s.leading
		}
	}
	m.hit("disk fault of a leader", leads && family(f.Kind) == "disk")
	m.hit("clock fault of a leader", leads && family(f.Kind) == "clock")
	m.hit("cut leader", leads && family(f.Kind) == "cut" || f.Kind == IsolateLeader)
	m.hit("process paused as leader", leads && (f.Kind == Pause || f.Kind == PauseLeader))
	if family(f.Kind) == "cut" {
		for _, c := range m.chunks { // order-free: counts
			m.hit("cut during a snapshot", m.w.now-c.at < soon)
		}
	}
}

// family groups the kinds of fault that are of one sort.
func family(k FaultKind) string {
	for name, kinds := range map[string][]FaultKind{"cut": cutKinds, "disk": diskKinds, "clock": clockKinds, "crash": crashKinds} { // order-free: each kind is in one
		for _, o := range kinds {
			if o == k {
				return name
			}
		}
	}
	return "other"
}

// frame looks at a frame that is sent, in the worlds whose frames are read.
func (m *marker) frame(from, to *host, frame []byte) {
	if !m.frames {
		return
	}
	f, err := net.Decode(frame)
	if err != nil {
		return
	}
	m.w.checks.alive(from, f)
	for _, msg := range f.Messages {
		switch msg := msg.(type) {
		case *net.Raft:
			switch kind := msg.M.GetType().String(); kind {
			case "MsgVoteResp", "MsgPreVoteResp", "MsgAppResp":
				m.hit("vote refused", kind == "MsgVoteResp" && msg.M.GetReject())
				m.hit("pre-vote refused", kind == "MsgPreVoteResp" && msg.M.GetReject())
				m.hit("append refused", kind == "MsgAppResp" && msg.M.GetReject())
			case "MsgTimeoutNow":
				m.hit("leadership handed over", true)
			case "MsgReadIndex":
				m.hit("read round of a follower", true)
			}
		case *net.SnapshotChunk:
			m.chunk(from, to, msg)
		case *net.SnapshotAck:
			m.hit("snapshot refused", msg.Failed)
		case *net.Call:
			switch body := msg.Body.(type) {
			case *net.Write:
				m.hit("write forwarded", true)
				m.hit("write sent to a former leader", m.led[body.Shard][0].host != to.number())
			case *net.Graph:
				m.hit("graph fetched", true)
			}
		}
	}
}

func (m *marker) chunk(from, to *host, c *net.SnapshotChunk) {
	key := chunkOf{to.number(), c.Shard}
	last := m.chunks[key]
	m.hit("snapshot chunk", true)
	m.hit("snapshot of many chunks", c.Seq > 2)
	m.hit("snapshot between versions", from.format != to.format)
	m.hit("snapshot chunk repeated", last.from == from.number() && last.stream == c.Stream && last.seq == c.Seq && last.at > 0)
	m.chunks[key] = chunkSeen{from: from.number(), stream: c.Stream, seq: c.Seq, at: m.w.now}
}
