// Package replica is one member of one Raft group: the consensus core, its log,
// the state machine it drives and the snapshots it sends and receives. It owns no
// goroutine and does no I/O: every call collects effects for the node to carry out.
package replica

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/net"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// Config is what a replica is made of.
type Config struct {
	Shard flow.ShardID
	// Incarnation counts the node's starts; it makes read contexts unrepeatable.
	Incarnation uint64
	// NewMachine returns an empty state machine.
	NewMachine func() Machine
	// Random returns a number in [0, n), from the node's seeded source.
	Random func(n int) int
	// Now is the node's clock; Wall the time that goes into commands, which the
	// clocks of other nodes may correct.
	Now, Wall func() flow.Time

	Host Host
	// OnConf is told when the membership changes; may be nil.
	OnConf func()
	// OnRole is told when the known leader changes.
	OnRole func(shard flow.ShardID, term uint64, leader flow.ReplicaID)
	Tuning Tuning
}

// Host is what the node lends its replicas.
type Host interface {
	// Effects returns the effects of the current turn.
	Effects() *Effects
	// Snapshot takes a view of the store; it may be called from Effects.Compute only.
	Snapshot() disk.Snapshot
	// Condemn says that the rows of a shard's replica cannot be read any more. The
	// replica may be closed when it returns.
	Condemn(shard flow.ShardID, err error)
	// Do runs a job: run elsewhere, then done on the node's turn. cost is in bytes.
	Do(cost int, run, done func())
}

// Effects is what a turn wants done, in the order: write, send, compute, reply.
type Effects struct {
	Batch disk.Batch
	// Sync says that something waits for Batch to be durable.
	Sync bool
	// Durable is delivered to the replicas named, once Batch is durable.
	Durable []Durable
	Send    []Outgoing
	// Compute is called after the batch is applied and the messages are sent: it
	// may take views and snapshots and start jobs.
	Compute []func()
	Reply   []func()
}

// Durable is what a replica waits for a batch to become durable for.
type Durable struct {
	Replica   *Replica
	index     uint64 // last log index in the batch
	responses []*raftpb.Message
	sends     []Outgoing
}

// Outgoing is a message and the node it goes to.
type Outgoing struct {
	To      flow.NodeID
	Message net.Message
}

// Replica is one member of a group. Its methods are called on the node's turn.
type Replica struct {
	cfg     Config
	id      flow.ReplicaID
	number  uint32 // of the state in force
	log     *raftLog
	raft    *raft.RawNode
	machine Machine

	applied, appliedTerm uint64
	conf                 *raftpb.ConfState
	digest               uint64 // sum over the rows
	dirty                bool   // the applied row must be written
	durable              uint64 // last log index known to be durable here

	lead     flow.ReplicaID
	state    raft.StateType
	term     uint64
	vote     uint64
	commit   uint64
	elapsed  int // ticks since the leader was heard
	deadline int // ticks at which to campaign
	attempts int // elections tried since the leader was heard

	waiters map[flow.RequestID]*waiting
	reads   readQueue
	noted   []net.NotedDigest
	sends   map[flow.ReplicaID]*sender
	landing map[flow.ReplicaID]*landing
	receive *receiver
	streams uint64 // counts streams begun
	sweep   bool   // rows of half-received snapshots may be stored
}

// Result is what became of a proposal. Err is nil, or says Unknown (leadership was
// lost: it may still happen); with any other kind it was not proposed.
type Result struct {
	Err    *flow.Error
	Index  uint64
	Result []byte
}

// Open loads a shard's replica from the store.
func Open(d disk.Reader, cfg Config) (*Replica, error) {
	r, err := Load(d, cfg)
	if err != nil {
		return nil, err
	}
	return r, r.Start()
}

