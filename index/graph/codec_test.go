package graph_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cespare/xxhash/v2"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
)

func small(t testing.TB, n int) (graph.Config, *graph.Rows, []byte) {
	cfg := config(t, graph.Config{Dim: 4, Metric: flow.Euclid, M: 3, EfConstruct: 8, Quantization: flow.Int8})
	rows, _ := draw(cfg, n, 0, uniform(8, cfg.Dim))
	return cfg, rows, build(cfg, rows, 1<<30, nil).Append(nil)
}

// TestDecodeDamaged changes and cuts every byte.
func TestDecodeDamaged(t *testing.T) {
	cfg, rows, data := small(t, 60)
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 1 << (i % 8)
		for _, d := range [][]byte{damaged, data[:i]} {
			if _, err := graph.Decode(cfg, rows, d); flow.KindOf(err) != flow.Corrupt {
				t.Fatalf("byte %d of %d: %v", i, len(data), err)
			}
		}
	}
}

// TestDecodeForeign reads a graph over other rows or parameters.
func TestDecodeForeign(t *testing.T) {
	cfg, rows, data := small(t, 60)
	more, _ := draw(cfg, 61, 0, uniform(8, cfg.Dim))
	other, _ := draw(cfg, 60, 0, uniform(9, cfg.Dim))
	wider, dot := cfg, cfg
	wider.M = 4
	dot.Metric = flow.Dot
	for name, c := range map[string]struct {
		cfg  graph.Config
		rows *graph.Rows
	}{"one row more": {cfg, more}, "other rows": {cfg, other}, "other m": {wider, rows}, "other metric": {dot, rows}} {
		if _, err := graph.Decode(c.cfg, c.rows, data); flow.KindOf(err) != flow.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode gives foreign bytes a right checksum: what is read can be walked and is
// written again as it was.
func FuzzDecode(f *testing.F) {
	cfg, rows, data := small(f, 9) // a short seed: each change of it is then likely to matter
	f.Add(data[:len(data)-8])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		data = binary.LittleEndian.AppendUint64(bytes.Clone(data), xxhash.Sum64(data))
		g, err := graph.Decode(cfg, rows, data)
		if err != nil {
			if flow.KindOf(err) != flow.Corrupt {
				t.Fatal(err)
			}
			return
		}
		hits := graph.Walk([]graph.Part{{Graph: g}}, graph.Query{Vector: make(flow.Vector, cfg.Dim), K: 5, EF: 10}, &graph.Scratch{})
		if len(hits) == 0 {
			t.Fatal("no hits")
		}
	})
}
