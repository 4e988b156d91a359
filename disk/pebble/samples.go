package pebble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sort"

	pdb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
)

const (
	// maxSamples bounds the samples of a table.
	maxSamples = 256
	// firstKeys is the name of the blocks' first keys among a table's properties.
	firstKeys = "flow.first-keys"
)

// samples tell where in a table its bytes lie: each begins with the first key of a block
// and counts the blocks from there to the next. Pebble's own estimate takes the block that
// a range ends in for the range's, even where nothing of the range is in it, and one block
// may hold a log entry of half a megabyte.
type samples struct {
	starts [][]byte
	// sums has one more than starts: the bytes of the samples before.
	sums []uint64
}

// within returns the bytes of the samples that begin in [lo, hi), and of those the bytes
// that surely lie in it. A sample begins in one of two disjoint ranges alone.
func (s *samples) within(lo, hi []byte) (bytes, surely uint64) {
	i, j := s.search(lo), s.search(hi)
	bytes = s.sums[j] - s.sums[i]
	if surely = bytes; i < j && j < len(s.starts) {
		surely = s.sums[j-1] - s.sums[i]
	}
	return bytes, surely
}

func (s *samples) search(key []byte) int {
	return sort.Search(len(s.starts), func(i int) bool { return bytes.Compare(s.starts[i], key) >= 0 })
}

func (s *samples) total() uint64 { return s.sums[len(s.sums)-1] }

// oneSample takes a whole table for a sample.
func oneSample(smallest []byte) *samples {
	return &samples{starts: [][]byte{bytes.Clone(smallest)}, sums: []uint64{0, 1}}
}

// newSamples makes samples of a table's blocks: each has a part in maxSamples/2 of the
// bytes at least, so there are at most maxSamples and a block that is larger has its own.
func newSamples(keys [][]byte, sizes []uint64) *samples {
	s := &samples{sums: []uint64{0}}
	var total, sum uint64
	for _, n := range sizes {
		total += n
	}
	least := total / (maxSamples / 2)
	for i, n := range sizes {
		if last := len(s.starts) - 1; last < 0 || n > least || sum-s.sums[last] > least {
			s.starts, s.sums = append(s.starts, keys[i]), append(s.sums, sum)
		}
		sum += n
		s.sums[len(s.starts)] = sum
	}
	return s
}

// readSamples reads a table's properties and index from its file. A table of before there
// were first keys is one sample.
func (s *Store) readSamples(number uint64, smallest []byte) (made *samples, err error) {
	f, err := s.opts.FS.Open(filepath.Join(s.dir, fmt.Sprintf("%06d.sst", number)))
	if err != nil {
		return nil, err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := sstable.NewReader(context.Background(), readable, s.sizes.reader)
	if err != nil {
		return nil, err // it has closed the file
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	properties, err := r.ReadPropertiesBlock(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	layout, err := r.Layout()
	if err != nil {
		return nil, err
	}
	property := properties.UserProperties[firstKeys]
	keys := decodeKeys(property[min(1, len(property)):]) // Pebble puts a byte before it
	if len(keys) == 0 || len(keys) != len(layout.Data) {
		return oneSample(smallest), nil
	}
	sizes := make([]uint64, len(keys))
	for i := range sizes {
		sizes[i] = layout.Data[i].Length
	}
	return newSamples(keys, sizes), nil
}

// decodeKeys reads what FinishTable wrote, nil if it is not that.
func decodeKeys(property string) (keys [][]byte) {
	var key []byte
	for b := []byte(property); len(b) > 0; {
		shared, n := binary.Uvarint(b)
		own, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || shared > uint64(len(key)) || own > uint64(len(b)-n-m) {
			return nil
		}
		b = b[n+m:]
		key = append(bytes.Clone(key[:shared]), b[:own]...)
		b = b[own:]
		keys = append(keys, key)
	}
	return keys
}

// keyCollector collects the first keys of the blocks of a table that is being written.
type keyCollector struct {
	keys   [][]byte
	inside bool // a block has begun
}

func newKeyCollector() pdb.BlockPropertyCollector { return &keyCollector{} }

// Name implements pdb.BlockPropertyCollector.
func (c *keyCollector) Name() string { return firstKeys }

// AddPointKey implements pdb.BlockPropertyCollector.
func (c *keyCollector) AddPointKey(key pdb.InternalKey, _ []byte) error {
	if !c.inside {
		c.keys, c.inside = append(c.keys, bytes.Clone(key.UserKey)), true
	}
	return nil
}

// FinishDataBlock implements pdb.BlockPropertyCollector.
func (c *keyCollector) FinishDataBlock(buf []byte) ([]byte, error) {
	c.inside = false
	return buf, nil
}

// FinishTable implements pdb.BlockPropertyCollector.
func (c *keyCollector) FinishTable(buf []byte) ([]byte, error) {
	var before []byte
	for _, key := range c.keys {
		shared := 0
		for shared < min(len(key), len(before)) && key[shared] == before[shared] {
			shared++
		}
		buf = binary.AppendUvarint(buf, uint64(shared))
		buf = binary.AppendUvarint(buf, uint64(len(key)-shared))
		buf, before = append(buf, key[shared:]...), key
	}
	return buf, nil
}

// AddRangeKeys implements pdb.BlockPropertyCollector.
func (c *keyCollector) AddRangeKeys(sstable.Span) error { return nil }

// AddCollectedWithSuffixReplacement implements pdb.BlockPropertyCollector.
func (c *keyCollector) AddCollectedWithSuffixReplacement(_, _, _ []byte) error { return nil }

// SupportsSuffixReplacement implements pdb.BlockPropertyCollector.
func (c *keyCollector) SupportsSuffixReplacement() bool { return false }

// AddPrevDataBlockToIndexBlock implements pdb.BlockPropertyCollector.
func (c *keyCollector) AddPrevDataBlockToIndexBlock() {}

// FinishIndexBlock implements pdb.BlockPropertyCollector.
func (c *keyCollector) FinishIndexBlock(buf []byte) ([]byte, error) { return buf, nil }

// inMemory is a filter that no table with first keys passes: what an iterator with it meets
// is in memory alone. What older tables add is bounded by who asks.
type inMemory struct{}

// Name implements pdb.BlockPropertyFilter.
func (inMemory) Name() string { return firstKeys }

// Intersects implements pdb.BlockPropertyFilter.
func (inMemory) Intersects([]byte) (bool, error) { return false, nil }

// SyntheticSuffixIntersects implements pdb.BlockPropertyFilter.
func (inMemory) SyntheticSuffixIntersects(_, _ []byte) (bool, error) { return false, nil }
