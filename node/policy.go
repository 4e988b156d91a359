package node

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index"
	"github.com/ruvector-flow/ruvector-flow/node/shard"
)

// IndexTuning says when heads are cut and segments merged, and bounds the work for
// their graphs; the zero value of a field is its default.
//
// A row is built into a graph when its head is cut, and again in each merge. What is
// written in one go is built once or twice, however much it is: heads are cut every
// CutRows, MergeFanIn of a size become one while the writing goes on, and at its end the
// rest is merged with what is not much larger.
type IndexTuning struct {
	// MinRows is how many rows are worth a graph (default 256): a smaller head is left to
	// exact search.
	MinRows int
	// CutRows is how many rows make a head be cut while it is being written (default
	// 8192). More are slow to search, less are built more often.
	CutRows int
	// IdleTicks is how long nothing was written before what there is gets its last form
	// (default 40, a second).
	IdleTicks uint64
	// MergeFanIn is how many segments of a size are merged while there are writes (default 32).
	MergeFanIn int
	// MergeGrowth is how many times larger than the others together a segment may be to be
	// merged with them once there are none (default 4). Later, after a quiet as long as the
	// work will take, all become one.
	MergeGrowth int
	// DeadPercent is the part of a segment's rows that have been removed at which it is
	// rewritten (default 25).
	DeadPercent int
	// MaxSegmentRows bounds a merged segment (default 4,194,304).
	MaxSegmentRows int
	// MaxBuilds bounds the graphs built at a time (default 2), and MaxBuildBytes what they
	// hold together while they are (default 1 GiB; one is built whatever it holds).
	MaxBuilds     int
	MaxBuildBytes uint64
	// MaxTransfers bounds the graphs loaded and fetched at a time (default 4).
	MaxTransfers int
	// GraceTicks is how long the other replicas are asked for a graph that one of them
	// has built, before it is built here (default 200, 5 s).
	GraceTicks uint64
	// AuditEvery makes one graph of so many be built here and compared instead of fetched
	// (default 16).
	AuditEvery uint64
	// ChunkBytes is the size of the parts in which a graph is stored and sent (default 256 KiB).
	ChunkBytes int
	// BridgedRows is how many rows are worth bridges between a graph and those of other
	// shards (default 2048).
	BridgedRows int
	// WalkRows is how many rows a segment must have for its graph to be walked whatever that
	// costs (default 0: when it costs less than comparing all rows).
	WalkRows int
}

func (t *IndexTuning) setDefaults() {
	orDefault(&t.MinRows, 256)
	orDefault(&t.CutRows, 8192)
	orDefault(&t.IdleTicks, 40)
	orDefault(&t.MergeFanIn, 32)
	orDefault(&t.MergeGrowth, 4)
	orDefault(&t.DeadPercent, 25)
	orDefault(&t.MaxSegmentRows, 4<<20)
	orDefault(&t.MaxBuilds, 2)
	orDefault(&t.MaxBuildBytes, 1<<30)
	orDefault(&t.MaxTransfers, 4)
	orDefault(&t.GraceTicks, 200)
	orDefault(&t.AuditEvery, 16)
	orDefault(&t.ChunkBytes, 256<<10)
	orDefault(&t.BridgedRows, index.BridgedRows)
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// nextStep returns the command that brings a collection's segments nearer to what they
// should be, or nil. quiet is for how many ticks it was not written; a segment whose graph
// is not built yet is left alone, so that no work is thrown away.
func (t *IndexTuning) nextStep(id flow.CollectionID, head int, segments []index.SegmentInfo, built func(i int) bool, quiet uint64) []byte {
	n, idle := len(segments), quiet >= t.IdleTicks
	if head >= t.CutRows || idle && head >= t.MinRows {
		after := uint64(0)
		if n > 0 {
			after = segments[n-1].LastSlot
		}
		return shard.EncodeCut(id, after)
	}
	for i, s := range segments {
		if s.Dead > 0 && s.Dead*100 >= s.Rows*t.DeadPercent && built(i) {
			return shard.EncodeMerge(id, s.ID, s.ID)
		}
	}
	from := t.tier(segments)
	if idle {
		from = min(from, t.tail(segments))
	}
	if t.rested(segments, quiet) {
		from = 0
	}
	if from >= n-1 {
		return nil
	}
	for i := from; i < n; i++ {
		if !built(i) {
			return nil
		}
	}
	return shard.EncodeMerge(id, segments[from].ID, segments[n-1].ID)
}

// restRowsPerTick is how many rows are worth a tick of waiting before they are built
// again for the sake of a few: the work then takes no more time than the quiet before it.
const restRowsPerTick = 25

// rested says that nothing was written for so long that all segments shall be one.
func (t *IndexTuning) rested(segments []index.SegmentInfo, quiet uint64) bool {
	rows := 0
	for _, s := range segments {
		rows += s.Rows - s.Dead
	}
	return rows <= t.MaxSegmentRows && quiet >= t.IdleTicks+uint64(rows)/restRowsPerTick
}

// tail returns the first of the last segments that are worth one graph: as many as
// there are of which none is much larger than the others together.
func (t *IndexTuning) tail(segments []index.SegmentInfo) int {
	from, sum, most := len(segments), 0, 0
	for i := len(segments) - 1; i >= 0; i-- {
		rows := segments[i].Rows - segments[i].Dead
		sum, most = sum+rows, max(most, rows)
		if sum > t.MaxSegmentRows {
			break
		}
		if most <= t.MergeGrowth*(sum-most) {
			from = i
		}
	}
	return from
}

// tier returns the first of the last segments of which MergeFanIn or more are of one
// tier, and none of a higher one: a tier is MergeFanIn times as large as the one below.
func (t *IndexTuning) tier(segments []index.SegmentInfo) int {
	n := len(segments)
	for limit := t.CutRows * 2; limit <= t.MaxSegmentRows/t.MergeFanIn; limit *= t.MergeFanIn {
		from, count := n, 0
		for from > 0 && segments[from-1].Rows-segments[from-1].Dead < limit {
			from--
			if segments[from].Rows-segments[from].Dead >= limit/t.MergeFanIn {
				count++
			}
		}
		if count >= t.MergeFanIn {
			return from
		}
	}
	return n
}
