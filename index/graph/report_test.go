//go:build unix

package graph_test

import (
	"encoding/binary"
	"flag"
	"math"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/index/graph"
	"github.com/ruvector-flow/ruvector-flow/index/memory/offheap"
)

// The report measures a set of files: rows and queries (fbin), truth (ibin).
var (
	reportBase   = flag.String("base", "", "fbin file of rows")
	reportQuery  = flag.String("queries", "", "fbin file of queries")
	reportTruth  = flag.String("truth", "", "ibin file of the rows nearest to each query")
	reportMetric = flag.String("metric", "l2", "metric")
	reportQuant  = flag.String("quantization", "", "quantization")
	reportParts  = flag.Int("parts", 1, "number of graphs the rows are dealt to")
	reportEF     = flag.String("ef", "10,16,24,32,48,64,128,200,400", "ef of the walks")
	reportKeep   = flag.String("keep", "", "prefix of files that keep the graphs between runs")
	reportOver   = flag.Float64("oversampling", 0, "oversampling")
	reportPprof  = flag.String("walkprofile", "", "file for a profile of the walks")
	reportKernel = flag.String("kernel", "", "kernel of the walks, else the best")
	reportBridge = flag.Bool("bridges", false, "join the graphs by bridges")
	reportRepeat = flag.Int("repeat", 3, "passes over the queries; the best counts")
)

func readFile(t *testing.T, name string) (n, dim int, words []uint32) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n, dim = int(binary.LittleEndian.Uint32(data)), int(binary.LittleEndian.Uint32(data[4:]))
	words = make([]uint32, n*dim)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(data[8+4*i:])
	}
	return n, dim, words
}

func readVectors(t *testing.T, name string) []flow.Vector {
	t.Helper()
	n, dim, words := readFile(t, name)
	out := make([]flow.Vector, n)
	for i := range out {
		out[i] = make(flow.Vector, dim)
		for j := range out[i] {
			out[i][j] = math.Float32frombits(words[i*dim+j])
		}
	}
	return out
}

// cpu returns the CPU time of the process in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// TestReport prints recall, speed and cost on the files of the flags:
//
//	go test ./index/graph -run TestReport -v -base rows.fbin -queries queries.fbin -truth truth.ibin
func TestReport(t *testing.T) {
	if *reportBase == "" {
		t.Skip("no files named: -base, -queries, -truth")
	}
	if err := distance.Use(*reportKernel); err != nil {
		t.Fatal(err)
	}
	metric, err := flow.ParseMetric(*reportMetric)
	if err != nil {
		t.Fatal(err)
	}
	quantization, err := flow.ParseQuantization(*reportQuant)
	if err != nil {
		t.Fatal(err)
	}
	base, queries := readVectors(t, *reportBase), readVectors(t, *reportQuery)
	_, k, truth := readFile(t, *reportTruth)
	queries = queries[:min(len(queries), len(truth)/k)]
	var source offheap.Source
	cfg := config(t, graph.Config{Dim: len(base[0]), Metric: metric, Quantization: quantization, Memory: &source})
	if metric == flow.Cosine {
		for _, v := range append(base, queries...) {
			distance.Normalize(v, v)
		}
	}
	var parts []graph.Part
	for p := range *reportParts {
		parts = append(parts, graph.Part{Graph: reportGraph(t, cfg, base, p)})
	}
	if *reportBridge {
		var graphs []*graph.Graph
		for _, p := range parts {
			graphs = append(graphs, p.Graph)
		}
		start := cpu()
		bridging := graph.NewBridging(nil, graphs, 1)
		bridging.Step(math.MaxInt)
		reportBridges = bridging.Bridges()
		t.Logf("bridges %.2f CPU s, %d bytes", cpu()-start, reportBridges.Bytes())
	}
	if *reportPprof != "" {
		f, err := os.Create(*reportPprof)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			t.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	for ef := range strings.SplitSeq(*reportEF, ",") {
		ef, err := strconv.Atoi(ef)
		if err != nil {
			t.Fatal(err)
		}
		reportWalks(t, parts, queries, truth, k, ef)
	}
}

var reportBridges *graph.Bridges

// reportGraph builds the graph of every reportParts-th row, or reads it.
func reportGraph(t *testing.T, cfg graph.Config, base []flow.Vector, part int) *graph.Graph {
	rows := graph.NewRows(cfg, (len(base)-part+*reportParts-1) / *reportParts)
	for i := part; i < len(base); i += *reportParts {
		rows.Add(base[i], graph.LevelOf(uint64(i), cfg.M))
	}
	name := *reportKeep + strconv.Itoa(part) + "of" + strconv.Itoa(*reportParts)
	if data, err := os.ReadFile(name); err == nil && *reportKeep != "" {
		g, err := graph.Decode(cfg, rows, data)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	start := cpu()
	g := build(cfg, rows, 1<<30, nil)
	t.Logf("build %.2f CPU s, %d rows, %.1f + %.1f bytes a row, digest %x", cpu()-start, rows.Len(),
		float64(rows.Bytes())/float64(rows.Len()), float64(g.Bytes())/float64(rows.Len()), g.Digest())
	if *reportKeep != "" {
		if err := os.WriteFile(name, g.Append(nil), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func reportWalks(t *testing.T, parts []graph.Part, queries []flow.Vector, truth []uint32, k, ef int) {
	s, best, found := &graph.Scratch{}, math.Inf(1), 0
	for range *reportRepeat {
		found = 0
		start := cpu()
		for i, q := range queries {
			for _, h := range graph.Walk(parts, graph.Query{Vector: q, K: 10, EF: ef, Oversampling: *reportOver, Bridges: reportBridges}, s) {
				id := uint32(h.Part + int(h.Row)**reportParts)
				for _, want := range truth[i*k:][:10] {
					if want == id {
						found++
					}
				}
			}
		}
		best = min(best, cpu()-start)
	}
	n := float64(len(queries))
	t.Logf("ef %3d recall %.4f qps %.0f dist %.0f hops %.0f", ef, float64(found)/10/n, n/best,
		float64(s.Stats.Distances)/n/float64(*reportRepeat), float64(s.Stats.Hops)/n/float64(*reportRepeat))
}