// Load is the first part of Open, and the long one: it reads the log and rebuilds the
// machine, which needs nothing of the node but its store. Several replicas may be loaded
// on as many goroutines. Start, on the node's own, is the other part.
func Load(d disk.Reader, cfg Config) (*Replica, error) {
	cfg.Tuning.setDefaults()
	r := &Replica{cfg: cfg, sweep: true, waiters: map[flow.RequestID]*waiting{}, sends: map[flow.ReplicaID]*sender{}, landing: map[flow.ReplicaID]*landing{}}
	b, ok, err := d.Get(groupKey(cfg.Shard, tagGroup))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, flow.Errorf(flow.NotFound, "replica.Open", "no replica of shard %v in the store", cfg.Shard)
	}
	m, err := decodeGroupMeta(b)
	if err != nil {
		return nil, r.corrupt("group record", err)
	}
	r.id, r.number = m.id, m.number
	if r.log, err = loadLog(d, cfg.Shard); err != nil {
		return nil, r.corrupt("log", err)
	}
	if err := r.loadState(d); err != nil {
		return nil, err
	}
	if c := r.log.hard.GetCommit(); r.applied < r.log.cutIndex || r.applied > c || c > r.log.last() {
		return nil, r.corrupt("log", flow.Errorf(flow.Corrupt, "replica.Open", "applied index %d, commit index %d and the log (%d,%d] do not fit", r.applied, c, r.log.cutIndex, r.log.last()))
	}
	r.log.snapshot = r.position
	r.durable = r.log.last()
	return r, nil
}

// New makes a replica that knows nothing yet, writing it into b in place of
// whatever the store held of the shard. Its leader will fill it.
func New(b *disk.Batch, cfg Config, id flow.ReplicaID) (*Replica, error) {
	cfg.Tuning.setDefaults()
	Destroy(b, cfg.Shard)
	b.Put(groupKey(cfg.Shard, tagGroup), groupMeta{id: id, number: 1}.encode())
	r := &Replica{cfg: cfg, id: id, number: 1, machine: cfg.NewMachine(), waiters: map[flow.RequestID]*waiting{}, sends: map[flow.ReplicaID]*sender{}, landing: map[flow.ReplicaID]*landing{}}
	r.log = &raftLog{shard: cfg.Shard, hard: &raftpb.HardState{}, conf: &raftpb.ConfState{}, snapshot: r.position}
	r.conf = r.log.conf
	return r, r.Start()
}

func (r *Replica) corrupt(what string, err error) error {
	return flow.Errorf(flow.Corrupt, "replica.Open", "reading the %s of replica %v: %w", what, r.id, err).OnShard(r.cfg.Shard)
}

// loadState rebuilds the machine from the rows and checks them against the digest.
func (r *Replica) loadState(d disk.Reader) error {
	var a appliedRow
	b, ok, err := d.Get(groupKey(r.cfg.Shard, tagApplied))
	if err == nil && ok {
		a, err = decodeAppliedRow(b)
	}
	if err != nil {
		return r.corrupt("applied record", err)
	}
	machine := r.cfg.NewMachine()
	if ok {
		prefix := statePrefix(r.cfg.Shard, r.number)
		var sum uint64
		var bad error
		err = d.Scan(prefix, disk.After(prefix), func(key, value []byte) bool {
			key = key[len(prefix):]
			sum += rowHash(key, value)
			bad = machine.Restore(key, value)
			return bad == nil
		})
		if err == nil {
			err = bad
		}
		if err == nil && sum != a.digest {
			err = flow.Errorf(flow.Corrupt, "replica.loadState", "state digest is %016x, the record at index %d says %016x", sum, a.index, a.digest)
		}
		if err == nil {
			err = machine.Restored(a.meta)
		}
		if err != nil {
			return r.corrupt("state", err)
		}
		r.log.conf = a.conf
	}
	r.machine, r.digest, r.conf = machine, a.digest, r.log.conf
	r.applied, r.appliedTerm = a.index, a.term
	return nil
}

