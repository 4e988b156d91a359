package sim

import (
	"fmt"
	"runtime/debug"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/node"
)

// Machine is the node as the world drives it: five inputs, and the error it died of.
type Machine interface {
	// Tick says that time has passed: about Scenario.TickEvery, more after a pause.
	Tick()
	// Receive takes a frame from the network, which may be damaged.
	Receive(frame []byte)
	// Serve takes a client's request; reply is called once, from Flush.
	Serve(req flow.Request, reply func(flow.Response))
	// Done takes the completion of a synced batch or of a job.
	Done(c node.Completion)
	// Flush lets the effects of the turn's inputs leave.
	Flush()
	// Err is what the node died of; nil while it lives.
	Err() error
}

type inputKind uint8

const (
	tickInput inputKind = iota
	receiveInput
	serveInput
	doneInput
)

// input is one entry of a node's mailbox.
type input struct {
	kind  inputKind
	frame []byte
	req   flow.Request
	reply func(flow.Response)
	done  node.Completion
}

// unlimited is the effect budget of a node that is not about to be killed.
const unlimited = -1

// host is a simulated machine: a clock, a disk, a place in the network, and the
// process that runs on it while it is up.
type host struct {
	w     *World
	index int
	name  string
	// id is the node's id in the cluster, 0 until it has joined.
	id    flow.NodeID
	clock *clock
	disk  *Disk

	machine Machine // nil while the process is down
	// incarnation counts processes, so that what was meant for an earlier one is dropped.
	incarnation uint32
	mailbox     []input
	turnPlanned bool
	busyUntil   time.Duration
	pausedUntil time.Duration
	// effects is how many effects the process may still have before it dies in
	// mid-turn; unlimited while nobody is going to kill it.
	effects int
	// format is the format version under which its process starts.
	format flow.FormatVersion
	// region is where the host stands.
	region string
	// turnFactor and tickFactor are how many times as long its turns take, and as often
	// its driver ticks, as they should.
	turnFactor, tickFactor float64
	// tight counts the faults that make it start with the smallest limits; tear makes
	// its next loss of power tear the batch that is being written.
	tight int
	tear  bool
	// jobs counts worker jobs, the seed of each job's cost.
	jobs uint64
	// busyJoining is the incarnation+1 in which the host got to work on an identity.
	busyJoining uint32
	// absent is set while the host is no part of the cluster yet.
	absent bool
	// gone is set while the host stays broken after the faults; cut while nothing passes
	// between it and the others.
	gone, cut bool
	// damaged are the groups of which the host's copy is destroyed. misread is set while a
	// fault makes reads fail, misreads counts those that did.
	damaged  map[copyOf]damage
	misread  bool
	misreads uint64
	reads    uint64
	// spoilt says that rows of its disk were rotten once.
	spoilt bool
	// rottenIdentity is set while what says who the node is cannot be read.
	rottenIdentity bool
	// wipes counts how often its disk was lost.
	wipes uint64
	// keptDown is set while a fault holds the host down.
	keptDown bool
	// syncFailed says that the disk told this process of a failed sync.
	syncFailed bool
	// startedAt is when the process started.
	startedAt time.Duration
	// watched is what the checks remember of each replica.
	watched map[flow.ShardID]watchedReplica
	// written is what the process has written of each group; touched are the groups of
	// its last batch.
	written map[flow.ShardID]*writtenGroup
	touched []flow.ShardID
	// newest is the latest replica of each group that was made on its disk.
	newest map[flow.ShardID]flow.ReplicaID
	// epochs are those of the placements that the process has written; working counts
	// its jobs that have not ended.
	epochs  map[flow.ShardID]uint64
	working int
	// jobsEnd is when the last of the jobs so far ends.
	jobsEnd time.Duration
	// life is the number under which the process talks, and lifeBatch what wrote it.
	life, lifeBatch uint64
	// silentTicks counts the ticks since the process has sent a frame in a turn with a tick,
	// if it spoke at all, fullTicks those since its disk is full. ticking says that the
	// present turn has one.
	silentTicks, fullTicks int
	spoke, ticking         bool
}

// number is the host's number in schedules and traces, from 1.
func (h *host) number() int { return h.index + 1 }

func (h *host) up() bool { return h.machine != nil }

func (h *host) paused() bool { return h.pausedUntil > h.w.now }

// enqueue puts an input into the mailbox and plans the turn that will drain it.
func (h *host) enqueue(in input) {
	if h.machine == nil {
		return
	}
	h.mailbox = append(h.mailbox, in)
	h.w.checks.queued(h)
	h.w.counts.longestMailbox = max(h.w.counts.longestMailbox, len(h.mailbox))
	if h.turnPlanned {
		return
	}
	h.turnPlanned = true
	h.planTurn(max(h.w.now, h.busyUntil, h.pausedUntil))
}

