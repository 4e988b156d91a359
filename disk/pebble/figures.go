package pebble

import (
	"math"
	"time"

	pdb "github.com/cockroachdb/pebble/v2"
	dto "github.com/prometheus/client_model/go"

	"github.com/ruvector-flow/ruvector-flow/disk"
)

// Figures are what the store measures of itself, for its operator. Totals count from the
// opening of the store.
type Figures struct {
	disk.Usage
	// MemTableBytes is what the tables in memory take, LiveTables counts those on disk.
	MemTableBytes uint64
	LiveTables    int64
	// LogBytes is the size of the log files, those that wait to be written again included;
	// LogWrittenBytes is what was written to them.
	LogBytes, LogWrittenBytes uint64
	// Flushes and Compactions count what has ended, CompactionsRunning what has not.
	Flushes, Compactions, CompactionsRunning, CompactionsFailed int64
	// FlushedBytes and CompactedBytes were written by them, CompactionDebtBytes are about
	// what waits to be compacted.
	FlushedBytes, CompactedBytes, CompactionDebtBytes uint64
	// CompactionTime is the sum of their durations.
	CompactionTime time.Duration
	// ReadAmplification is how many tables a read of a key may have to look into.
	ReadAmplification int
	// CacheBytes is what the block cache holds, CacheHits and CacheMisses count its reads.
	CacheBytes, CacheHits, CacheMisses int64
	// LogSyncs are the durations of the log's syncs.
	LogSyncs Histogram
}

// Histogram counts durations.
type Histogram struct {
	Count uint64
	// Sum is of all durations, in seconds.
	Sum float64
	// Buckets counts, by its upper bound in seconds, the durations up to that.
	Buckets map[float64]uint64
}

// Figures returns what was measured a few seconds ago at most.
func (s *Store) Figures() Figures { return *s.figures.Load() }

// Usage implements disk.Disk. Free is math.MaxUint64 when the file system cannot tell.
func (s *Store) Usage() disk.Usage { return s.figures.Load().Usage }

// unflushedBytes is more than what can be in memory and in no table.
func (s *Store) unflushedBytes() uint64 {
	return s.figures.Load().MemTableBytes + cachedMemTables*uint64(s.opts.MemTableBytes)
}

func (s *Store) readFigures() {
	m := s.db.Metrics()
	total := m.Total()
	f := Figures{
		Usage:         disk.Usage{Used: m.DiskSpaceUsage(), Free: math.MaxUint64},
		MemTableBytes: m.MemTable.Size, LiveTables: total.TablesCount,
		LogBytes: m.WAL.PhysicalSize + m.WAL.ObsoletePhysicalSize, LogWrittenBytes: m.WAL.BytesWritten,
		Flushes: m.Flush.Count, Compactions: m.Compact.Count, CompactionsRunning: m.Compact.NumInProgress, CompactionsFailed: m.Compact.FailedCount,
		FlushedBytes: total.TableBytesFlushed, CompactedBytes: total.TableBytesCompacted, CompactionDebtBytes: m.Compact.EstimatedDebt,
		CompactionTime: m.Compact.Duration, ReadAmplification: m.ReadAmp(),
		CacheBytes: m.BlockCache.Size, CacheHits: m.BlockCache.Hits, CacheMisses: m.BlockCache.Misses,
		LogSyncs: logSyncs(m),
	}
	if d, err := s.opts.FS.GetDiskUsage(s.dir); err == nil {
		f.Free = d.AvailBytes
	}
	s.figures.Store(&f)
}

// syncBoundsPerBucket thins out Pebble's buckets, of which it has a hundred.
const syncBoundsPerBucket = 5

// logSyncs copies Pebble's histogram, which is in nanoseconds.
func logSyncs(m *pdb.Metrics) (h Histogram) {
	var sample dto.Metric
	if m.LogWriter.FsyncLatency == nil || m.LogWriter.FsyncLatency.Write(&sample) != nil {
		return h
	}
	got := sample.GetHistogram()
	h = Histogram{Count: got.GetSampleCount(), Sum: got.GetSampleSum() / float64(time.Second), Buckets: map[float64]uint64{}}
	for i, b := range got.GetBucket() {
		if i%syncBoundsPerBucket == 0 && b.GetUpperBound() > 0 {
			h.Buckets[b.GetUpperBound()/float64(time.Second)] = b.GetCumulativeCount()
		}
	}
	return h
}

// refreshFigures is a goroutine of the store; it ends when Close closes stop.
func (s *Store) refreshFigures() {
	defer s.wait.Done()
	tick := time.NewTicker(figuresRefresh)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.readFigures()
			s.settleWhenQuiet()
		}
	}
}
