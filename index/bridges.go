package index

import "github.com/ruvector-flow/ruvector-flow/index/graph"

// BridgedRows is how many rows are worth bridges: a smaller graph has sketches of most rows.
const BridgedRows = 2048

// Bridges join the graphs of several views, for searches through all of them: they lead
// from what is near in one to what is near in the others. See graph.Bridges. A host
// builds them, gives them with each Query, and builds them anew when the graphs have
// changed; until then those of the old ones do no harm.
type Bridges = graph.Bridges

// Bridging builds Bridges in slices.
type Bridging = graph.Bridging

// NewBridging returns what builds the bridges between those graphs of the views, all of
// one Config, that have at least so many rows, or nil if those that there are need no
// change. It takes about a twentieth of the work of building the graphs.
func NewBridging(have *Bridges, views []*View, least int) *Bridging {
	var graphs []*graph.Graph
	for _, v := range views {
		for _, b := range v.sealed {
			if b.graph != nil {
				graphs = append(graphs, b.graph)
			}
		}
	}
	return graph.NewBridging(have, graphs, least)
}