// Start creates the Raft core on the loaded log.
func (r *Replica) Start() error {
	t := r.cfg.Tuning
	n, err := raft.NewRawNode(&raft.Config{
		ID: uint64(r.id), ElectionTick: t.ElectionTicks, HeartbeatTick: t.HeartbeatTicks,
		Storage: r.log, Applied: r.applied, AsyncStorageWrites: true,
		MaxSizePerMsg: t.MaxMessageBytes, MaxCommittedSizePerReady: t.MaxApplyBytes,
		MaxUncommittedEntriesSize: t.MaxUncommittedBytes, MaxInflightMsgs: t.MaxInflightMessages,
		MaxInflightBytes: max(t.MaxInflightBytes, t.MaxMessageBytes),
		CheckQuorum:      true, PreVote: true, DisableProposalForwarding: true, StepDownOnRemoval: true,
		Logger: quiet{r},
	})
	if err != nil {
		return flow.Errorf(flow.Internal, "replica.Start", "starting raft: %w", err).OnShard(r.cfg.Shard)
	}
	r.raft = n
	hs := r.log.hard
	r.term, r.vote, r.commit = hs.GetTerm(), hs.GetVote(), hs.GetCommit()
	r.resetTimer()
	if r.soleVoter() {
		r.deadline = 1 // nobody else to wait for
	}
	return nil
}

// maxAttempts bounds the doublings of the wait between elections.
const maxAttempts = 8

func (r *Replica) soleVoter() bool {
	v := r.conf.GetVoters()
	return len(v) == 1 && v[0] == uint64(r.id) && len(r.conf.GetVotersOutgoing()) == 0
}

// Tick advances the replica by one tick of its node. It is false when that leaves no
// work for Advance, as for most followers at most ticks.
func (r *Replica) Tick() (moved bool) {
	r.tickSnapshots()
	r.reads.tick(r)
	if r.state == raft.StateLeader {
		r.raft.Tick()
		return true
	}
	// Our own countdown, drawn from the node's source: Raft's would come from
	// crypto/rand, which no seed can replay.
	r.raft.TickQuiesced()
	if r.elapsed++; r.elapsed < r.deadline {
		return r.reads.any() || r.receive != nil
	}
	// An election that fails is soon tried again, but each time after twice as long:
	// where votes take longer than that, candidates would only get in each other's way.
	t := r.cfg.Tuning.ElectionTicks
	wait := min(max(t/4, 1)<<r.attempts, 2*t)
	r.elapsed, r.deadline = 0, wait+r.cfg.Random(2*wait+1)
	r.attempts = min(r.attempts+1, maxAttempts)
	if r.IsVoter() {
		r.must(r.raft.Campaign())
	}
	return true
}

// resetTimer restarts the countdown. Followers take turns: each of the voters other
// than the leader has a rank, which differs from shard to shard, and waits so much
// longer than the one before that this one's election is over by then. So a dead
// leader costs little more than the silence that proves it dead, votes are rarely
// split, and the shards it led spread over the others. The random part breaks the
// ties that remain.
func (r *Replica) resetTimer() {
	t := r.cfg.Tuning.ElectionTicks
	r.elapsed, r.attempts = 0, 0
	r.deadline = t + 2 + r.rank()*(t/4) + r.cfg.Random(t/8+1)
}

