package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/linearizability"
	"github.com/ruvector-flow/ruvector-flow/net"
)

// maxTaped bounds the messages that a tape keeps: the latest stay.
const maxTaped = 200_000

// Tape is what a run leaves for a person to read: it is recorded when Options asks
// for it, and changes nothing in the run.
type Tape struct {
	Moments  []Moment
	Messages []Message
	// Bars are the faults in force, with the hosts they hit.
	Bars []Bar
	// Calls are the operations of the clients, in order of call.
	Calls []Call
}

// Moment is an event worth a line: a process starts or dies, a fault begins, a
// replica changes its role.
type Moment struct {
	At    time.Duration
	Event uint64
	// Host is the host's number, 0 for none.
	Host int
	What string
	// Words says more, in a line.
	Words string
	// Shard, Term and Role are set when What is "role"; shards as users number them, -1
	// for the system group.
	Shard int
	Term  uint64
	Role  string
}

// Message is a frame and what was in it. Arrived is 0 when it was lost.
type Message struct {
	Sent, Arrived time.Duration
	From, To      int
	Text          string
}

// Bar is a fault of the schedule while it was in force.
type Bar struct {
	Fault    int
	Hosts    []int
	From, To time.Duration
}

// Call is an operation of a client. Return is negative when it was never decided.
type Call struct {
	Client       int
	Call, Return time.Duration
	OK           bool
	Text         string
	// Shown says that the verdict on the history names it; Culprit that it is the one
	// no order explains.
	Shown, Culprit bool
}

func (t *Tape) moment(m Moment) {
	if t != nil {
		t.Moments = append(t.Moments, m)
	}
}

// role notes that a replica leads, follows, or is another one.
func (t *Tape) role(w *World, h *host, was watchedReplica, seen bool, r flow.ReplicaStatus) {
	if t == nil || seen && was.term == r.Term && was.leading == r.Leading && was.replica == r.Replica {
		return
	}
	role := "follows"
	if r.Leading {
		role = "leads"
	} else if r.Role == flow.Learner {
		role = "learns"
	}
	shard := int(r.Shard) - 1
	t.moment(Moment{At: w.now, Event: w.trace.events, Host: h.number(), What: "role", Shard: shard, Term: r.Term, Role: role,
		Words: fmt.Sprintf("%s %s in term %d, applied %d, committed %d", role, groupName(shard), r.Term, r.Applied, r.Commit)})
}

func groupName(shard int) string {
	if shard < 0 {
		return "the system group"
	}
	return fmt.Sprintf("shard %d", shard)
}

// message notes a frame on its way, and whether it will arrive.
func (t *Tape) message(sent, arrives time.Duration, from, to int, frame []byte) {
	if t == nil {
		return
	}
	text := fmt.Sprintf("%d bytes that cannot be read", len(frame))
	if f, err := net.Decode(frame); err == nil {
		var parts []string
		for _, m := range f.Messages {
			parts = append(parts, messageText(m))
		}
		text = strings.Join(parts, "; ")
	}
	if len(t.Messages) >= maxTaped {
		t.Messages = append(t.Messages[:0], t.Messages[maxTaped/2:]...)
	}
	t.Messages = append(t.Messages, Message{Sent: sent, Arrived: arrives, From: from, To: to, Text: text})
}

func messageText(m net.Message) string {
	switch m := m.(type) {
	case *net.Raft:
		text := fmt.Sprintf("%s %s term %d", strings.TrimPrefix(m.M.GetType().String(), "Msg"), groupName(int(m.Shard)-1), m.M.GetTerm())
		if n := len(m.M.GetEntries()); n > 0 {
			text += fmt.Sprintf(" entries %d-%d", m.M.GetIndex()+1, m.M.GetIndex()+uint64(n))
		} else if m.M.GetIndex() > 0 {
			text += fmt.Sprintf(" index %d", m.M.GetIndex())
		}
		if m.M.GetReject() {
			text += " rejected"
		}
		return text
	case *net.Call:
		return fmt.Sprintf("call %d %s", m.ID, strings.TrimPrefix(fmt.Sprintf("%T", m.Body), "*net."))
	case *net.Reply:
		if m.Err != nil {
			return fmt.Sprintf("reply %d %v", m.ID, m.Err)
		}
		return fmt.Sprintf("reply %d %s", m.ID, strings.TrimPrefix(fmt.Sprintf("%T", m.Body), "*net."))
	case *net.SnapshotChunk:
		return fmt.Sprintf("snapshot %s index %d chunk %d, %d rows", groupName(int(m.Shard)-1), m.Head.Index, m.Seq, len(m.Rows))
	case *net.SnapshotAck:
		return fmt.Sprintf("snapshot-ack %s chunk %d failed %v", groupName(int(m.Shard)-1), m.Seq, m.Failed)
	case *net.Status:
		return "status"
	}
	return fmt.Sprintf("%T", m)
}

