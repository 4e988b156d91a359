package placement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/ring"
)

// TestTranscripts runs the transcripts of testdata: a view is set up and the
// answers are read like a log. -rewrite writes what the code answers.
//
//	cluster shards=S rf=R [max-moves=M]    starts afresh; then, as set, lines of
//	set                                      node N [region=R] [down] [dead]
//	                                         shard S on N,N [moving]
//	next                                   prints the moves
//	run                                    applies moves until there are none
//	leaders                                prints the leaders and their counts
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		v := View{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "cluster":
				v = newView(t, d)
				set(t, d, &v)
			case "set":
				set(t, d, &v)
			case "next":
				return show(Next(v))
			case "run":
				return run(v)
			case "leaders":
				return showLeaders(v)
			default:
				d.Fatalf(t, "unknown command %q", d.Cmd)
			}
			return ""
		})
	})
}

func newView(t *testing.T, d *datadriven.TestData) View {
	v := View{VirtualNodes: ring.DefaultVirtualNodes, MaxMoves: 100}
	var shards int
	d.ScanArgs(t, "shards", &shards)
	d.ScanArgs(t, "rf", &v.ReplicationFactor)
	if d.HasArg("max-moves") {
		d.ScanArgs(t, "max-moves", &v.MaxMoves)
	}
	for i, start := range ring.Starts(shards) {
		v.Shards = append(v.Shards, Shard{ID: flow.ShardID(i + 1), Start: start})
	}
	return v
}

func set(t *testing.T, d *datadriven.TestData, v *View) {
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		return n
	}
	for line := range strings.Lines(d.Input) {
		words := strings.Fields(line)
		switch words[0] {
		case "node":
			setNode(v, flow.NodeID(number(words[1])), words[2:])
		case "shard":
			s := &v.Shards[number(words[1])]
			s.Moving, s.Replicas, s.Broken = slices.Contains(words, "moving"), nil, nil
			if i := slices.Index(words, "broken"); i >= 0 {
				s.Broken = append(s.Broken, flow.NodeID(number(words[i+1])))
			}
			for _, id := range strings.Split(words[3], ",") {
				s.Replicas = append(s.Replicas, flow.NodeID(number(id)))
			}
		default:
			d.Fatalf(t, "unknown line %q", line)
		}
	}
}

func setNode(v *View, id flow.NodeID, words []string) {
	n := Node{ID: id, Up: true}
	for _, w := range words {
		switch {
		case w == "down":
			n.Up = false
		case w == "dead":
			n.Up, n.Dead = false, true
		default:
			n.Region = strings.TrimPrefix(w, "region=")
		}
	}
	if i := slices.IndexFunc(v.Nodes, func(o Node) bool { return o.ID == id }); i >= 0 {
		v.Nodes[i] = n
		return
	}
	v.Nodes = append(v.Nodes, n)
}

func show(moves []Move) string {
	var b strings.Builder
	for _, m := range moves {
		fmt.Fprintf(&b, "%v: add %v\n", m.Shard, m.Add)
		if m.Remove != 0 {
			fmt.Fprintf(&b, "%v: remove %v\n", m.Shard, m.Remove)
		}
	}
	if len(moves) == 0 {
		return "no moves\n"
	}
	return b.String()
}

// run applies the moves, round by round, to v, and prints where replicas are at the end.
func run(v View) string {
	var b strings.Builder
	for round := 0; ; round++ {
		moves := Next(v)
		if len(moves) == 0 {
			fmt.Fprintf(&b, "%d rounds\n", round)
			break
		}
		apply(v, moves)
	}
	load := make([]int, len(v.Nodes))
	for _, s := range v.Shards {
		fmt.Fprintf(&b, "%v on %v\n", s.ID, s.Replicas)
		for i, n := range v.Nodes {
			if slices.Contains(s.Replicas, n.ID) {
				load[i]++
			}
		}
	}
	for i, n := range v.Nodes {
		fmt.Fprintf(&b, "%v holds %d\n", n.ID, load[i])
	}
	return b.String()
}

func apply(v View, moves []Move) {
	for _, m := range moves {
		for i := range v.Shards {
			if v.Shards[i].ID == m.Shard {
				kept := slices.DeleteFunc(slices.Clone(v.Shards[i].Replicas), func(id flow.NodeID) bool { return id == m.Remove })
				v.Shards[i].Replicas = append(kept, m.Add)
				v.Shards[i].Broken = slices.DeleteFunc(slices.Clone(v.Shards[i].Broken), func(id flow.NodeID) bool { return id == m.Remove })
			}
		}
	}
}