func (h *host) planTurn(at time.Duration) {
	incarnation := h.incarnation
	h.w.at(at, func() {
		if h.incarnation != incarnation {
			return
		}
		if h.pausedUntil > h.w.now {
			h.planTurn(h.pausedUntil)
			return
		}
		h.turn()
	})
}

// turn drains the mailbox into the node and flushes once: the group commit.
func (h *host) turn() {
	batch := h.mailbox
	h.mailbox, h.turnPlanned = nil, false
	cost := h.w.scenario.TurnCost + time.Duration(len(batch))*h.w.scenario.InputCost
	h.busyUntil = h.w.now + time.Duration(float64(cost)*h.turnFactor)
	h.w.counts.turns++
	h.w.trace.note(h.w.now, h.number(), "turn", uint64(len(batch)), 0, nil)
	ticks := 0
	for i := range batch {
		if batch[i].kind == tickInput {
			ticks++
		}
	}
	h.w.checks.ticked(h, ticks)
	m := h.machine
	if stack := h.guard(func() { feed(m, batch) }); stack != "" {
		h.w.fail(OraclePanic, "%s panicked: %s", h.name, stack)
		return
	}
	if h.effects == 0 {
		h.crash("killed in mid-turn")
		return
	}
	h.w.checks.afterTurn(h)
	h.w.calls.overdue(h, ticks)
	h.mended()
	if err := m.Err(); err != nil && h.machine == m {
		h.died(err)
	}
}

func feed(m Machine, batch []input) {
	for i := range batch {
		in := &batch[i]
		switch in.kind {
		case tickInput:
			m.Tick()
		case receiveInput:
			m.Receive(in.frame)
		case serveInput:
			m.Serve(in.req, in.reply)
		case doneInput:
			m.Done(in.done)
		}
	}
	m.Flush()
}

// guard runs f and returns the value and stack of a panic, or "".
func (h *host) guard(f func()) (stack string) {
	defer func() {
		if v := recover(); v != nil {
			stack = fmt.Sprintf("%v\n%s", v, debug.Stack())
		}
	}()
	f()
	return ""
}

// effect asks whether an effect of the process may leave; a process that is being
// killed in mid-turn has only so many left.
func (h *host) effect() bool {
	if h.effects == unlimited {
		return true
	}
	if h.effects == 0 {
		return false
	}
	h.effects--
	return true
}

// start runs the process on what the disk holds.
func (h *host) start() {
	if h.machine != nil {
		return
	}
	h.incarnation++
	h.mailbox, h.turnPlanned, h.effects, h.syncFailed, h.working = nil, false, unlimited, false, 0
	h.busyUntil, h.pausedUntil = h.w.now, 0
	h.clock.restart()
	h.w.checks.began(h)
	h.startedAt = h.w.now
	h.w.trace.note(h.w.now, h.number(), "start", uint64(h.incarnation), 0, nil)
	var m Machine
	var err error
	misreads := h.misreads
	if stack := h.guard(func() { m, err = h.w.boot(h) }); stack != "" {
		h.w.fail(OraclePanic, "%s panicked at its start: %s", h.name, stack)
		return
	}
	if err != nil && h.misreads > misreads {
		h.w.trace.remark(h.w.now, h.number(), "no-start", err.Error())
		h.restartLater(h.w.scenario.RestartDelay)
		return
	}
	if h.rottenIdentity && flow.KindOf(err) == flow.Corrupt {
		h.w.replaced(h, err)
		return
	}
	if err != nil && h.tooOld(err) { // which it may find out before it reads what has rotted
		h.restartLater(h.w.scenario.RestartDelay)
		return
	}
	if h.rottenIdentity {
		h.w.fail(OracleRestart, "%s starts although its identity cannot be read (%v)", h.name, err)
		return
	}
	if err != nil {
		h.w.fail(OracleRestart, "%s does not start on what is durable: %v", h.name, err)
		return
	}
	h.machine = m
	h.w.checks.versions(h)
	h.lacks()
	h.w.counts.starts++
	h.w.marks.starts(h)
	h.tickLater(h.incarnation)
	h.enqueue(input{kind: tickInput})
	h.w.load.greet(h)
}

// tickLater plans the next tick on the node's own idea of time.
func (h *host) tickLater(incarnation uint32) {
	every := h.w.scenario.TickEvery
	rate := h.tickFactor
	if h.clock.drift > -1 { // one that stands still says nothing about ticks
		rate *= 1 + h.clock.drift
	}
	next := max(h.w.now, h.pausedUntil) + time.Duration(float64(every)/rate)
	h.w.at(next, func() {
		if h.incarnation != incarnation {
			return
		}
		if !h.paused() {
			h.enqueue(input{kind: tickInput})
		}
		h.tickLater(incarnation)
	})
}

