package embed

import (
	"context"

	"github.com/ruvector-flow/ruvector-flow/api/metrics"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
)

// newMetrics makes the node's metrics. All figures of the store and of the process are
// read from memory; those of the node cost it two requests a scrape.
func (s *Server) newMetrics() *metrics.Metrics {
	return metrics.New(metrics.Config{
		Version: s.cfg.Version, Kernel: distance.Kernel(), Logf: s.cfg.Logf,
		Sources: []metrics.Source{metrics.Node(s.Do), s.processFigures, s.storeFigures},
	})
}

// processFigures are of what this package runs around the node.
func (s *Server) processFigures(_ context.Context, out *metrics.Sink) {
	calls, bytes := s.box.waiting()
	out.Gauge("requests_in_flight", "Requests that the node has not answered yet.")(float64(calls))
	out.Gauge("requests_in_flight_bytes", "Vectors and payloads that they are to write.")(float64(bytes))
	jobs := out.Gauge("worker_jobs", "Computations, for requests or for upkeep, that run or wait for a worker.", "class", "state")
	w := s.workers.stats()
	jobs(float64(w.running), "request", "running")
	jobs(float64(w.waiting), "request", "queued")
	jobs(float64(w.backgroundRunning), "upkeep", "running")
	jobs(float64(w.backgroundWaiting), "upkeep", "queued")
	out.Gauge("workers", "Workers that compute.")(float64(s.cfg.Workers))
	out.Gauge("memory_mapped_bytes", "Memory of vectors and graphs outside the Go heap, what waits to be collected included.")(float64(s.memory.Mapped()))
	n := s.transport.Stats()
	out.Counter("network_sent_bytes_total", "Bytes sent to other nodes.")(float64(n.BytesSent))
	out.Counter("network_received_bytes_total", "Bytes received from other nodes.")(float64(n.BytesReceived))
	out.Counter("network_dropped_frames_total", "Frames to other nodes that were never written whole.")(float64(n.FramesDropped))
}

// storeFigures are of the store, a few seconds old at most.
func (s *Server) storeFigures(_ context.Context, out *metrics.Sink) {
	f := s.store.Figures()
	out.Gauge("store_tables", "Tables of the store.")(float64(f.LiveTables))
	out.Gauge("store_memtable_bytes", "Tables in memory that are not flushed yet.")(float64(f.MemTableBytes))
	out.Gauge("store_log_bytes", "Size of the write-ahead log's files, those kept to be written again included.")(float64(f.LogBytes))
	out.Counter("store_log_written_bytes_total", "Bytes written to the write-ahead log.")(float64(f.LogWrittenBytes))
	out.Histogram("store_log_sync_duration_seconds", "Durations of the write-ahead log's syncs.", f.LogSyncs.Count, f.LogSyncs.Sum, f.LogSyncs.Buckets)
	out.Counter("store_flushes_total", "Tables in memory that were written to the disk.")(float64(f.Flushes))
	out.Counter("store_flushed_bytes_total", "Bytes written by that.")(float64(f.FlushedBytes))
	out.Counter("store_compactions_total", "Compactions that have ended.")(float64(f.Compactions))
	out.Counter("store_compactions_failed_total", "Compactions that ended with an error.")(float64(f.CompactionsFailed))
	out.Gauge("store_compactions_running", "Compactions under way.")(float64(f.CompactionsRunning))
	out.Counter("store_compacted_bytes_total", "Bytes written by compactions.")(float64(f.CompactedBytes))
	out.Counter("store_compaction_duration_seconds_total", "Sum of the durations of compactions.")(f.CompactionTime.Seconds())
	out.Gauge("store_compaction_debt_bytes", "About how much waits to be compacted.")(float64(f.CompactionDebtBytes))
	out.Gauge("store_read_amplification", "Tables that the read of a key may have to look into.")(float64(f.ReadAmplification))
	out.Gauge("store_cache_bytes", "Blocks of tables that are kept in memory.")(float64(f.CacheBytes))
	out.Counter("store_cache_hits_total", "Blocks that were read from there.")(float64(f.CacheHits))
	out.Counter("store_cache_misses_total", "Blocks that were read from the disk.")(float64(f.CacheMisses))
}
