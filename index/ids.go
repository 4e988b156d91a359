package index

import (
	"unsafe"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// ids are the ids of a run of rows, laid end to end: arrays without pointers, whatever
// their number, for the garbage collector to step over.
//
// They are only appended to. A copy of the header sees the ids that were there and
// none of those behind them.
type ids struct {
	bytes []byte
	// width is the length of every id while they all have the same, as numbers have and
	// UUIDs; else ends says where each ends.
	width int
	ends  []uint32
}

// maxIDBytes is the most that the ids of one run may take together.
const maxIDBytes = 1<<32 - 1

func newIDs(bytes int) ids { return ids{bytes: make([]byte, 0, bytes)} }

// push appends the id of the row with that number.
func (s *ids) push(row int, id flow.PointID) {
	if row == 0 {
		s.width = len(id)
	}
	if s.ends == nil && len(id) != s.width {
		s.ends = make([]uint32, row, 2*row)
		for i := range s.ends {
			s.ends[i] = uint32((i + 1) * s.width)
		}
	}
	s.bytes = append(s.bytes, id...)
	if s.ends != nil {
		s.ends = append(s.ends, uint32(len(s.bytes)))
	}
}

// at returns the id of a row. It shares the memory of the run.
func (s *ids) at(row int) flow.PointID {
	from, to := row*s.width, (row+1)*s.width
	if s.ends != nil {
		from, to = 0, int(s.ends[row])
		if row > 0 {
			from = int(s.ends[row-1])
		}
	}
	b := s.bytes[from:to]
	return flow.PointID(unsafe.String(unsafe.SliceData(b), len(b)))
}

// memory returns how many bytes the arrays hold.
func (s *ids) memory() uint64 { return uint64(cap(s.bytes)) + 4*uint64(cap(s.ends)) }
