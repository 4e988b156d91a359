package embed

import (
	"sync/atomic"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
	"github.com/ruvector-flow/ruvector-flow/index/distance"
	"github.com/ruvector-flow/ruvector-flow/net/tcp"
)

// measureEvery is the interval over which usage is measured.
const measureEvery = time.Second

// meter measures the process, the store and the network once an interval, so
// that the node's turn only reads the last result.
type meter struct {
	disk    func() disk.Usage
	network func() tcp.Stats

	// Of the last measurement; used by measure alone.
	at    time.Time
	cpu   time.Duration
	bytes uint64

	last atomic.Pointer[flow.NodeUsage]
}

func newMeter(disk func() disk.Usage, network func() tcp.Stats) *meter {
	m := &meter{disk: disk, network: network, at: time.Now(), cpu: processorTime()}
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
		}
	}
}

func (m *meter) measure(now time.Time) {
	cpu := processorTime()
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