func showLeaders(v View) string {
	var b strings.Builder
	leaders := Leaders(v)
	for i, s := range v.Shards {
		fmt.Fprintf(&b, "%v of %v led by %v\n", s.ID, s.Replicas, leaders[i])
	}
	for _, n := range v.Nodes {
		count := 0
		for _, l := range leaders {
			if l == n.ID {
				count++
			}
		}
		fmt.Fprintf(&b, "%v leads %d\n", n.ID, count)
	}
	return b.String()
}

// drawView draws a view with every kind of trouble: nodes down, dead and removed,
// shards moving, too many and too few replicas.
func drawView(t *rapid.T) View {
	v := View{
		ReplicationFactor: rapid.IntRange(0, 5).Draw(t, "rf"),
		VirtualNodes:      rapid.IntRange(1, 16).Draw(t, "virtual nodes"),
		MaxMoves:          rapid.IntRange(0, 20).Draw(t, "max moves"),
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "nodes") {
		v.Nodes = append(v.Nodes, Node{
			ID:     flow.NodeID(i + 1),
			Region: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "region"),
			Up:     rapid.Bool().Draw(t, "up"),
			Dead:   rapid.IntRange(0, 5).Draw(t, "dead") == 0,
		})
	}
	replicas := rapid.SliceOfNDistinct(rapid.Uint32Range(1, 10), 0, 5, rapid.ID)
	for i, start := range ring.Starts(rapid.IntRange(1, 24).Draw(t, "shards")) {
		s := Shard{ID: flow.ShardID(i + 1), Start: start, Moving: rapid.IntRange(0, 4).Draw(t, "moving") == 0}
		for _, id := range replicas.Draw(t, "replicas") {
			s.Replicas = append(s.Replicas, flow.NodeID(id))
			if rapid.IntRange(0, 5).Draw(t, "broken") == 0 {
				s.Broken = append(s.Broken, flow.NodeID(id))
			}
		}
		v.Shards = append(v.Shards, s)
	}
	return v
}

func TestNextKeepsItsRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		moves := Next(v)
		moving, touched := 0, map[flow.ShardID]bool{}
		for _, s := range v.Shards {
			if s.Moving {
				moving++
				touched[s.ID] = true
			}
		}
		if len(moves) > max(0, v.MaxMoves-moving) {
			t.Fatalf("%d moves beside %d under way, the limit is %d", len(moves), moving, v.MaxMoves)
		}
		for _, m := range moves {
			s := v.Shards[m.Shard-1]
			if touched[m.Shard] {
				t.Fatalf("%+v: the shard moves already", m)
			}
			touched[m.Shard] = true
			switch lost := func(id flow.NodeID) bool {
				return int(id) > len(v.Nodes) || v.Nodes[id-1].Dead || slices.Contains(s.Broken, id)
			}; {
			case m.Remove == 0 && (slices.ContainsFunc(s.Replicas, lost) || len(s.Replicas) >= v.ReplicationFactor || slices.Contains(s.Replicas, m.Add)):
				t.Fatalf("%+v is no addition that %+v needs", m, s)
			case m.Remove != 0 && (!slices.Contains(s.Replicas, m.Remove) || !lost(m.Remove)):
				t.Fatalf("%+v replaces what is not lost of %+v", m, s)
			case m.Remove != 0 && m.Add != m.Remove && slices.Contains(s.Replicas, m.Add):
				t.Fatalf("%+v adds what %+v has", m, s)
			case m.Remove != 0 && 2*newCluster(v).liveReplicas(s) <= len(s.Replicas):
				t.Fatalf("%+v is a move that %+v cannot agree on", m, s)
			}
			if n := v.Nodes[m.Add-1]; !n.Up || n.Dead {
				t.Fatalf("%+v places a replica on %+v", m, n)
			}
		}
		v.Nodes = rapid.Permutation(v.Nodes).Draw(t, "other order")
		if other := Next(v); !slices.Equal(moves, other) {
			t.Fatalf("%v, but with the nodes in another order %v", moves, other)
		}
	})
}