// stop ends the process without touching the disk.
func (h *host) stop() {
	h.w.checks.ended(h)
	h.machine, h.mailbox, h.turnPlanned = nil, nil, false
	h.incarnation++
	h.effects = unlimited
	clear(h.watched)
	h.w.clientsLose(h)
}

// crash ends the process and loses a suffix of what was not synced.
func (h *host) crash(why string) {
	h.w.marks.ends(h, true)
	h.w.trace.remark(h.w.now, h.number(), "crash", why)
	h.w.counts.crashes++
	h.stop()
	key := hash(h.w.scenario.Seed, purposeCrash, uint64(h.index), uint64(h.incarnation))
	if h.tear {
		h.tear = false
		h.disk.tear(key)
	} else {
		h.disk.lose(key)
	}
	h.restartLater(h.w.scenario.RestartDelay)
}

// kill ends the process; what it wrote stays with the operating system.
func (h *host) kill(why string) { h.leave("process killed: "+why, h.disk.abandon) }

// leave ends the process, which loses nothing, and leaves its disk in some way.
func (h *host) leave(why string, disk func()) {
	h.w.marks.ends(h, false)
	h.w.trace.remark(h.w.now, h.number(), "crash", why)
	h.stop()
	disk()
}

// died takes down a process that reported its own death.
func (h *host) died(err error) {
	h.w.counts.deaths++
	h.w.deaths = append(h.w.deaths, fmt.Sprintf("%8.3fs %s: %v", h.w.now.Seconds(), h.name, err))
	corrupt := flow.KindOf(err) == flow.Corrupt && (len(h.disk.rotten) > 0 || h.misreads > 0)
	if !h.syncFailed && !corrupt {
		h.w.fail(OracleRestart, "%s died although its disk did not fail: %v", h.name, err)
		return
	}
	h.crash(err.Error())
}

// restartLater starts the process after a delay, unless a fault holds it down then.
func (h *host) restartLater(delay time.Duration) {
	incarnation := h.incarnation
	h.w.after(delay, func() {
		if h.incarnation == incarnation && h.machine == nil && !h.keptDown {
			h.w.reviveHost(h)
		}
	})
}

// serve hands a request to the process; false when it is down (connection refused).
func (h *host) serve(req flow.Request, reply func(flow.Response)) bool {
	if h.machine == nil {
		return false
	}
	h.enqueue(input{kind: serveInput, req: req, reply: reply})
	return true
}

// store is the disk as one incarnation of a process sees it: completions become
// inputs of that incarnation, and nothing else reaches it.
type store struct {
	*Disk
	h           *host
	incarnation uint32
}

// Apply implements disk.Disk.
func (s store) Apply(b *disk.Batch, sync bool, done func(error)) {
	if s.h.incarnation != s.incarnation || !s.h.effect() {
		return
	}
	s.h.w.counts.batches++
	if !sync {
		s.Disk.Apply(b, false, nil)
		s.h.w.checks.wrote(s.h, b)
		s.h.w.arrives(s.h)
		return
	}
	s.h.w.counts.syncs++
	s.h.w.diskBites(s.h)
	s.Disk.Apply(b, true, func(err error) {
		if s.h.incarnation == s.incarnation {
			s.h.syncFailed = s.h.syncFailed || err != nil
			s.h.w.trace.note(s.h.w.now, s.h.number(), "durable", 0, 0, nil)
			s.h.enqueue(input{kind: doneInput, done: func() { done(err) }})
		}
	})
	s.h.w.checks.wrote(s.h, b)
	s.h.w.arrives(s.h)
}

// pool is the Workers of one incarnation.
type pool struct {
	h           *host
	incarnation uint32
}

// Do implements node.Workers. The job reads immutable views, so it makes no
// difference whether it runs now or when its result is due: a hash decides, which
// shows a view that is not immutable.
func (p pool) Do(job node.Job) {
	h := p.h
	if h.incarnation != p.incarnation || !h.effect() {
		return
	}
	h.jobs++
	h.working++
	h.w.counts.jobs++
	key := hash(h.w.scenario.Seed, purposeWorker, uint64(h.index), h.jobs)
	cost := h.w.scenario.JobCost + time.Duration(job.Cost)*h.w.scenario.JobCostPerByte
	cost += within(key, cost+1) + h.w.jobDelay(h, key)
	h.jobsEnd = max(h.jobsEnd, h.w.now+cost)
	late := key>>63 == 1
	if !late {
		job.Run()
	}
	h.w.after(cost, func() {
		if h.incarnation != p.incarnation {
			return
		}
		h.working--
		if late {
			if stack := h.guard(job.Run); stack != "" {
				h.w.fail(OraclePanic, "a job of %s panicked: %s", h.name, stack)
				return
			}
		}
		h.enqueue(input{kind: doneInput, done: node.Completion(job.Done)})
	})
}