// bar notes that a fault begins; the bar ends with it.
func (t *Tape) bar(f *activeFault) {
	if t == nil {
		return
	}
	b := Bar{Fault: slices.Index(f.w.faults, f), From: f.w.now, To: f.w.now + f.For, Hosts: slices.Clone(f.Side)}
	for _, n := range []int{f.Node, f.From, f.To} {
		if n > 0 && !slices.Contains(b.Hosts, n) {
			b.Hosts = append(b.Hosts, n)
		}
	}
	t.Bars = append(t.Bars, b)
}

// finish takes over the clients' operations and what the verdict says of them.
func (t *Tape) finish(w *World) {
	if t == nil {
		return
	}
	for i, op := range w.load.history.Operations() {
		c := Call{Client: op.Client, Call: op.Call.Sub(worldEpoch), Return: -1, OK: op.Outcome == linearizability.OK, Text: w.load.history.Line(i)}
		if op.Return != linearizability.Forever {
			c.Return = op.Return.Sub(worldEpoch)
		}
		c.Shown = slices.Contains(w.shown, i)
		t.Calls = append(t.Calls, c)
	}
	// The answer at fault is the read that the check is about; of a point's operations
	// it is the one that returned last, for the verdict cuts off what came later.
	last, kind := -1, linearizability.Kind(0)
	for k := linearizability.Write; k <= linearizability.Search; k++ {
		if k.String() == w.shownBy {
			kind = k
		}
	}
	for i, op := range w.load.history.Operations() {
		if t.Calls[i].Shown && (kind == 0 || op.Kind == kind) && (last < 0 || t.Calls[i].Return >= t.Calls[last].Return) {
			last = i
		}
	}
	if last >= 0 {
		t.Calls[last].Culprit = true
	}
}

// Lines returns the tape as text, a line an event, in order of time: of those hosts
// and kinds that the words name ("n2", "raft", "snapshot", "role" …); of all when
// there are none.
func (t *Tape) Lines(words ...string) []string {
	type line struct {
		at   time.Duration
		text string
	}
	var lines []line
	for _, m := range t.Moments {
		lines = append(lines, line{m.At, fmt.Sprintf("%11.6f #%-7d n%d %s: %s", m.At.Seconds(), m.Event, m.Host, m.What, m.Words)})
	}
	for _, m := range t.Messages {
		fate := "lost"
		if m.Arrived > 0 {
			fate = fmt.Sprintf("%.6f", m.Arrived.Seconds())
		}
		lines = append(lines, line{m.Sent, fmt.Sprintf("%11.6f %8s n%d -> n%d (%s) %s", m.Sent.Seconds(), "", m.From, m.To, fate, m.raft())})
	}
	for _, c := range t.Calls {
		lines = append(lines, line{c.Call, fmt.Sprintf("%11.6f %8s client: %s", c.Call.Seconds(), "", c.Text)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	var out []string
	for _, l := range lines {
		if matches(l.text, words) {
			out = append(out, l.text)
		}
	}
	return out
}

// raft is the text with the word that names its kind.
func (m *Message) raft() string {
	for _, kind := range []string{"call", "reply", "snapshot", "status"} {
		if strings.HasPrefix(m.Text, kind) {
			return m.Text
		}
	}
	return "raft " + m.Text
}

// matches says whether a line names one of the hosts that the words name, if they
// name any, and one of the other words, if there are any.
func matches(line string, words []string) bool {
	hosts, kinds, host, kind := false, false, false, false
	for _, w := range words {
		if len(w) > 1 && w[0] == 'n' && w[1] >= '0' && w[1] <= '9' {
			hosts, host = true, host || strings.Contains(line, " "+w+" ")
			continue
		}
		kinds, kind = true, kind || strings.Contains(line, " "+w)
	}
	return (!hosts || host) && (!kinds || kind)
}
