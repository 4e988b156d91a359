package pebble

import (
	"bytes"
	"errors"

	pdb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// smallRangeBytes is the size in tables up to which a range is measured by its live rows:
// Pebble knows sizes by blocks, of which it counts one for a range of a few bytes.
const smallRangeBytes = 4 * blockBytes

// Size implements disk.Snapshot. Tables are measured by their indexes, which Pebble keeps
// in memory; of rows only those are read that no table holds yet, or that are few.
func (n *snapshot) Size(lo, hi []byte) (uint64, error) {
	const op, what = "pebble.Size", "measure a range"
	if err := n.enter(op); err != nil {
		return 0, err
	}
	defer n.leave()
	if bytes.Compare(lo, hi) >= 0 {
		return 0, nil
	}
	tables, err := n.store.db.EstimateDiskUsage(lo, hi)
	if err != nil {
		return 0, readError(op, what, err)
	}
	limit := n.store.unflushedBytes()
	unflushed, _, err := n.sum(lo, hi, limit, &pdb.IterOptions{PointKeyFilters: []pdb.BlockPropertyFilter{tableMark{}}})
	if err != nil || tables == 0 {
		return unflushed, err
	}
	if tables > smallRangeBytes {
		return tables + unflushed, nil
	}
	live, whole, err := n.sum(lo, hi, tables+unflushed, &pdb.IterOptions{})
	if err != nil || !whole {
		return tables + unflushed, err
	}
	return live, nil
}

// sum adds up the lengths of keys and values of live rows until there are limit bytes,
// and says whether those are all.
func (n *snapshot) sum(lo, hi []byte, limit uint64, o *pdb.IterOptions) (total uint64, whole bool, err error) {
	o.LowerBound, o.UpperBound = lo, hi
	if len(lo) == 0 {
		o.LowerBound = nil // Pebble's own checks fall over an empty bound
	}
	it, err := n.snap.NewIter(o)
	if err == nil {
		for ok := it.First(); ok && total < limit; ok = it.Next() {
			value := it.LazyValue()
			total += uint64(len(it.Key()) + value.Len())
		}
		whole = !it.Valid()
		err = errors.Join(it.Error(), it.Close())
	}
	if err != nil {
		return 0, false, readError("pebble.Size", "read a range", err)
	}
	return min(total, limit), whole, nil
}

// tableMark is a property that every table has, and a filter that no table with it passes:
// what an iterator with the filter meets is in memory alone. Tables written before there
// was a mark pass; what they add is bounded by Size.
type tableMark struct{}

func newTableMark() pdb.BlockPropertyCollector { return tableMark{} }

// Name implements both.
func (tableMark) Name() string { return "flow.table" }

// Intersects implements pdb.BlockPropertyFilter.
func (tableMark) Intersects([]byte) (bool, error) { return false, nil }

// SyntheticSuffixIntersects implements pdb.BlockPropertyFilter.
func (tableMark) SyntheticSuffixIntersects(_, _ []byte) (bool, error) { return false, nil }

// AddPointKey implements pdb.BlockPropertyCollector.
func (tableMark) AddPointKey(pdb.InternalKey, []byte) error { return nil }

// AddRangeKeys implements pdb.BlockPropertyCollector.
func (tableMark) AddRangeKeys(sstable.Span) error { return nil }

// AddCollectedWithSuffixReplacement implements pdb.BlockPropertyCollector.
func (tableMark) AddCollectedWithSuffixReplacement(_, _, _ []byte) error { return nil }

// SupportsSuffixReplacement implements pdb.BlockPropertyCollector.
func (tableMark) SupportsSuffixReplacement() bool { return true }

// FinishDataBlock implements pdb.BlockPropertyCollector.
func (tableMark) FinishDataBlock(buf []byte) ([]byte, error) { return buf, nil }

// AddPrevDataBlockToIndexBlock implements pdb.BlockPropertyCollector.
func (tableMark) AddPrevDataBlockToIndexBlock() {}

// FinishIndexBlock implements pdb.BlockPropertyCollector.
func (tableMark) FinishIndexBlock(buf []byte) ([]byte, error) { return buf, nil }

// FinishTable implements pdb.BlockPropertyCollector.
func (tableMark) FinishTable(buf []byte) ([]byte, error) { return buf, nil }
