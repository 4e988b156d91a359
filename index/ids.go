package index

import (
	"unsafe"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// ids are the ids of a run of rows, laid end to end: two arrays without pointers,
// whatever their number, for the garbage collector to step over.
//
// They are only appended to. A copy of the header sees the ids that were there and
// none of those behind them.
type ids struct {
	bytes []byte
	ends  []uint32 // where each id ends
}

// maxIDBytes is the most that the ids of one run may take together.
const maxIDBytes = 1<<32 - 1

func newIDs(rows, bytes int) ids {
	return ids{bytes: make([]byte, 0, bytes), ends: make([]uint32, 0, rows)}
}

func (s *ids) push(id flow.PointID) {
	s.bytes = append(s.bytes, id...)
	s.ends = append(s.ends, uint32(len(s.bytes)))
}

// at returns the id of a row. It shares the memory of the run.
func (s *ids) at(row int) flow.PointID {
	from := uint32(0)
	if row > 0 {
		from = s.ends[row-1]
	}
	b := s.bytes[from:s.ends[row]]
	return flow.PointID(unsafe.String(unsafe.SliceData(b), len(b)))
}

// memory returns how many bytes the arrays hold.
func (s *ids) memory() uint64 { return uint64(cap(s.bytes)) + 4*uint64(cap(s.ends)) }
