package replica_test

import (
	"fmt"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"go.etcd.io/raft/v3/raftpb"
)

// String prints a packet as the transcripts show it.
func (p *packet) String() string {
	return fmt.Sprintf("%v->%v %s", p.from, p.to, describe(p.message()))
}

func describe(m net.Message) string {
	switch m := m.(type) {
	case *net.Raft:
		return describeRaft(m.M)
	case *net.SnapshotChunk:
		s := fmt.Sprintf("chunk %d of stream %d.%d at %d: %d rows", m.Seq, m.Stream>>32, uint32(m.Stream), m.Head.Index, len(m.Rows))
		if m.Last {
			s += ", the last"
		}
		return s
	case *net.SnapshotAck:
		s := fmt.Sprintf("ack %d of stream %d.%d", m.Seq, m.Stream>>32, uint32(m.Stream))
		if m.Failed {
			s += ": failed"
		}
		return s
	}
	return fmt.Sprintf("%T", m)
}

func describeRaft(m *raftpb.Message) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s term %d", strings.TrimPrefix(m.GetType().String(), "Msg"), m.GetTerm())
	switch m.GetType() {
	case raftpb.MsgApp:
		fmt.Fprintf(&s, " after %d/%d commit %d", m.GetIndex(), m.GetLogTerm(), m.GetCommit())
		if n := len(m.Entries); n > 0 {
			fmt.Fprintf(&s, " entries %d to %d", m.Entries[0].GetIndex(), m.Entries[n-1].GetIndex())
		}
	case raftpb.MsgAppResp, raftpb.MsgVote, raftpb.MsgPreVote, raftpb.MsgReadIndexResp:
		fmt.Fprintf(&s, " at %d", m.GetIndex())
	}
	if m.GetReject() {
		s.WriteString(" rejected")
	}
	return s.String()
}

// state prints a line a member.
func (g *rig) state() string {
	var s strings.Builder
	for _, m := range g.members {
		if m.r == nil {
			fmt.Fprintf(&s, "%v: down\n", m.node)
			continue
		}
		st := m.r.Status()
		role := st.Role.String()
		if m.r.Leading() {
			role = "leads"
		}
		fmt.Fprintf(&s, "%v: %s, term %d, leader %v, applied %d, commit %d, log %d to %d, data [%s]\n",
			m.node, role, st.Term, st.Leader, st.Applied, st.Commit, st.FirstIndex, st.LastIndex, m.data())
	}
	return s.String()
}

// digests says which members at the same index have the same digest.
func (g *rig) digests() string {
	at := map[uint64]map[uint64][]flow.NodeID{}
	var s strings.Builder
	for _, m := range g.members {
		if m.r == nil {
			continue
		}
		i := m.r.Applied()
		if at[i] == nil {
			at[i] = map[uint64][]flow.NodeID{}
		}
		at[i][m.r.Digest()] = append(at[i][m.r.Digest()], m.node)
		if len(at[i]) > 1 {
			fmt.Fprintf(&s, "at %d digests differ: %v\n", i, at[i])
		}
	}
	if s.Len() == 0 {
		return fmt.Sprintf("equal at %d position(s)\n", len(at))
	}
	return s.String()
}
