package replica_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"go.etcd.io/raft/v3/raftpb"
)

// Transcripts of a group. Nothing moves unless a command moves it.
//
//	group nodes=N [voters=N] [truncate=N] [keep=N] [chunk=BYTES] [note=N]   member 1 begins a group that N join
//	state | digests | wire             what is so; what is on its way
//	settle [ticks=N]                   tick all members N times, and let everything happen after each
//	tick N [count=N]                   tick a member, without a flush
//	flush N                            end a member's turn; prints what it sends
//	persist N | work N                 let its disk finish syncs; run its jobs
//	deliver|drop|repeat [from=N] [to=N] [what=WORD] [count=N]   the first N messages on their way that match
//	step …                             flush, persist, work and deliver, once each
//	cut N | mend N | crash N [keep=N] | open N | create N
//	loose N | tight N                  refuse entries, as on a full disk; take them again
//	propose N id=N put|del …           a command; its answer is printed when it comes
//	checkpoint N id=N | noted N index=N
//	read N name=… [fresh]              a linearizable read; printed when it fires
//	at N index=N name=…                a read at an index
//	learner N node=N | voter N node=N | swap N in=N out=N | transfer N to=N
//	elect                              settle and tick one by one until there is a new leader
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.d, s.t = d, t
			out := s.run()
			if s.rig != nil {
				out = s.rig.out.String() + out
				s.rig.out.Reset()
			}
			return out
		})
	})
}

// script runs one transcript.
type script struct {
	t   *testing.T
	d   *datadriven.TestData
	rig *rig
}

func (s *script) run() string {
	switch s.d.Cmd {
	case "group":
		s.group()
	case "state":
		return s.rig.state()
	case "digests":
		return s.rig.digests()
	case "wire":
		return s.list(s.rig.wire)
	case "settle":
		s.rig.settle()
		s.rig.tickAll(s.int("ticks", 0))
	case "deliver", "drop", "repeat":
		return s.carry()
	case "step":
		return s.step()
	case "elect":
		return s.elect()
	default:
		return s.runMember(s.rig.member(s.which()))
	}
	return ""
}

func (s *script) runMember(m *member) string {
	switch s.d.Cmd {
	case "tick":
		for range s.int("count", 1) {
			s.rig.tick(m)
		}
	case "flush":
		before := len(s.rig.wire)
		m.flush()
		return s.list(s.rig.wire[before:])
	case "persist":
		m.persist()
	case "work":
		m.work()
	case "cut", "mend":
		m.cut = s.d.Cmd == "cut"
	case "loose", "tight":
		m.loose = s.d.Cmd == "loose"
	case "crash":
		return fmt.Sprintf("%d unsynced batches lost\n", m.crash(s.int("keep", 0)))
	case "open":
		return s.must(m.open())
	case "create":
		return s.must(m.create())
	case "transfer":
		m.r.Transfer(s.rig.member(s.int("to", 0)).id)
	case "noted":
		_, ok := m.r.Noted(uint64(s.int("index", 0)))
		return fmt.Sprintf("noted: %v, the last at %d\n", ok, m.r.LastNoted().Index)
	default:
		s.ask(m)
	}
	return ""
}

