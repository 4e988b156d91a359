package ring

import (
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// MaxLoad returns the most replicas that Assign gives to one node:
// ceil(1.1 × replicas/nodes).
func MaxLoad(replicas, nodes int) int {
	return (11*replicas + 10*nodes - 1) / (10 * nodes)
}

// Assign returns the nodes of each range, rf of them (or all, when there are
// fewer), the most preferred first. It is consistent hashing with bounded loads
// (Mirrokni, Thorup and Zadimoghaddam, SODA 2018): the ranges, in the order of
// their starts, take the nodes of their preference list, and pass over those
// that hold MaxLoad replicas already. No node is ever above that bound, not even
// where it costs a range a distinct region.
//
// The theorem is about one replica a range. With several, on distinct nodes, a
// greedy choice could leave the last ranges with too few nodes that have room;
// see spare, which rules that out.
func (r *Ring) Assign(starts []uint64, rf int) [][]flow.NodeID {
	assignment := make([][]flow.NodeID, len(starts))
	rf = min(rf, len(r.members))
	if rf < 1 {
		return assignment
	}
	room := make([]int, len(r.members))
	for i := range room {
		room[i] = MaxLoad(len(starts)*rf, len(r.members))
	}
	for i, start := range starts {
		left := len(starts) - i // ranges to serve, this one included
		light := spare(room, left, rf)
		for _, m := range r.prefer(r.walk(start), rf, func(m int) bool {
			if room[m] >= left {
				return true
			}
			if room[m] == 0 || light == 0 {
				return false
			}
			light--
			return true
		}) {
			room[m]--
			assignment[i] = append(assignment[i], r.members[m].ID)
		}
	}
	return assignment
}

// spare returns how many of a range's rf nodes may be ones with room for fewer
// than left more replicas, so that the ranges after it can still be served.
//
// Proof: k ranges can each have rf distinct nodes exactly if sum(min(room, k)) >=
// k·rf (Gale and Ryser 1957, for equal rows). Serving one range lowers the sum,
// taken for k-1, by one for every node with room >= k, chosen or not, and by one
// for every chosen node with room < k. What the sum can lose before it falls
// below (k-1)·rf, less the first of these, is the answer. The condition holds at
// the start, since every node has the same room, and so it holds to the end.
func spare(room []int, left, rf int) int {
	sum := 0
	for _, n := range room {
		sum += min(n, left-1)
	}
	return sum - (left-1)*rf
}

// Move is one difference between two assignments: in the range, the node to add
// and the node to remove; either is 0 when there is none.
type Move struct {
	Range       int
	Add, Remove flow.NodeID
}

// Diff returns the moves that lead from one assignment to another of the same
// ranges: by range, in the order in which the new assignment prefers the added
// nodes. The order of a range's nodes alone is no difference.
func Diff(from, to [][]flow.NodeID) []Move {
	var moves []Move
	for i := range max(len(from), len(to)) {
		var before, after []flow.NodeID
		if i < len(from) {
			before = from[i]
		}
		if i < len(to) {
			after = to[i]
		}
		add, remove := without(after, before), without(before, after)
		for j := range max(len(add), len(remove)) {
			m := Move{Range: i}
			if j < len(add) {
				m.Add = add[j]
			}
			if j < len(remove) {
				m.Remove = remove[j]
			}
			moves = append(moves, m)
		}
	}
	return moves
}

// without returns the nodes of a that are not in b, in order.
func without(a, b []flow.NodeID) []flow.NodeID {
	var rest []flow.NodeID
	for _, id := range a {
		if !slices.Contains(b, id) {
			rest = append(rest, id)
		}
	}
	return rest
}
