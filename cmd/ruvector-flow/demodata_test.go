package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/cmd/ruvector-flow/dataset"
)

// The demo's data are rebuilt, from the files that Fashion-MNIST publishes, by
//
//	go test ./cmd/ruvector-flow -run TestDemoData -demo-data-from DIR
var demoDataFrom = flag.String("demo-data-from", "", "rebuild demodata from the Fashion-MNIST image files in this folder")

const (
	demoRows       = 5000
	demoQueryCount = 200
	demoTruthK     = 100
)

func TestDemoDataTruthIsExact(t *testing.T) {
	if *demoDataFrom != "" {
		rebuildDemoData(t, *demoDataFrom)
	}
	if testing.Short() {
		t.Skip("computes 200 x 5,000 distances")
	}
	base := readVectors(t, "demodata/"+demoBaseFile, demoRows)
	queries := readVectors(t, "demodata/"+demoQueriesFile, demoQueryCount)
	truth, err := dataset.OpenTruth("demodata/" + demoTruthFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(base) != demoRows || len(queries) != demoQueryCount || truth.Len() != demoQueryCount || truth.K != demoTruthK {
		t.Fatalf("demodata holds %d rows, %d queries and a truth of %d x %d", len(base), len(queries), truth.Len(), truth.K)
	}
	for q := range queries {
		if want := nearestRows(base, queries[q], demoTruthK); !slices.Equal(want, truth.Row(q)) {
			t.Fatalf("query %d: the truth file says %v, the distances say %v", q, truth.Row(q)[:10], want[:10])
		}
	}
}

func rebuildDemoData(t *testing.T, dir string) {
	base := readVectors(t, filepath.Join(dir, "train-images-idx3-ubyte.gz"), demoRows)
	queries := readVectors(t, filepath.Join(dir, "t10k-images-idx3-ubyte.gz"), demoQueryCount)
	var truth []byte
	truth = binary.LittleEndian.AppendUint32(truth, demoQueryCount)
	truth = binary.LittleEndian.AppendUint32(truth, demoTruthK)
	for _, q := range queries {
		for _, id := range nearestRows(base, q, demoTruthK) {
			truth = binary.LittleEndian.AppendUint32(truth, id)
		}
	}
	writeZipped(t, demoBaseFile, imageFile(base))
	writeZipped(t, demoQueriesFile, imageFile(queries))
	writeZipped(t, demoTruthFile, truth)
}

func readVectors(t *testing.T, file string, limit int) []flow.Vector {
	t.Helper()
	r, err := dataset.Open(file, "", dataset.Fields{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []flow.Vector
	for len(all) < limit {
		var row dataset.Row
		if err := r.Next(&row); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, row.Vector)
	}
	return all
}

// nearestRows returns the k rows nearest to q by squared L2 in integers, ties by row.
func nearestRows(base []flow.Vector, q flow.Vector, k int) []uint32 {
	keys := make([]uint64, len(base))
	for i, row := range base {
		var sum uint64
		for j, x := range row {
			d := int64(x) - int64(q[j])
			sum += uint64(d * d)
		}
		keys[i] = sum<<32 | uint64(i)
	}
	slices.Sort(keys)
	ids := make([]uint32, k)
	for i := range ids {
		ids[i] = uint32(keys[i])
	}
	return ids
}

func imageFile(rows []flow.Vector) []byte {
	b := []byte{0, 0, 8, 3}
	for _, n := range []int{len(rows), 28, 28} {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, row := range rows {
		for _, x := range row {
			b = append(b, byte(x))
		}
	}
	return b
}

func writeZipped(t *testing.T, name string, data []byte) {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("demodata", name), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