// ask is for the commands that are answered later.
func (s *script) ask(m *member) {
	answer := func(res replica.Result) {
		if res.Err != nil {
			fmt.Fprintf(&s.rig.out, "%v: request answered: %v (leader %v)\n", m.node, res.Err, res.Err.Leader)
			return
		}
		fmt.Fprintf(&s.rig.out, "%v: request answered at %d: %q\n", m.node, res.Index, res.Result)
	}
	name := s.text("name")
	fired := func() { fmt.Fprintf(&s.rig.out, "%v: read %s at %d\n", m.node, name, m.r.Applied()) }
	switch s.d.Cmd {
	case "propose":
		m.r.Propose(requestID(s.int("id", 0)), []byte(s.d.Input), answer)
	case "checkpoint":
		m.r.Checkpoint(requestID(s.int("id", 0)), answer)
	case "read":
		if s.d.HasArg("fresh") {
			m.r.Fresh(4*tickEvery, fired)
		} else {
			m.r.Linearizable(fired)
		}
	case "at":
		m.r.AtIndex(uint64(s.int("index", 0)), fired)
	case "learner":
		m.change(raftpb.ConfChangeTransitionAuto, raftpb.ConfChangeAddLearnerNode, s.rig.member(s.int("node", 0)).id)
	case "voter":
		m.change(raftpb.ConfChangeTransitionJointImplicit, raftpb.ConfChangeAddNode, s.rig.member(s.int("node", 0)).id)
	case "swap":
		in, out := uint64(s.rig.member(s.int("in", 0)).id), uint64(s.rig.member(s.int("out", 0)).id)
		m.r.ConfChange(raftpb.ConfChangeTransitionJointImplicit,
			&raftpb.ConfChangeSingle{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: &in},
			&raftpb.ConfChangeSingle{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: &out})
	default:
		s.d.Fatalf(s.t, "unknown command %q", s.d.Cmd)
	}
}

func (s *script) group() {
	s.rig = newRig(s.int("nodes", 1), replica.Tuning{
		TruncateEntries: s.int("truncate", 0), MaxLogEntries: s.int("keep", 0), ChunkBytes: s.int("chunk", 0), NoteEvery: uint64(s.int("note", 0)),
	})
	if err := s.rig.grow(s.int("voters", s.int("nodes", 1))); err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
}

// carry delivers, drops or repeats the messages that match.
func (s *script) carry() string {
	var match, rest []*packet
	for _, p := range s.rig.wire {
		if len(match) < s.int("count", len(s.rig.wire)) && (s.int("from", int(p.from)) == int(p.from)) && s.int("to", int(p.to)) == int(p.to) && strings.Contains(p.String(), s.text("what")) {
			match = append(match, p)
		} else {
			rest = append(rest, p)
		}
	}
	if s.d.Cmd != "repeat" {
		s.rig.wire = rest
	}
	for _, p := range match {
		if s.d.Cmd != "drop" {
			s.rig.receive(p)
		}
	}
	return s.list(match)
}

// step lets everything happen once, and prints the messages that were carried.
func (s *script) step() string {
	for _, m := range s.rig.members {
		m.flush()
		m.persist()
		m.work()
		m.flush()
	}
	return s.carry()
}

// elect ticks until there is another leader, at most maxElectionTicks.
func (s *script) elect() string {
	const maxElectionTicks = 100
	before := s.rig.leader()
	term := uint64(0)
	if before != nil {
		term = before.r.Term()
	}
	for n := range maxElectionTicks {
		s.rig.tickAll(1)
		if lead := s.rig.leader(); lead != nil && (before == nil || lead.r.Term() > term) {
			return fmt.Sprintf("%v leads after %d ticks\n", lead.node, n+1)
		}
	}
	return fmt.Sprintf("no new leader after %d ticks\n", maxElectionTicks)
}

func (s *script) list(packets []*packet) string {
	var b strings.Builder
	for _, p := range packets {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

func (s *script) must(err error) string {
	if err != nil {
		return fmt.Sprintf("error: %v\n", err)
	}
	return ""
}

// which is the member that the command names first.
func (s *script) which() (n int) {
	if len(s.d.CmdArgs) > 0 {
		_, _ = fmt.Sscan(s.d.CmdArgs[0].Key, &n) // 0 when it is no number
	}
	if n < 1 || n > len(s.rig.members) {
		s.d.Fatalf(s.t, "%s: which member?", s.d.Cmd)
	}
	return n
}

func (s *script) int(name string, otherwise int) int {
	s.d.MaybeScanArgs(s.t, name, &otherwise)
	return otherwise
}

func (s *script) text(name string) (v string) {
	s.d.MaybeScanArgs(s.t, name, &v)
	return v
}

func requestID(n int) flow.RequestID {
	return flow.NewRequestID(epoch, [10]byte{8: byte(n >> 8), 9: byte(n)})
}
