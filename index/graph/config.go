package graph

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/memory"
)

// The limits of M and EfConstruct.
const (
	minM, maxM                     = 2, 128
	minEfConstruct, maxEfConstruct = 4, 4096
)

// Config says what a graph is over and how it is built. Graphs built from the same
// rows under the same Config, but for Memory, are the same to the last bit.
type Config struct {
	// Dim is the number of components of every vector, 1 to flow.MaxDim.
	Dim int
	// Metric is how nearness is measured.
	Metric flow.Metric
	// M is how many links a row has in each upper layer; it has up to twice as many in the
	// lowest. 2 to 128, 0 for 16. More links need more memory and find more.
	M int
	// EfConstruct is how many candidates the search for a new row's links keeps: 4 to
	// 4096, 0 for 200. More give better links and a slower build.
	EfConstruct int
	// Quantization says on what a walk measures distances; those of its hits are always of
	// the float32 rows.
	Quantization flow.Quantization
	// Memory is where rows and links lie; nil for the Go heap.
	Memory memory.Source
}

// WithDefaults returns the Config with its zeros replaced, or InvalidArgument.
func (c Config) WithDefaults() (Config, error) {
	if c.M == 0 {
		c.M = 16
	}
	if c.EfConstruct == 0 {
		c.EfConstruct = 200
	}
	if c.Memory == nil {
		c.Memory = memory.Heap{}
	}
	const op = "graph.WithDefaults"
	switch {
	case c.Dim < 1 || c.Dim > flow.MaxDim:
		return c, flow.Errorf(flow.InvalidArgument, op, "dimension %d is not in 1..%d", c.Dim, flow.MaxDim)
	case !c.Metric.Valid():
		return c, flow.Errorf(flow.InvalidArgument, op, "metric %d is not one of the metrics", c.Metric)
	case c.M < minM || c.M > maxM:
		return c, flow.Errorf(flow.InvalidArgument, op, "m %d is not in %d..%d", c.M, minM, maxM)
	case c.EfConstruct < minEfConstruct || c.EfConstruct > maxEfConstruct:
		return c, flow.Errorf(flow.InvalidArgument, op, "ef_construct %d is not in %d..%d", c.EfConstruct, minEfConstruct, maxEfConstruct)
	case !c.Quantization.Valid():
		return c, flow.Errorf(flow.InvalidArgument, op, "quantization %d is not one of the quantizations", c.Quantization)
	}
	return c, nil
}

// degree returns how many links a node of a layer has at most.
func (c Config) degree(layer int) int {
	if layer == 0 {
		return 2 * c.M
	}
	return c.M
}
