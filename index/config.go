package index

import flow "github.com/ruvector-flow/ruvector-flow"

// Config says what an Index holds and how its graphs are built. All of it is part of
// what makes a segment's bytes.
type Config struct {
	// Dim is the number of components of every vector, 1 to flow.MaxDim.
	Dim int
	// Metric is how nearness is measured.
	Metric flow.Metric
	// M is the number of links a row has in the upper layers of a graph, and half of that
	// at the bottom, flow.MinM to flow.MaxM; 0 is flow.DefaultM. More cost memory and find more.
	M int
	// EfConstruct is how many rows are considered for a row's links, flow.MinEfConstruct to
	// flow.MaxEfConstruct; 0 is flow.DefaultEfConstruct. More cost time in building and find more.
	EfConstruct int
	// Quantization is the form of the vectors that a graph is walked on; what the walk
	// finds is compared again in full.
	Quantization flow.Quantization
}

func (c *Config) validate() error {
	if c.Dim < 1 || c.Dim > flow.MaxDim {
		return flow.Errorf(flow.InvalidArgument, "index.New", "dimension %d is not in 1..%d", c.Dim, flow.MaxDim)
	}
	if !c.Metric.Valid() {
		return flow.Errorf(flow.InvalidArgument, "index.New", "metric %d is not one of the metrics", c.Metric)
	}
	params := flow.IndexParams{M: c.M, EfConstruct: c.EfConstruct, Quantization: c.Quantization}.WithDefaults()
	if err := params.Check(); err != nil {
		return err
	}
	c.M, c.EfConstruct = params.M, params.EfConstruct
	return nil
}