// rank is this replica's place among the voters that could follow the leader.
func (r *Replica) rank() int {
	var ids []uint64
	for _, id := range r.conf.GetVoters() {
		if id != uint64(r.lead) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	at := slices.Index(ids, uint64(r.id))
	if at < 0 {
		return len(ids)
	}
	return (at + int(r.cfg.Shard)) % len(ids)
}

// Step takes a Raft message from another node.
func (r *Replica) Step(m *raftpb.Message, refuseEntries bool) {
	if flow.ReplicaID(m.GetTo()) != r.id || m.GetType() == raftpb.MsgSnap {
		return // for a former replica; or a snapshot outside its stream
	}
	if refuseEntries && m.GetType() == raftpb.MsgApp && len(m.GetEntries()) > 0 {
		return
	}
	if m.GetType() == raftpb.MsgReadIndex && r.mustNotAnswer() {
		return
	}
	if r.lead != 0 && flow.ReplicaID(m.GetFrom()) == r.lead && m.GetTerm() == r.term {
		r.elapsed = 0
	}
	// Errors name messages that Raft will not take: of a member it does not know, or
	// a proposal without a leader. Dropping them is the network's right.
	_ = r.raft.Step(m)
}

// Propose asks for a command to be appended. done is called once: with the result
// when the command is applied here, or with NotLeader or Unavailable. A command
// whose request id was applied before is answered from memory; one that is in
// flight is not proposed twice.
func (r *Replica) Propose(request flow.RequestID, body []byte, done func(Result)) {
	c := Command{Request: request, Time: r.cfg.Wall(), Body: body}
	if result, ok := r.machine.Seen(c); ok {
		done(Result{Index: r.applied, Result: result})
		return
	}
	if err := r.machine.Admit(c); err != nil {
		done(Result{Err: err.OnShard(r.cfg.Shard)})
		return
	}
	r.propose(entryCommand, request, body, done)
}

// Checkpoint asks for the state digest to be noted at a new log position.
func (r *Replica) Checkpoint(request flow.RequestID, done func(Result)) {
	r.propose(entryCheckpoint, request, nil, done)
}

// waiting is who waits for a request's entry to be applied. Its outcome is theirs alone
// whose command it is: sum tells.
type waiting struct {
	sum  uint64
	done []func(Result)
}

// sumOf tells commands apart.
func sumOf(kind byte, body []byte) uint64 { return xxhash.Sum64(body) + uint64(kind) }

func (r *Replica) propose(kind byte, request flow.RequestID, body []byte, done func(Result)) {
	if r.state != raft.StateLeader {
		done(Result{Err: r.notLeader("replica.Propose")})
		return
	}
	sum := sumOf(kind, body)
	switch w := r.waiters[request]; {
	case w == nil:
	case w.sum == sum:
		w.done = append(w.done, done)
		return
	default: // the same write for another collection of the name, or another write
		done(Result{Err: flow.Errorf(flow.Unavailable, "replica.Propose", "another command with this request id is on its way").OnShard(r.cfg.Shard)})
		return
	}
	v := envelope{kind: kind, request: request, time: r.cfg.Wall(), truncate: r.truncateTo(), body: body}
	if err := r.raft.Propose(v.encode()); err != nil {
		done(Result{Err: flow.Errorf(flow.Unavailable, "replica.Propose", "%w", err).OnShard(r.cfg.Shard)})
		return
	}
	r.waiters[request] = &waiting{sum: sum, done: []func(Result){done}}
}

func (r *Replica) notLeader(op string) *flow.Error {
	e := flow.Errorf(flow.NotLeader, op, "replica %v does not lead", r.id).OnShard(r.cfg.Shard)
	e.Leader = r.lead.Node()
	return e
}

// sendingLogFactor is how many times MaxLogBytes the log may grow while a snapshot is
// being sent.
const sendingLogFactor = 8

// truncateTo returns the index up to which the log may be cut: all that every
// member has, or, when a member holds back too much, all that is applied. It is 0
// when cutting is not worth an entry's notice.
func (r *Replica) truncateTo() uint64 {
	t := r.cfg.Tuning
	if len(r.log.entries) < t.TruncateEntries && r.log.bytes < t.TruncateBytes {
		return 0
	}
	low := r.applied
	if r.log.bytes < sendingLogFactor*t.MaxLogBytes {
		for _, to := range r.sending() {
			low = min(low, r.sends[to].head.Index) // or the stream would be for nothing
		}
		for _, to := range slices.Sorted(maps.Keys(r.landing)) {
			match, _ := r.Progress(to)
			low = min(low, max(match, r.landing[to].index))
		}
	}
	if r.log.bytes < t.MaxLogBytes && len(r.log.entries) < t.MaxLogEntries {
		r.raft.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
			if id != uint64(r.id) {
				low = min(low, p.Match)
			}
		})
	}
	if low <= r.log.cutIndex {
		return 0
	}
	return low
}

// ConfChange proposes a change of membership; Raft drops it while another is in
// progress. It must be called on the leader.
func (r *Replica) ConfChange(transition raftpb.ConfChangeTransition, changes ...*raftpb.ConfChangeSingle) {
	_ = r.raft.ProposeConfChange(&raftpb.ConfChangeV2{Transition: transition.Enum(), Changes: changes})
}

// LeaveJoint proposes to leave a joint membership. Raft does so by itself when that is
// applied, but not again if the proposal is dropped, as while leadership is handed over,
// before another entry is applied. It must be called on the leader.
func (r *Replica) LeaveJoint() { _ = r.raft.ProposeConfChange(&raftpb.ConfChangeV2{}) }

