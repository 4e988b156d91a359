package pebble

import (
	"bytes"
	"errors"
	"sync"

	pdb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// smallRangeBytes is up to which a range is measured by its live rows.
const smallRangeBytes = 2 * blockBytes

// sizes keeps the samples of the tables, which never change.
type sizes struct {
	reader sstable.ReaderOptions

	mu    sync.Mutex // guards known
	known map[uint64]*samples
}

// table is a table at the time of a look at them.
type table struct {
	*samples
	bytes uint64
	// lo and hi bound the part of the file that counts, if not all does; hi is included.
	lo, hi []byte
}

// within returns what the table adds to the size of a range, and what surely is of it.
func (t *table) within(lo, hi []byte) (size, surely float64) {
	all := t.total()
	if t.lo != nil {
		end := append(bytes.Clone(t.hi), 0)
		all, _ = t.samples.within(t.lo, end)
		if bytes.Compare(lo, t.lo) < 0 {
			lo = t.lo
		}
		if bytes.Compare(hi, end) > 0 {
			hi = end
		}
		if all == 0 || bytes.Compare(lo, hi) >= 0 {
			return 0, 0
		}
	}
	n, m := t.samples.within(lo, hi)
	scale := float64(t.bytes) / float64(all)
	return float64(n) * scale, float64(m) * scale
}

// tables looks at the tables that the store has now. One whose samples cannot be read
// counts as one sample: that it is damaged shows where its rows are needed.
func (s *Store) tables() ([]table, error) {
	levels, err := s.db.SSTables()
	if err != nil {
		return nil, err
	}
	s.sizes.mu.Lock()
	defer s.sizes.mu.Unlock()
	var list []table
	known := make(map[uint64]*samples, len(s.sizes.known))
	for _, level := range levels {
		for i := range level {
			info := &level[i]
			number := uint64(info.BackingSSTNum)
			have := s.sizes.known[number]
			if have == nil {
				if have, err = s.readSamples(number, info.Smallest.UserKey); err == nil {
					known[number] = have
				} else {
					have = oneSample(info.Smallest.UserKey)
				}
			} else {
				known[number] = have
			}
			t := table{samples: have, bytes: info.Size}
			if info.Virtual {
				t.lo, t.hi = bytes.Clone(info.Smallest.UserKey), bytes.Clone(info.Largest.UserKey)
			}
			list = append(list, t)
		}
	}
	s.sizes.known = known
	return list, nil
}

// Size implements disk.Snapshot. Tables are measured by their samples, which are kept in
// memory; of rows only those are read that no table holds yet, and a few from the beginning.
func (n *snapshot) Size(lo, hi []byte) (uint64, error) {
	const op, what = "pebble.Size", "measure a range"
	if err := n.enter(op); err != nil {
		return 0, err
	}
	defer n.leave()
	if bytes.Compare(lo, hi) >= 0 {
		return 0, nil
	}
	n.looked.Do(func() { n.tables, n.lookErr = n.store.tables() })
	if n.lookErr != nil {
		return 0, readError(op, what, n.lookErr)
	}
	var stored, surely float64
	for i := range n.tables {
		size, sure := n.tables[i].within(lo, hi)
		stored, surely = stored+size, surely+sure
	}
	if len(lo) == 0 {
		lo = nil // Pebble's own checks fall over an empty bound
	}
	live, err := n.sum(&pdb.IterOptions{LowerBound: lo, UpperBound: hi}, smallRangeBytes)
	if err != nil || live < smallRangeBytes {
		return max(live, uint64(surely)), err
	}
	unflushed, err := n.sum(&pdb.IterOptions{LowerBound: lo, UpperBound: hi, PointKeyFilters: []pdb.BlockPropertyFilter{inMemory{}}}, n.store.unflushedBytes())
	return uint64(stored) + unflushed, err
}

// sum adds up the lengths of the keys and values of an iterator until there are limit bytes.
func (n *snapshot) sum(o *pdb.IterOptions, limit uint64) (total uint64, err error) {
	it, err := n.snap.NewIter(o)
	if err == nil {
		for ok := it.First(); ok && total < limit; ok = it.Next() {
			value := it.LazyValue()
			total += uint64(len(it.Key()) + value.Len())
		}
		err = errors.Join(it.Error(), it.Close())
	}
	if err != nil {
		return 0, readError("pebble.Size", "read a range", err)
	}
	return min(total, limit), nil
}
