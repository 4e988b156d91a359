package main

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// writeWords writes little-endian 32-bit words to a file, gzipped if its name says so.
func writeWords(t *testing.T, file string, words []uint32) string {
	t.Helper()
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	if strings.HasSuffix(file, ".gz") {
		var zipped strings.Builder
		z := gzip.NewWriter(&zipped)
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		b = []byte(zipped.String())
	}
	path := filepath.Join(t.TempDir(), file)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// randomRows returns n rows of dim components, by a seed.
func randomRows(seed uint64, n, dim int) []flow.Vector {
	r := rand.New(rand.NewPCG(seed, 1))
	rows := make([]flow.Vector, n)
	for i := range rows {
		for range dim {
			rows[i] = append(rows[i], float32(r.NormFloat64()))
		}
	}
	return rows
}

func fbinWords(rows []flow.Vector) []uint32 {
	words := []uint32{uint32(len(rows)), uint32(len(rows[0]))}
	for _, row := range rows {
		for _, x := range row {
			words = append(words, math.Float32bits(x))
		}
	}
	return words
}

func fvecsWords(rows []flow.Vector) []uint32 {
	var words []uint32
	for _, row := range rows {
		words = append(words, uint32(len(row)))
		for _, x := range row {
			words = append(words, math.Float32bits(x))
		}
	}
	return words
}

func benchIndexJSON(t *testing.T, args ...string) indexReport {
	t.Helper()
	out, errOut, code := cli(t, append([]string{"bench", "index", "--format", "json"}, args...)...)
	var r indexReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitOK {
		t.Fatalf("exit code %d, stdout %q, stderr %q, error %v", code, out, errOut, err)
	}
	return r
}

// TestBenchIndex measures small files and looks at what can be known of the figures.
func TestBenchIndex(t *testing.T) {
	const rows, dim, queries = 10000, 8, 40
	data := writeWords(t, "base.fbin.gz", fbinWords(randomRows(1, rows, dim)))
	asked := writeWords(t, "queries.fvecs", fvecsWords(randomRows(2, queries, dim)))
	r := benchIndexJSON(t, "--data", data, "--queries", asked, "--ef", "10, 100", "--metric", "cosine", "-k", "5")
	if len(r.Rows) != 2 || r.Rows[0].EF != 10 || r.Rows[1].EF != 100 || r.Vectors != rows || r.Queries != queries || r.K != 5 {
		t.Fatalf("report %+v", r)
	}
	low, high := r.Rows[0], r.Rows[1]
	if high.Recall < .99 || low.Recall > high.Recall || low.Recall < .3 {
		t.Errorf("recall %v with ef 10, %v with ef 100, over the true neighbours that the command computed", low.Recall, high.Recall)
	}
	if low.Distances < 10 || low.Distances >= high.Distances || high.Distances > rows || low.Hops < 5 || low.Hops >= high.Hops {
		t.Errorf("distances and hops of ef 10: %v, %v; of ef 100: %v, %v", low.Distances, low.Hops, high.Distances, high.Hops)
	}
	if low.Scanned != 0 {
		t.Errorf("%v rows compared one by one in a search with ef 10 of %d", low.Scanned, rows)
	}
	if low.QPSPerCore <= 0 || r.BuildCPUSeconds <= 0 {
		t.Errorf("QPS per core %v, CPU seconds of the build %v", low.QPSPerCore, r.BuildCPUSeconds)
	}
	if r.BytesPerVector < 4*dim || r.BytesBeyondFloats != r.BytesPerVector-4*dim {
		t.Errorf("%v bytes a vector, %v of them more than its floats", r.BytesPerVector, r.BytesBeyondFloats)
	}
	for _, e := range r.Exact {
		if e.Recall != 1 || e.QPSPerCore <= 0 {
			t.Errorf("exact scan: %+v", e)
		}
	}
	if len(r.Exact) != 2 || r.Exact[0].QueriesAPass != 1 || r.Exact[1].QueriesAPass != 64 {
		t.Errorf("exact scans: %+v", r.Exact)
	}
}

// TestBenchIndexShards compares shards with one index; the truth covers a part of the queries.
func TestBenchIndexShards(t *testing.T) {
	const rows, dim, queries, covered = 600, 16, 30, 20
	base, asked := randomRows(3, rows, dim), randomRows(4, queries, dim)
	for _, v := range append(slices.Clone(base), asked...) {
		for i := range v {
			v[i] = float32(math.Round(float64(v[i]) * 100)) // nearestRows computes on whole numbers
		}
	}
	truth := []uint32{covered, 3}
	for _, q := range asked[:covered] {
		truth = append(truth, nearestRows(base, q, 3)...)
	}
	r := benchIndexJSON(t, "--data", writeWords(t, "base.fvecs", fvecsWords(base)), "--queries", writeWords(t, "q.fbin", fbinWords(asked)),
		"--truth", writeWords(t, "truth.ibin.gz", truth), "-k", "3", "--ef", "200", "--shards", "4", "--against-one", "--threads", "2", "--quantization", "int8")
	if r.Queries != covered || r.Shards != 4 || r.OneShard == nil || r.OneShard.Shards != 1 || r.Rows[0].Ratio <= 0 {
		t.Fatalf("report %+v", r)
	}
	for _, row := range []indexRow{r.Rows[0], r.OneShard.Rows[0]} {
		if row.Recall < .95 {
			t.Errorf("recall %v with ef 200 of %d rows", row.Recall, rows)
		}
	}
	if r.Exact[0].Recall != 1 || r.Exact[1].Recall != 1 {
		t.Errorf("exact scans find %v and %v of the true neighbours", r.Exact[0].Recall, r.Exact[1].Recall)
	}
}

func TestBenchIndexRefusals(t *testing.T) {
	data := writeWords(t, "base.fbin", fbinWords(randomRows(5, 20, 4)))
	wide := writeWords(t, "wide.fbin", fbinWords(randomRows(6, 3, 5)))
	truth := writeWords(t, "truth.ibin", []uint32{1, 2, 20, 0})
	for line, want := range map[string]string{
		"--data D --queries W":                    "row 0 has 4 components, the queries have 5",
		"--data D --queries D --truth T -k 2":     "names row 20, but",
		"--data D --queries D --truth T -k 3":     "-k is 3, but",
		"--data D --queries D -k 21":              "20 rows are fewer",
		"--data /does/not/exist.fbin --queries D": "no such file",
	} {
		line = strings.NewReplacer(" D", " "+data, " W", " "+wide, " T", " "+truth).Replace(line)
		out, errOut, code := cli(t, append([]string{"bench", "index"}, strings.Fields(line)...)...)
		if last := errOut[strings.LastIndex(strings.TrimSpace(errOut), "\n")+1:]; code != exitError || out != "" || !strings.Contains(last, want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want %q", line, code, out, errOut, want)
		}
	}
}

func TestBenchIndexWrongLines(t *testing.T) {
	for line, want := range map[string]string{
		"bench index --data a":                                "missing flag: --queries",
		"bench index --data a --queries b --metric taxi":      `--metric: distance "taxi" is not one of`,
		"bench index --data a --queries b --quantization pq":  `--quantization: quantization "pq" is not one of`,
		"bench index --data a --queries b --ef 10,x":          `--ef: "x" is not a number`,
		"bench index --data a --queries b --m 1":              "m 1 is not in 2..128",
		"bench index --data a --queries b --shards 0":         "--shards is 0",
		"bench index --data a --queries b --input-format csv": "--input-format: ",
	} {
		checkWrongLine(t, line, want)
	}
}

func TestBenchIndexTable(t *testing.T) {
	r := &indexReport{BuildCPUSeconds: 34.2, BuildSeconds: 17.5, BytesPerVector: 3290.4, BytesBeyondFloats: 154.4, Vectors: 60000, Dim: 784,
		K: 10, Metric: "Euclid", Quantization: "int8", M: 16, EfConstruct: 200, Threads: 2, Shards: 1, Kernel: "avx2",
		Rows:  []indexRow{{EF: 10, Recall: .9, speed: speed{8000, 16000}, Distances: 280, Hops: 19}, {EF: 32, Recall: .992, speed: speed{4000, 8000}, Distances: 643, Hops: 40}},
		Exact: []exactRow{{QueriesAPass: 1, Recall: 1, speed: speed{QPSPerCore: 85}}}}
	r.summarise()
	var out strings.Builder
	if err := (&app{out: &out, format: formatTable}).printIndexBench(r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"60,000 of 784 components, Euclid", "34.2 CPU s, 17.5 s on 2 threads", "3290 bytes a vector, 154 more than its floats",
		fmt.Sprintf("%-15s  %-9s  %-12s  %s", "32", "0.9920", "4,000", "8,000"), "exact, 1 a pass", "at recall"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	// .95 lies on the line from (.9, 8000) to (.992, 4000); no row reaches .995.
	if len(r.AtRecall) != 2 || math.Abs(r.AtRecall[0].QPSPerCore-(8000-4000*.05/.092)) > 1e-6 {
		t.Errorf("at recall: %+v", r.AtRecall)
	}
}