// ConfPending says whether the log holds a change of membership that is not applied.
func (r *Replica) ConfPending() bool {
	for i := len(r.log.entries) - 1; i >= 0 && r.log.entries[i].GetIndex() > r.applied; i-- {
		if t := r.log.entries[i].GetType(); t == raftpb.EntryConfChangeV2 || t == raftpb.EntryConfChange {
			return true
		}
	}
	return false
}

// Transfer asks the leader to hand leadership to a voter.
func (r *Replica) Transfer(to flow.ReplicaID) { r.raft.TransferLeader(uint64(to)) }

// Progress returns, on the leader, how far a member's log is known to match and
// whether it was heard of lately.
func (r *Replica) Progress(id flow.ReplicaID) (match uint64, active bool) {
	r.raft.WithProgress(func(pid uint64, _ raft.ProgressType, p tracker.Progress) {
		if pid == uint64(id) {
			match, active = p.Match, p.RecentActive
		}
	})
	return match, active
}

// ID returns the replica's id.
func (r *Replica) ID() flow.ReplicaID { return r.id }

// Shard returns the shard the replica belongs to.
func (r *Replica) Shard() flow.ShardID { return r.cfg.Shard }

// Machine returns the state machine at Applied.
func (r *Replica) Machine() Machine { return r.machine }

// Leading says whether this replica leads and has committed an entry of its term,
// so that its state machine decides.
func (r *Replica) Leading() bool { return r.state == raft.StateLeader && r.appliedTerm == r.term }

// IsLeader says whether this replica leads, though perhaps not ready to decide.
func (r *Replica) IsLeader() bool { return r.state == raft.StateLeader }

// Leader returns the leader this replica knows, or 0.
func (r *Replica) Leader() flow.ReplicaID { return r.lead }

// Term returns the current Raft term.
func (r *Replica) Term() uint64 { return r.term }

// Applied returns the index at which the machine stands.
func (r *Replica) Applied() uint64 { return r.applied }

// Conf returns the membership in force at Applied.
func (r *Replica) Conf() *raftpb.ConfState { return r.conf }

// IsVoter says whether the replica votes in its current membership.
func (r *Replica) IsVoter() bool {
	return slices.Contains(r.conf.GetVoters(), uint64(r.id)) || slices.Contains(r.conf.GetVotersOutgoing(), uint64(r.id))
}

// StatePrefix returns the prefix of the rows in force in the store.
func (r *Replica) StatePrefix() []byte { return statePrefix(r.cfg.Shard, r.number) }

// Status reports on the replica.
func (r *Replica) Status() flow.ReplicaStatus {
	points, bytes := r.machine.Points()
	role := flow.Learner
	if r.IsVoter() {
		role = flow.Voter
	}
	return flow.ReplicaStatus{
		Shard: r.cfg.Shard, Replica: r.id, Role: role, Leader: r.lead, Leading: r.state == raft.StateLeader, Term: r.term,
		Applied: r.applied, Commit: r.commit, FirstIndex: r.log.first(), LastIndex: r.log.last(),
		Digest: r.Digest(), Points: points, MemoryBytes: bytes + uint64(r.log.bytes),
	}
}

// Digest returns the state digest at Applied: the sum over the rows and the meta.
func (r *Replica) Digest() uint64 {
	return r.digest + rowHash(binary.BigEndian.AppendUint64(nil, r.applied), r.machine.Meta())
}

// Noted returns the digest noted at an index, if it still is, and the latest one.
func (r *Replica) Noted(index uint64) (digest uint64, ok bool) {
	for _, n := range r.noted {
		if n.Index == index {
			return n.Digest, true
		}
	}
	return 0, false
}

// LastNoted returns the digest noted last; Index is 0 for none.
func (r *Replica) LastNoted() net.NotedDigest {
	if len(r.noted) == 0 {
		return net.NotedDigest{Shard: r.cfg.Shard}
	}
	return r.noted[len(r.noted)-1]
}

func (r *Replica) must(err error) {
	if err != nil {
		panic(flow.Errorf(flow.Internal, "replica", "raft refused a local step: %w", err).OnShard(r.cfg.Shard))
	}
}
