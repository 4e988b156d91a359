package index

import (
	"math/rand/v2"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// TestEstimate: an index takes about what is estimated.
func TestEstimate(t *testing.T) {
	const rows, tolerance = 3000, 0.05
	for _, cfg := range []Config{
		{Dim: 32, Metric: flow.Euclid}, {Dim: 100, Metric: flow.Cosine, M: 8}, {Dim: 100, Metric: flow.Dot, M: 32},
		{Dim: 96, Metric: flow.Cosine, Quantization: flow.Int8}, {Dim: 130, Metric: flow.Euclid, Quantization: flow.Binary}, {Dim: 7, Metric: flow.Manhattan},
	} {
		cfg.EfConstruct = 16
		x, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, uint64(cfg.Dim)))
		v := make(flow.Vector, cfg.Dim)
		for i := range uint64(rows) {
			for j := range v {
				v[j] = r.Float32() - 0.5
			}
			x.Insert(i, flow.NumberID(i), v)
		}
		x.Cut(1)
		b := x.Builder(1)
		for !b.Step(1000, nil) {
		}
		if !x.Attach(b.Built()) {
			t.Fatal("the graph does not fit")
		}
		want, err := Estimate(cfg, rows, 9)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Bytes(); float64(got) < float64(want)*(1-tolerance) || float64(got) > float64(want)*(1+tolerance) {
			t.Errorf("%+v: %d bytes a row, estimated %d", cfg, got/rows, want/rows)
		}
	}
	if _, err := Estimate(Config{}, 1, 9); flow.KindOf(err) != flow.InvalidArgument {
		t.Errorf("of no configuration: %v", err)
	}
}
