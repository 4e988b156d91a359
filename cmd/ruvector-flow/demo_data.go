package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/cmd/ruvector-flow/dataset"
)

const (
	ownDataQueries = 50
	// maxOwnDataFloats bounds the vectors held in memory to compute the truth of a file.
	maxOwnDataFloats = 256 << 20
	// ownDataMinRecall leaves room for neighbours whose distances differ by less than float32 tells.
	ownDataMinRecall = 0.99
)

// demoFiles is what the demo loads and asks for.
type demoFiles struct {
	what      string
	base      string
	queries   []flow.Vector
	truth     *dataset.Truth
	minRecall float64
}

// prepareDemoData returns the shipped data, written to dir, or that of --data.
func prepareDemoData(data, dir string) (demoFiles, error) {
	if data == "" {
		return shippedData(dir)
	}
	info, err := os.Stat(data)
	if err != nil {
		return demoFiles{}, err
	}
	if info.IsDir() {
		return folderData(data)
	}
	return fileData(data)
}

func shippedData(dir string) (demoFiles, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return demoFiles{}, err
	}
	for name, data := range map[string]string{demoBaseFile: demoBase, demoQueriesFile: demoQueries, demoTruthFile: demoTruth} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			return demoFiles{}, err
		}
	}
	f := demoFiles{what: "Fashion-MNIST", minRecall: demoMinRecall}
	return f, f.open(filepath.Join(dir, demoBaseFile), filepath.Join(dir, demoQueriesFile), filepath.Join(dir, demoTruthFile))
}

// open reads queries and truth.
func (f *demoFiles) open(base, queries, truth string) (err error) {
	f.base = base
	if f.truth, err = dataset.OpenTruth(truth); err != nil {
		return err
	}
	r, err := dataset.Open(queries, "", dataset.Fields{Vector: dataset.DefaultFields().Vector})
	if err != nil {
		return err
	}
	f.queries, err = readQueries(r, min(f.truth.Len(), 1000))
	return errors.Join(err, r.Close())
}

// folderData finds the base, query and truth files of a folder by their names.
func folderData(dir string) (demoFiles, error) {
	find := func(what string, patterns ...string) (string, error) {
		var found []string
		for _, p := range patterns {
			names, err := filepath.Glob(filepath.Join(dir, p))
			if err != nil {
				return "", err
			}
			found = append(found, names...)
		}
		if len(found) != 1 {
			return "", fmt.Errorf("--data %s holds %s whose name is like %s, instead of one", dir, count(len(found), what), strings.Join(patterns, " or "))
		}
		return found[0], nil
	}
	base, err := find("base file", "train*", "*base*")
	if err != nil {
		return demoFiles{}, err
	}
	queries, err := find("query file", "t10k*", "*query*", "*queries*")
	if err != nil {
		return demoFiles{}, err
	}
	truth, err := find("truth file", "*.i32", "*.i32.gz", "*.ibin", "*.ibin.gz", "*.ivecs", "*.ivecs.gz")
	if err != nil {
		return demoFiles{}, err
	}
	f := demoFiles{what: filepath.Base(base), minRecall: ownDataMinRecall}
	return f, f.open(base, queries, truth)
}

// fileData takes some rows of a file as queries and computes their true neighbours.
func fileData(name string) (demoFiles, error) {
	r, err := dataset.Open(name, "", dataset.Fields{Vector: dataset.DefaultFields().Vector})
	if err != nil {
		return demoFiles{}, err
	}
	limit := maxOwnDataFloats / max(1, r.Dim())
	rows, err := readQueries(r, limit+1)
	if err = errors.Join(err, r.Close()); err != nil {
		return demoFiles{}, err
	}
	if len(rows) > limit {
		return demoFiles{}, fmt.Errorf("--data %s has more than %s rows; give a folder with queries and truth beside it", name, thousands(limit))
	}
	if len(rows) < demoK {
		return demoFiles{}, fmt.Errorf("--data %s has %s; the demo needs %d or more", name, count(len(rows), "row"), demoK)
	}
	f := demoFiles{what: filepath.Base(name), base: name, minRecall: ownDataMinRecall}
	step := max(1, len(rows)/ownDataQueries)
	for i := 0; i < len(rows) && len(f.queries) < ownDataQueries; i += step {
		f.queries = append(f.queries, rows[i])
	}
	f.truth = dataset.NewTruth(demoK, trueNeighbours(rows, f.queries, demoK))
	return f, nil
}

// trueNeighbours compares every query with every row, by squared L2 in float64.
func trueNeighbours(rows, queries []flow.Vector, k int) [][]uint32 {
	truth := make([][]uint32, len(queries))
	work := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for q := range work {
				truth[q] = nearest(rows, queries[q], k)
			}
		})
	}
	for q := range queries {
		work <- q
	}
	close(work)
	workers.Wait()
	return truth
}

func nearest(rows []flow.Vector, q flow.Vector, k int) []uint32 {
	type row struct {
		distance float64
		id       uint32
	}
	all := make([]row, len(rows))
	for i, v := range rows {
		sum := 0.0
		for j, x := range v {
			diff := float64(x) - float64(q[j])
			sum += diff * diff
		}
		all[i] = row{sum, uint32(i)}
	}
	slices.SortFunc(all, func(a, b row) int {
		switch {
		case a.distance < b.distance:
			return -1
		case a.distance > b.distance:
			return 1
		}
		return int(a.id) - int(b.id)
	})
	ids := make([]uint32, k)
	for i := range ids {
		ids[i] = all[i].id
	}
	return ids
}
