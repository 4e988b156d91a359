package system_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/node/replica"
	"github.com/ruvector-flow/ruvector-flow/node/system"
	"pgregory.net/rapid"
)

// Transcripts: each command is applied through a log; after each, a machine rebuilt
// from the stored rows equals the live one.
//
//	join name=… addr=… nonce=N [format=N newest=N]
//	raise to=N last=N
//	create name=… dim=N metric=… request=N
//	drop name=… request=N
//	move shard=N add=N [remove=NODE.GENERATION]
//	finish shard=N id=N
//	update node=N addr=… api=…
//	restart
//	state
//
// A command with the argument bytes is printed and not applied.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		l := newLone(t)
		requests := 100 // of commands that name none
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			l.t = t
			switch d.Cmd {
			case "restart":
				l.restart()
				l.check()
				return ""
			case "state":
				return state(l.machine())
			}
			if d.HasArg("bytes") {
				return fmt.Sprintf("%x\n", command(t, d))
			}
			n := intArg(t, d, "request")
			if n == 0 {
				requests++
				n = requests
			}
			before := l.machine().Changes
			res := l.run(request(n), command(t, d))
			if res.Err != nil && l.machine().Changes != before {
				t.Errorf("%s: a refused command changed the state", d.Pos)
			}
			return result(res, l.machine().Changes != before)
		})
	})
}

func command(t *testing.T, d *datadriven.TestData) []byte {
	switch d.Cmd {
	case "join":
		format := flow.FormatVersion(intArg(t, d, "format")).OrNewest()
		return system.EncodeJoin(format, &flow.JoinRequest{FormatVersion: flow.FormatVersion(intArg(t, d, "newest")), Name: arg(t, d, "name"), Addr: arg(t, d, "addr"), Nonce: nonce(intArg(t, d, "nonce")), Replace: d.HasArg("replace")})
	case "raise":
		return system.EncodeRaise(flow.FormatVersion(intArg(t, d, "to")), flow.NodeID(intArg(t, d, "last")))
	case "forget":
		return system.EncodeForget(flow.NodeID(intArg(t, d, "node")))
	case "create":
		metric, err := flow.ParseMetric(arg(t, d, "metric"))
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		return system.EncodeCreate(flow.Collection{Name: arg(t, d, "name"), Dim: intArg(t, d, "dim"), Metric: metric})
	case "drop":
		return system.EncodeDrop(arg(t, d, "name"))
	case "move":
		return system.EncodeMove(flow.ShardID(intArg(t, d, "shard")), flow.NodeID(intArg(t, d, "add")), replicaArg(t, d, "remove"))
	case "finish":
		return system.EncodeFinish(&system.Move{Shard: flow.ShardID(intArg(t, d, "shard")), ID: uint64(intArg(t, d, "id"))})
	case "cancel":
		return system.EncodeCancel(&system.Move{Shard: flow.ShardID(intArg(t, d, "shard")), ID: uint64(intArg(t, d, "id"))})
	case "undone":
		return system.EncodeUndone(&system.Move{Shard: flow.ShardID(intArg(t, d, "shard")), ID: uint64(intArg(t, d, "id"))})
	case "renew":
		return system.EncodeRenew(replicaArg(t, d, "replica"))
	case "update":
		return system.EncodeUpdate(flow.NodeID(intArg(t, d, "node")), arg(t, d, "addr"), arg(t, d, "api"))
	}
	d.Fatalf(t, "unknown command %q", d.Cmd)
	return nil
}

func arg(t *testing.T, d *datadriven.TestData, name string) (s string) {
	d.MaybeScanArgs(t, name, &s)
	return s
}

func intArg(t *testing.T, d *datadriven.TestData, name string) (n int) {
	d.MaybeScanArgs(t, name, &n)
	return n
}

// replicaArg reads NODE.GENERATION.
func replicaArg(t *testing.T, d *datadriven.TestData, name string) flow.ReplicaID {
	s := arg(t, d, name)
	if s == "" {
		return 0
	}
	var node, generation uint32
	if _, err := fmt.Sscanf(s, "%d.%d", &node, &generation); err != nil {
		d.Fatalf(t, "%s=%s: %v", name, s, err)
	}
	return flow.NewReplicaID(flow.NodeID(node), generation)
}

func result(res system.Result, changed bool) string {
	var s strings.Builder
	switch {
	case res.Err != nil:
		fmt.Fprintf(&s, "refused: %v", res.Err)
	case res.Collection.Name == "" && res.Collection.ID != 0:
		fmt.Fprintf(&s, "collection %d", res.Collection.ID)
	case res.Collection.ID != 0:
		fmt.Fprintf(&s, "collection %d %q %d %v", res.Collection.ID, res.Collection.Name, res.Collection.Dim, res.Collection.Metric)
	default:
		fmt.Fprintf(&s, "node %v, replica %v", res.Node, res.Replica)
	}
	if !changed {
		s.WriteString(" (nothing changed)")
	}
	return s.String()
}