// Applied until there are none, the moves give every shard all the replicas that
// the live nodes allow, with no node above the bound of the ring where all nodes
// are in one region and the cluster was empty.
func TestNextEndsWithEveryShardReplicated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := View{ReplicationFactor: rapid.IntRange(1, 5).Draw(t, "rf"), VirtualNodes: 128, MaxMoves: 7}
		for i := range rapid.IntRange(1, 12).Draw(t, "nodes") {
			v.Nodes = append(v.Nodes, Node{ID: flow.NodeID(i + 1), Up: true})
		}
		for i, start := range ring.Starts(rapid.IntRange(1, 100).Draw(t, "shards")) {
			v.Shards = append(v.Shards, Shard{ID: flow.ShardID(i + 1), Start: start})
		}
		for moves := Next(v); len(moves) > 0; moves = Next(v) {
			apply(v, moves)
		}
		load, want := make([]int, len(v.Nodes)), min(v.ReplicationFactor, len(v.Nodes))
		for _, s := range v.Shards {
			if len(s.Replicas) != want {
				t.Fatalf("%+v has %d replicas, want %d", s, len(s.Replicas), want)
			}
			for _, id := range s.Replicas {
				load[id-1]++
			}
		}
		// The last shards may find only nodes at the bound; the least loaded takes it.
		if bound := ring.MaxLoad(len(v.Shards)*want, len(v.Nodes)); slices.Max(load) > bound+1 {
			t.Fatalf("loads %v, the bound is %d", load, bound)
		}
	})
}

func TestLeadersAreLiveAndSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		leaders := Leaders(v)
		leads := map[flow.NodeID]int{}
		can := func(s Shard, id flow.NodeID) bool {
			i := slices.IndexFunc(v.Nodes, func(n Node) bool { return n.ID == id && n.Up && !n.Dead })
			return i >= 0 && slices.Contains(s.Replicas, id)
		}
		for i, s := range v.Shards {
			leads[leaders[i]]++
			if leaders[i] == 0 && slices.ContainsFunc(s.Replicas, func(id flow.NodeID) bool { return can(s, id) }) {
				t.Fatalf("%+v has a live replica and no leader", s)
			}
			if leaders[i] != 0 && !can(s, leaders[i]) {
				t.Fatalf("%+v cannot be led by %v", s, leaders[i])
			}
		}
		for i, s := range v.Shards {
			for _, id := range s.Replicas {
				if can(s, id) && leads[leaders[i]] >= leads[id]+2 {
					t.Fatalf("%v leads %d and keeps %v from %v, which leads %d", leaders[i], leads[leaders[i]], s.ID, id, leads[id])
				}
			}
		}
		v.Nodes = rapid.Permutation(v.Nodes).Draw(t, "other order")
		if other := Leaders(v); !slices.Equal(leaders, other) {
			t.Fatalf("%v, but with the nodes in another order %v", leaders, other)
		}
	})
}

func TestLeadersOfFullNodesDifferByAtMostOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := View{VirtualNodes: 128}
		var all []flow.NodeID
		for i := range rapid.IntRange(1, 9).Draw(t, "nodes") {
			all = append(all, flow.NodeID(i+1))
			v.Nodes = append(v.Nodes, Node{ID: flow.NodeID(i + 1), Up: true})
		}
		for i, start := range ring.Starts(rapid.IntRange(1, 100).Draw(t, "shards")) {
			v.Shards = append(v.Shards, Shard{ID: flow.ShardID(i + 1), Start: start, Replicas: all})
		}
		leads := make([]int, len(all))
		for _, id := range Leaders(v) {
			leads[id-1]++
		}
		if slices.Max(leads)-slices.Min(leads) > 1 {
			t.Fatalf("leaders are spread %v", leads)
		}
	})
}

func BenchmarkNextAndLeaders(b *testing.B) {
	v := View{ReplicationFactor: 3, VirtualNodes: 128, MaxMoves: 8}
	for i := range 10 {
		v.Nodes = append(v.Nodes, Node{ID: flow.NodeID(i + 1), Up: true})
	}
	for i, start := range ring.Starts(256) {
		v.Shards = append(v.Shards, Shard{ID: flow.ShardID(i + 1), Start: start})
	}
	for moves := Next(v); len(moves) > 0; moves = Next(v) {
		apply(v, moves)
	}
	for b.Loop() {
		if len(Next(v)) > 0 || len(Leaders(v)) == 0 {
			b.Fatal("the view is not at rest")
		}
	}
}
