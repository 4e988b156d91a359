package ring

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// drawMembers draws 1 to most members with distinct ids in at most regions regions.
func drawMembers(t *rapid.T, least, most, regions int) []Member {
	ids := rapid.SliceOfNDistinct(rapid.Uint32Range(1, 5000), least, most, rapid.ID).Draw(t, "ids")
	members := make([]Member, len(ids))
	for i, id := range ids {
		region := rapid.IntRange(1, regions).Draw(t, "region")
		members[i] = Member{ID: flow.NodeID(id), Region: fmt.Sprintf("r%d", region)}
	}
	return members
}

// nodes returns n members with ids from first on, in no particular region.
func nodes(first, n int) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i].ID = flow.NodeID(first + i)
	}
	return members
}

// The values were computed by a second, independent implementation of XXH64.
func TestHashIsAFormatOnDisk(t *testing.T) {
	text := func(s string) flow.PointID {
		id, err := flow.StringID(s)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for _, c := range []struct {
		id   flow.PointID
		want uint64
	}{
		{flow.NumberID(0), 0x2d175a80b2bcbbf},
		{flow.NumberID(1), 0x4d33ece74901dc5c},
		{flow.NumberID(math.MaxUint64), 0x92d3a5117aa60aa},
		{text("1"), 0x6a41890cafc6b461},
		{text("550e8400-e29b-41d4-a716-446655440000"), 0xd944c000be07efa},
		{text(strings.Repeat("é", 256)), 0x8cdbc56ea8c0a16e},
	} {
		if got := Hash(c.id); got != c.want {
			t.Errorf("Hash(%.40q) = %#x, stored data was placed by %#x", string(c.id), got, c.want)
		}
	}
	for _, c := range []struct {
		node flow.NodeID
		i    int
		want uint64
	}{
		{1, 0, 0x47a91d3e9d51e21e},
		{1, 127, 0x59b710f23b1755c4},
		{2, 0, 0xdbda3b6de1046bb6},
		{math.MaxUint32, 1 << 20, 0x260b5203a2b1997c},
	} {
		if got := tokenHash(c.node, c.i); got != c.want {
			t.Errorf("tokenHash(%v, %d) = %#x, stored data was placed by %#x", c.node, c.i, got, c.want)
		}
	}
}

// Sequential ids are what most users have: they must fill shards as evenly as
// random placement does. Chi-squared over 64 shards has 63 degrees of freedom,
// mean 63 and standard deviation 11; 130 is six deviations above.
func TestHashSpreadsSequentialIDs(t *testing.T) {
	const shards, points = 64, 64000
	starts := Starts(shards)
	for name, id := range map[string]func(i int) flow.PointID{
		"numbers": func(i int) flow.PointID { return flow.NumberID(uint64(i)) },
		"strings": func(i int) flow.PointID { return flow.PointID(fmt.Sprintf("sdoc-%d", i)) },
		"strided": func(i int) flow.PointID { return flow.NumberID(uint64(i) << 32) },
	} {
		var counts [shards]int
		for i := range points {
			counts[Find(starts, Hash(id(i)))]++
		}
		chi := 0.0
		for _, c := range counts {
			d := float64(c) - points/shards
			chi += d * d / (points / shards)
		}
		if chi > 130 {
			t.Errorf("%s: chi-squared %.0f over %d shards, above 130: %v", name, chi, shards, counts)
		}
	}
}

func TestStartsCutsTheSpaceEvenly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.IntRange(1, 5000).Draw(t, "shards")
		starts := Starts(shards)
		if len(starts) != shards || starts[0] != 0 {
			t.Fatalf("%d starts, the first %d", len(starts), starts[0])
		}
		least, most := uint64(math.MaxUint64), uint64(0)
		for i := range starts {
			end := uint64(0) // of the last range: 2^64, which wraps to 0
			if i+1 < shards {
				end = starts[i+1]
			}
			if size := end - starts[i]; shards > 1 {
				least, most = min(least, size), max(most, size)
			}
		}
		if shards > 1 && most-least > 1 {
			t.Fatalf("sizes from %d to %d", least, most)
		}
	})
	if got, want := Starts(4), []uint64{0, 1 << 62, 2 << 62, 3 << 62}; !slices.Equal(got, want) {
		t.Errorf("Starts(4) = %x, want %x", got, want)
	}
}

func TestFindAgreesWithLinearSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cuts := rapid.SliceOfDistinct(rapid.Uint64Min(1), rapid.ID).Draw(t, "cuts")
		starts := append([]uint64{0}, cuts...)
		slices.Sort(starts)
		h := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom(starts)).Draw(t, "h")
		want := 0
		for i, s := range starts {
			if s <= h {
				want = i
			}
		}
		if got := Find(starts, h); got != want {
			t.Fatalf("Find(%x, %x) = %d, want %d", starts, h, got, want)
		}
	})
	for _, bad := range [][]uint64{nil, {1, 2}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Find(%v, 0) did not panic", bad)
				}
			}()
			Find(bad, 0)
		}()
	}
}

func TestPreferenceIsDistinctAndSpreadsOverRegions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, 1, 12, 4)
		r := New(members, rapid.IntRange(1, 64).Draw(t, "virtual nodes"))
		h, n := rapid.Uint64().Draw(t, "h"), rapid.IntRange(0, 14).Draw(t, "n")
		got := r.Preference(h, n)
		if len(got) != min(n, len(members)) {
			t.Fatalf("%d nodes of %d, asked for %d", len(got), len(members), n)
		}
		size, taken := map[string]int{}, map[string]int{}
		region := map[flow.NodeID]string{}
		for _, m := range members {
			size[m.Region]++
			region[m.ID] = m.Region
		}
		for i, id := range got {
			if slices.Contains(got[:i], id) || region[id] == "" {
				t.Fatalf("%v appears twice or is no member: %v", id, got)
			}
			taken[region[id]]++
		}
		for a := range size {
			for b := range size {
				if taken[a] > taken[b]+1 && taken[b] < size[b] {
					t.Fatalf("%d of %s but %d of the %d of %s: %v", taken[a], a, taken[b], size[b], b, got)
				}
			}
		}
		if longer := r.Preference(h, n+1); !slices.Equal(longer[:len(got)], got) {
			t.Fatalf("first %d of %v are not %v", n, longer, got)
		}
	})
}

// With one region the preference list is the clockwise walk, computed here by
// sorting all tokens by their distance from the hash.
func TestPreferenceIsTheClockwiseWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, 1, 10, 1)
		virtual := rapid.IntRange(1, 16).Draw(t, "virtual nodes")
		h := rapid.Uint64().Draw(t, "h")
		nearest := func(id flow.NodeID) uint64 {
			d := uint64(math.MaxUint64)
			for i := range virtual {
				d = min(d, tokenHash(id, i)-h)
			}
			return d
		}
		var want []flow.NodeID
		for _, m := range members {
			want = append(want, m.ID)
		}
		slices.SortFunc(want, func(a, b flow.NodeID) int {
			if nearest(a) < nearest(b) {
				return -1
			}
			return 1
		})
		if got := New(members, virtual).Preference(h, len(members)); !slices.Equal(got, want) {
			t.Fatalf("Preference(%x) = %v, the walk meets %v", h, got, want)
		}
	})
}

func TestRingDoesNotDependOnTheOrderOfMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, 1, 10, 3)
		shuffled := rapid.Permutation(members).Draw(t, "shuffled")
		starts := Starts(rapid.IntRange(1, 40).Draw(t, "shards"))
		rf := rapid.IntRange(1, 5).Draw(t, "rf")
		a, b := New(members, 16).Assign(starts, rf), New(shuffled, 16).Assign(starts, rf)
		if moves := Diff(a, b); len(moves) > 0 {
			t.Fatalf("%v", moves)
		}
	})
}

func TestAssignBoundsTheLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, 1, 20, 5)
		shards := rapid.IntRange(1, 300).Draw(t, "shards")
		rf := rapid.IntRange(1, 7).Draw(t, "rf")
		virtual := rapid.SampledFrom([]int{1, 2, 16, 128}).Draw(t, "virtual nodes")
		assignment := New(members, virtual).Assign(Starts(shards), rf)
		load := map[flow.NodeID]int{}
		want := min(rf, len(members))
		for i, nodes := range assignment {
			if len(nodes) != want {
				t.Fatalf("range %d has %v, want %d nodes", i, nodes, want)
			}
			for j, id := range nodes {
				load[id]++
				if slices.Contains(nodes[:j], id) {
					t.Fatalf("range %d has %v twice", i, id)
				}
			}
		}
		for id, n := range load { // n <= ceil(1.1·average), in whole numbers
			if 10*(n-1)*len(members) >= 11*shards*want {
				t.Fatalf("%v has %d replicas, the average is %d/%d", id, n, shards*want, len(members))
			}
		}
	})
}

