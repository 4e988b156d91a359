package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// maxTruthBytes bounds a truth file, which is held in memory.
const maxTruthBytes = 1 << 30

// Truth holds, for each query, the ids of its true nearest neighbours, nearest first.
type Truth struct {
	// K is the number of neighbours of every query.
	K    int
	rows int
	ids  []uint32
}

// Len is the number of queries.
func (t *Truth) Len() int { return t.rows }

// Row returns the K neighbours of a query.
func (t *Truth) Row(query int) []uint32 { return t.ids[query*t.K : (query+1)*t.K] }

// MaxID is the largest id named, 0 when there is none.
func (t *Truth) MaxID() uint32 {
	var m uint32
	for _, id := range t.ids {
		m = max(m, id)
	}
	return m
}

// OpenTruth reads a file of ground truth, gzipped or not: x.ivecs holds for each query
// an int32 k and k int32 ids; an npy file, told from its first bytes, is an array of integers
// with a row for each query; every other file holds int32 queries, int32 k and then
// queries*k int32 ids, all little-endian. As many float32 distances may follow and are not used.
func OpenTruth(name string) (*Truth, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	ivecs := path.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz")) == ".ivecs"
	t, err := ReadTruth(f, ivecs)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, flow.Errorf(flow.InvalidArgument, "dataset.OpenTruth", "%s: %v", name, err)
	}
	return t, nil
}

// ReadTruth reads ground truth from a stream; see OpenTruth.
func ReadTruth(in io.Reader, ivecs bool) (*Truth, error) {
	p, err := plain(in)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(p, maxTruthBytes+1))
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte(npyMagic)) {
		return truthOfNpy(bytes.NewReader(data))
	}
	if len(data) > maxTruthBytes || len(data)%4 != 0 || len(data) < 4 {
		return nil, fmt.Errorf("%d bytes are no file of ground truth", len(data))
	}
	words := make([]uint32, len(data)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	if ivecs {
		return truthOfIvecs(words)
	}
	if len(words) < 2 {
		return nil, errors.New("the header is cut short")
	}
	rows, k := uint64(words[0]), uint64(words[1])
	words = words[2:]
	if rows == 0 || k == 0 || rows > uint64(len(words)) || k > uint64(len(words)) ||
		uint64(len(words)) != rows*k && uint64(len(words)) != 2*rows*k {
		return nil, fmt.Errorf("the header states %d queries of %d ids, but %d words follow", rows, k, len(words))
	}
	return &Truth{K: int(k), rows: int(rows), ids: words[:rows*k]}, nil
}

// truthOfNpy reads an array of integers with a row for each query.
func truthOfNpy(in *bytes.Reader) (*Truth, error) {
	a, err := readNpyHeader(in)
	if err != nil {
		return nil, err
	}
	size := map[string]int64{"<i4": 4, "<u4": 4, "<i8": 8, "<u8": 8}[a.descr]
	if size == 0 {
		return nil, fmt.Errorf("the npy array holds %q; a truth of <i4, <u4, <i8 or <u8 can be read", a.descr)
	}
	// Divided, not multiplied: a product could wrap around.
	if a.rows < 1 || a.dim < 1 || int64(in.Len())/size/a.rows != a.dim || int64(in.Len())%(size*a.rows) != 0 {
		return nil, fmt.Errorf("the npy header states %d queries of %d ids, but %d bytes follow", a.rows, a.dim, in.Len())
	}
	t := &Truth{K: int(a.dim), rows: int(a.rows), ids: make([]uint32, a.rows*a.dim)}
	id := make([]byte, 8)
	for i := range t.ids {
		if _, err := io.ReadFull(in, id[:size]); err != nil {
			return nil, err
		}
		x := binary.LittleEndian.Uint64(id)
		if x > math.MaxUint32 {
			return nil, fmt.Errorf("id %d of query %d is %d, no row number", i%t.K, i/t.K, int64(x))
		}
		t.ids[i] = uint32(x)
	}
	return t, nil
}

func truthOfIvecs(words []uint32) (*Truth, error) {
	k := int(words[0])
	if k < 1 || len(words)%(k+1) != 0 {
		return nil, fmt.Errorf("the first row states %d ids, which does not divide the file", k)
	}
	t := &Truth{K: k, rows: len(words) / (k + 1)}
	for i := range t.rows {
		row := words[i*(k+1) : (i+1)*(k+1)]
		if int(row[0]) != k {
			return nil, fmt.Errorf("row %d has %d ids, the first has %d", i, row[0], k)
		}
		t.ids = append(t.ids, row[1:]...)
	}
	return t, nil
}

// NewTruth returns the truth whose rows each hold k ids.
func NewTruth(k int, rows [][]uint32) *Truth {
	t := &Truth{K: k, rows: len(rows)}
	for _, row := range rows {
		t.ids = append(t.ids, row[:k]...)
	}
	return t
}
