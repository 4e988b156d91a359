package embed

import (
	"runtime/debug"
	"sync/atomic"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/net/tcp"
)

// measureEvery is the interval over which usage is measured.
const measureEvery = time.Second

// collectBytes is how much may be mapped, beside a quarter of what there was, before the
// garbage collector is asked to look for what can be freed.
const collectBytes = 64 << 20

// collectAfter is for how many intervals no memory was mapped before it is asked to anyway.
const collectAfter = 5

// meter measures the process, the store and the network once an interval, so
// that the node's turn only reads the last result.
type meter struct {
	disk    func() disk.Usage
	network func() tcp.Stats
	// mapped returns the bytes of vectors and graphs, those included that are not used any
	// more but not collected; collected is what it was after the last collection asked for.
	mapped    func() int64
	collected int64
	// before is what it was at the last look, still for how many looks it has been that.
	before int64
	still  int

	// Of the last measurement; used by measure alone.
	at    time.Time
	cpu   time.Duration
	bytes uint64

	last atomic.Pointer[flow.NodeUsage]
}

func newMeter(disk func() disk.Usage, network func() tcp.Stats, mapped func() int64) *meter {
	m := &meter{disk: disk, network: network, mapped: mapped, at: time.Now(), cpu: ProcessorTime()}
	m.last.Store(&flow.NodeUsage{})
	m.measure(m.at)
	return m
}

// run measures until stop is closed.
func (m *meter) run(stop <-chan struct{}) {
	ticker := time.NewTicker(measureEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-ticker.C:
			m.measure(now)
			m.collect()
		}
	}
}

// collect runs the garbage collector when much memory was mapped since it ran last, or
// some was and no more for a while: it does not count that memory, so it would not know
// that there is some to be freed.
func (m *meter) collect() {
	now := m.mapped()
	if m.still++; now != m.before {
		m.before, m.still = now, 0
	}
	if now > m.collected+m.collected/4+collectBytes || now != m.collected && m.still == collectAfter {
		debug.FreeOSMemory()
		m.before = m.mapped()
		m.collected = m.before
	}
}

func (m *meter) measure(now time.Time) {
	cpu := ProcessorTime()
	stats := m.network()
	bytes := stats.BytesSent + stats.BytesReceived
	space := m.disk()
	u := flow.NodeUsage{
		MemoryBytes:   residentBytes(),
		CPUSeconds:    cpu.Seconds(),
		DiskUsedBytes: space.Used,
		DiskFreeBytes: space.Free,
		Kernel:        distance.Kernel(),
	}
	if d := now.Sub(m.at).Seconds(); d > 0 {
		u.CPUPercent = (cpu - m.cpu).Seconds() / d * 100
		u.NetworkBitsPerSecond = float64(bytes-m.bytes) * 8 / d
	}
	m.at, m.cpu, m.bytes = now, cpu, bytes
	m.last.Store(&u)
}

// usage returns the last measurement.
func (m *meter) usage() flow.NodeUsage { return *m.last.Load() }