func state(m *system.Machine) string {
	var s strings.Builder
	fmt.Fprintf(&s, "epoch %d\n", m.Epoch)
	if m.Format > flow.OldestFormat {
		fmt.Fprintf(&s, "format version %d\n", m.Format)
	}
	for _, n := range m.SortedNodes() {
		fmt.Fprintf(&s, "node %v %s at %q, api %q, region %q, system replica %v%s\n", n.ID, n.Name, n.Addr, n.APIAddr, n.Region, n.SystemReplica, map[bool]string{true: ", lost"}[n.Lost])
	}
	for _, c := range m.SortedCollections() {
		fmt.Fprintf(&s, "collection %d %q: %d dimensions, %v\n", c.ID, c.Name, c.Dim, c.Metric)
	}
	for _, d := range m.Drops {
		fmt.Fprintf(&s, "dropped %d\n", d.ID)
	}
	for _, p := range m.Placements {
		fmt.Fprintf(&s, "shard %v from %016x: epoch %d, generation %d, on %v\n", p.Shard, p.Start, p.Epoch, p.Generation, p.Replicas)
	}
	for _, mv := range m.SortedMoves() {
		fmt.Fprintf(&s, "move %d of shard %v: add %v, remove %v%s\n", mv.ID, mv.Shard, mv.Add, mv.Remove, map[bool]string{true: ", cancelled"}[mv.Cancelled])
	}
	return s.String()
}

// Settings survive the bootstrap and a restart.
func TestSettings(t *testing.T) {
	l := newLone(t)
	want := system.Settings{ClusterID: 42, Shards: 3, ReplicationFactor: 3, VirtualNodes: 128}
	for range 2 {
		if got := l.machine().Settings; got != want {
			t.Errorf("settings are %+v, want %+v", got, want)
		}
		l.check()
		l.restart()
	}
	m := l.machine()
	if m.Placement(0) != nil || m.Placement(4) != nil || m.Placement(3) == nil {
		t.Errorf("placements of shards 0, 3, 4: %v %v %v", m.Placement(0), m.Placement(3), m.Placement(4))
	}
}

// Rows from a stranger are corruption or taken, never a panic; results too.
func TestMalformed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tag := rapid.SampledFrom([]byte("cmnpvxz")).Draw(t, "tag")
		key := append([]byte{tag}, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "key")...)
		value := rapid.SliceOf(rapid.Byte()).Draw(t, "value")
		err := system.New().Restore(key, value)
		if err != nil && flow.KindOf(err) != flow.Corrupt || err == nil && (len(key) != 9 || tag == 'z' || len(value) == 0) {
			t.Fatalf("key %q, value %x: error is %v", key, value, err)
		}
		_, _ = system.DecodeResult(value)
		_ = system.New().Restored(value)
	})
	if err := system.New().Restored([]byte{1, 2, 3}); err == nil {
		t.Error("a meta record of three bytes is taken")
	}
}

// A command that no version of this code wrote is a broken log: the machine stops
// rather than differ from its twins.
func TestUnknownCommand(t *testing.T) {
	for _, body := range [][]byte{nil, {'?'}, {'f'}, append(system.EncodeDrop("a"), 0)} {
		func() {
			defer func() {
				err, _ := recover().(error)
				if flow.KindOf(err) != flow.Corrupt {
					t.Errorf("command %q ends with %v, want a panic of kind %v", body, err, flow.Corrupt)
				}
			}()
			system.New().Apply(7, replica.Command{Request: flow.RequestID{1}, Body: body}, nil)
			t.Errorf("command %q is applied", body)
		}()
	}
}

// Admit lets every command in that this code writes, and nothing that Apply could
// not take apart.
func TestAdmit(t *testing.T) {
	m := system.New()
	for _, body := range [][]byte{
		system.EncodeCreate(flow.Collection{Name: "a", Dim: 3, Metric: flow.Euclid}), system.EncodeDrop("a"), system.EncodeJoin(flow.NewestFormat, &flow.JoinRequest{Name: "a"}),
		system.EncodeUpdate(1, "a", "b"), system.EncodeMove(1, 2, 3), system.EncodeFinish(&system.Move{ID: 1, Shard: 2}),
		system.EncodeRaise(2, 3), system.EncodeJoin(flow.OldestFormat, &flow.JoinRequest{Name: "a"}),
	} {
		if err := m.Admit(replica.Command{Body: body}); err != nil {
			t.Errorf("command %q is refused: %v", body, err)
		}
		for n := range body {
			if err := m.Admit(replica.Command{Body: body[:n]}); err == nil || err.Kind != flow.InvalidArgument {
				t.Errorf("command %q cut at %d: error is %v", body, n, err)
			}
		}
		for _, other := range [][]byte{append(body[:len(body):len(body)], 0), append([]byte("?"), body[1:]...)} {
			if err := m.Admit(replica.Command{Body: other}); err == nil || err.Kind != flow.InvalidArgument {
				t.Errorf("command %q: error is %v", other, err)
			}
		}
	}
}
