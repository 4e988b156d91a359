package ring

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// DefaultVirtualNodes is how many tokens a node gets unless the cluster says
// otherwise. The share of the circle a node owns varies by about 1/sqrt(virtual
// nodes) around the fair one: 9 % here. More tokens are more even, and cost 12
// bytes each and a longer sort whenever the ring is built.
const DefaultVirtualNodes = 128

// Member is a node on the ring. Nodes of the same Region are expected to fail
// together; the empty region is a region like any other.
type Member struct {
	ID     flow.NodeID
	Region string
}

// Ring is an immutable circle of tokens (Karger et al., "Consistent Hashing and
// Random Trees", STOC 1997). Two rings of the same members are equal, in
// whatever order the members were given.
type Ring struct {
	members []Member // ascending by ID
	regions []int    // per member, the number of its region
	tokens  []token  // ascending by hash, then by member
}

// token is one virtual node: a place on the circle and the member it stands for.
type token struct {
	hash   uint64
	member int32 // index in members
}

// New returns the ring of the members with virtualNodes (at least 1) tokens each.
// It panics when a member appears twice or has no id.
func New(members []Member, virtualNodes int) *Ring {
	if virtualNodes < 1 {
		panic(fmt.Sprintf("ring.New: %d virtual nodes", virtualNodes))
	}
	r := &Ring{members: slices.Clone(members)}
	slices.SortFunc(r.members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	names := make([]string, len(r.members))
	for i, m := range r.members {
		if m.ID == 0 || i > 0 && m.ID == r.members[i-1].ID {
			panic(fmt.Sprintf("ring.New: member %v is no node or appears twice in %v", m.ID, members))
		}
		names[i] = m.Region
	}
	slices.Sort(names)
	names = slices.Compact(names)
	r.tokens = make([]token, 0, len(r.members)*virtualNodes)
	for i, m := range r.members {
		region, _ := slices.BinarySearch(names, m.Region)
		r.regions = append(r.regions, region)
		for v := range virtualNodes {
			r.tokens = append(r.tokens, token{tokenHash(m.ID, v), int32(i)})
		}
	}
	slices.SortFunc(r.tokens, func(a, b token) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.member, b.member))
	})
	return r
}

// Preference returns at most n distinct nodes for the hash, the most preferred
// first: the nodes met walking clockwise from h, distinct regions first. Where
// there are fewer regions than n the walk is repeated, one node a region and
// round, so that replicas spread over the regions as evenly as their nodes
// allow: five replicas in three regions are 2+2+1, which outlives the loss of
// any one region, and never 3+1+1. With one region it is the plain walk.
func (r *Ring) Preference(h uint64, n int) []flow.NodeID {
	order := r.prefer(r.walk(h), n, nil)
	ids := make([]flow.NodeID, len(order))
	for i, m := range order {
		ids[i] = r.members[m].ID
	}
	return ids
}

// walk returns every member in the order in which the clockwise walk from h, which
// begins with the first token at or after h, meets it.
func (r *Ring) walk(h uint64) []int {
	order := make([]int, 0, len(r.members))
	seen := make([]bool, len(r.members))
	at := sort.Search(len(r.tokens), func(i int) bool { return r.tokens[i].hash >= h })
	for i := 0; len(order) < len(r.members); i++ {
		m := int(r.tokens[(at+i)%len(r.tokens)].member)
		if !seen[m] {
			seen[m] = true
			order = append(order, m)
		}
	}
	return order
}

// prefer takes at most n members from the walk in rounds of distinct regions. A
// member that accept refuses is passed over; accept is asked once a member and
// in the order of preference, and nil accepts all.
func (r *Ring) prefer(walk []int, n int, accept func(member int) bool) []int {
	taken := make([]int, 0, min(n, len(walk)))
	inRegion := make([]int, len(r.members)) // members taken, by region
	left := slices.Clone(walk)
	for round := 1; len(left) > 0 && len(taken) < n; round++ {
		later := left[:0]
		for _, m := range left {
			switch {
			case len(taken) == n || inRegion[r.regions[m]] >= round:
				later = append(later, m)
			case accept == nil || accept(m):
				inRegion[r.regions[m]]++
				taken = append(taken, m)
			}
		}
		left = later
	}
	return taken
}

// Slots returns the number of tokens: members times virtual nodes.
func (r *Ring) Slots() int { return len(r.tokens) }

// Variance says how unevenly the circle is divided: the population variance of
// the nodes' shares of the hash space, each share taken relative to the fair one
// (1/nodes). It has no unit; 0 is perfectly even, v virtual nodes give about 1/v.
// A node owns the hashes whose first token clockwise is its own.
func (r *Ring) Variance() float64 {
	if len(r.members) == 0 {
		return 0
	}
	const space = float64(1<<63) * 2
	share := make([]float64, len(r.members))
	for i, t := range r.tokens {
		before := r.tokens[(i+len(r.tokens)-1)%len(r.tokens)].hash
		arc := float64(t.hash - before) // wraps around zero as the circle does
		if len(r.tokens) == 1 {
			arc = space
		}
		share[t.member] += arc / space
	}
	fair, sum := 1/float64(len(share)), 0.0
	for _, s := range share {
		sum += (s/fair - 1) * (s/fair - 1)
	}
	return sum / float64(len(share))
}