// One more node takes about its share and little else moves: at most twice the
// share and eight replicas on any ring here, 1.15 shares on the average ring.
func TestAddingANodeMovesItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 16).Draw(t, "nodes")
		shards := rapid.IntRange(16, 512).Draw(t, "shards")
		first := rapid.IntRange(1, 1000).Draw(t, "first id")
		moved, share := grow(first, n, shards)
		if float64(moved) > 2*share+8 {
			t.Fatalf("adding a node to %d moved %d of %d replicas, its share is %.1f", n, moved, 3*shards, share)
		}
	})
	moved, share := 0.0, 0.0
	for i := range 50 {
		m, s := grow(1+20*i, 3+i%8, 256)
		moved, share = moved+float64(m), share+s
	}
	if moved > 1.15*share || moved < 0.8*share {
		t.Errorf("on average adding a node moves %.2f times its share", moved/share)
	}
}

// grow adds one node to n and returns the replicas that move and the share,
// 1/(n+1), of them that the node should get.
func grow(first, n, shards int) (moved int, share float64) {
	starts, members := Starts(shards), nodes(first, n+1)
	before := New(members[:n], DefaultVirtualNodes).Assign(starts, 3)
	after := New(members, DefaultVirtualNodes).Assign(starts, 3)
	return len(Diff(before, after)), float64(3*shards) / float64(n+1)
}

func TestDiffLeadsFromOneAssignmentToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		starts := Starts(rapid.IntRange(1, 50).Draw(t, "shards"))
		from := New(drawMembers(t, 1, 8, 2), 8).Assign(starts, rapid.IntRange(0, 4).Draw(t, "rf"))
		to := New(drawMembers(t, 1, 8, 2), 8).Assign(starts, rapid.IntRange(0, 4).Draw(t, "new rf"))
		got := make([][]flow.NodeID, len(from))
		for i := range from {
			got[i] = slices.Clone(from[i])
		}
		for _, m := range Diff(from, to) {
			nodes := got[m.Range]
			if m.Remove != 0 {
				i := slices.Index(nodes, m.Remove)
				if i < 0 {
					t.Fatalf("%+v removes a node that is not there: %v", m, nodes)
				}
				nodes = slices.Delete(nodes, i, i+1)
			}
			if m.Add != 0 {
				nodes = append(nodes, m.Add)
			}
			got[m.Range] = nodes
		}
		for i := range got {
			want := slices.Clone(to[i])
			slices.Sort(want)
			slices.Sort(got[i])
			if !slices.Equal(got[i], want) {
				t.Fatalf("range %d: the moves lead to %v, not to %v", i, got[i], want)
			}
		}
		if same := Diff(to, to); len(same) != 0 {
			t.Fatalf("an assignment differs from itself: %v", same)
		}
	})
	from, to := [][]flow.NodeID{{1, 2, 3}, {1}}, [][]flow.NodeID{{4, 3, 1}, {2, 1}}
	if got, want := Diff(from, to), []Move{{0, 4, 2}, {1, 2, 0}}; !slices.Equal(got, want) {
		t.Errorf("Diff = %v, want %v", got, want)
	}
}

func TestSlotsAndVariance(t *testing.T) {
	if r := New(nodes(1, 5), 128); r.Slots() != 640 {
		t.Errorf("5 nodes of 128 have %d slots", r.Slots())
	}
	for _, virtual := range []int{1, 7} {
		if v := New(nodes(1, 1), virtual).Variance(); math.Abs(v) > 1e-9 {
			t.Errorf("one node of %d tokens owns the circle, variance %v", virtual, v)
		}
	}
	if v := New(nil, 1).Variance(); v != 0 {
		t.Errorf("an empty ring has variance %v", v)
	}
	// Two tokens: the shares are the two arcs between them.
	a := float64(tokenHash(1, 0)-tokenHash(2, 0)) / math.Pow(2, 64)
	want := (2*a - 1) * (2*a - 1)
	if v := New(nodes(1, 2), 1).Variance(); math.Abs(v-want) > 1e-9 {
		t.Errorf("variance of shares %.3f and %.3f is %v, want %v", a, 1-a, v, want)
	}
	// v tokens a node give a variance of about 1/v.
	for _, virtual := range []int{16, 128, 1024} {
		v := New(nodes(1, 50), virtual).Variance() * float64(virtual)
		if v < 0.5 || v > 2 {
			t.Errorf("%d virtual nodes: variance is %.2f/%d", virtual, v, virtual)
		}
	}
}

func TestNewRefusesImpossibleMembers(t *testing.T) {
	for _, bad := range [][]Member{{{ID: 0}}, {{ID: 1}, {ID: 2}, {ID: 1}}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%v) did not panic", bad)
				}
			}()
			New(bad, 1)
		}()
	}
}

func BenchmarkPreference(b *testing.B) {
	r := New(nodes(1, 10), DefaultVirtualNodes)
	for i := range b.N {
		r.Preference(uint64(i)*0x9e3779b97f4a7c15, 3)
	}
}
