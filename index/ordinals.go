package index

import (
	"sort"
)

// ordinals are those of the rows of a block, ascending: runs without gaps, of which
// there is one more for each place where rows were removed before the block was made.
//
// They are only appended to. A copy of the header sees the runs that were there; how
// long the last one is for it, the number of its rows says.
type ordinals struct{ runs []run }

// run says that row, the first of a run, has an ordinal; the next rows have the next ones.
type run struct{ row, ordinal uint32 }

// push gives the next row, whose number is row, an ordinal greater than all before.
func (o *ordinals) push(row int, ordinal uint32) {
	if n := len(o.runs); n > 0 {
		if last := o.runs[n-1]; ordinal-last.ordinal == uint32(row)-last.row {
			return
		}
	}
	o.runs = append(o.runs, run{uint32(row), ordinal})
}

// at returns the ordinal of a row.
func (o *ordinals) at(row int) uint32 {
	r := o.runs[0]
	if len(o.runs) > 1 {
		r = o.runs[sort.Search(len(o.runs), func(i int) bool { return o.runs[i].row > uint32(row) })-1]
	}
	return r.ordinal + uint32(row) - r.row
}

// first returns the ordinal of the first row.
func (o *ordinals) first() uint32 { return o.runs[0].ordinal }

// rowOf returns the row, below rows, that has an ordinal.
func (o *ordinals) rowOf(ordinal uint32, rows int) (row int, ok bool) {
	i := sort.Search(len(o.runs), func(i int) bool { return o.runs[i].ordinal > ordinal }) - 1
	if i < 0 {
		return 0, false
	}
	end := uint32(rows)
	if i+1 < len(o.runs) {
		end = o.runs[i+1].row
	}
	at := uint64(o.runs[i].row) + uint64(ordinal-o.runs[i].ordinal)
	return int(at), at < uint64(end)
}

func (o *ordinals) memory() uint64 { return 8 * uint64(cap(o.runs)) }
