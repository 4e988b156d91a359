//go:build unix

package sim

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

// speedScenario is a world of a shape whose speed is promised: a minute of load and
// faults as a seed draws them.
func speedScenario(seed uint64, shards int) Scenario {
	s := DrawScenario(seed)
	s.Nodes, s.Shards, s.ReplicationFactor, s.Regions, s.LateJoins = 3, shards, 3, 1, 0
	s.Run = time.Minute
	s.Clients, s.Think = 4, 150*time.Millisecond
	s.Faults = drawFaults(stream(seed, purposeFaults).IntN, s)
	return s
}

// cpuTime returns the processor time that this process has used, its collector's too:
// what a run costs on one core, whatever else the machine does.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWorld gives simulated seconds per second of one core, checks included: the
// median over the seeds run, with the operations and faults of a simulated minute.
func BenchmarkWorld(b *testing.B) {
	for _, shards := range []int{1, 16} {
		b.Run(fmt.Sprintf("3x%d", shards), func(b *testing.B) {
			var rates, operations, faults []float64
			seed := uint64(0)
			for b.Loop() {
				seed++
				s := speedScenario(seed, shards)
				w := newWorld(s, realTime())
				began := cpuTime(b)
				r := w.run()
				cost := cpuTime(b) - began
				if r.Failure != nil {
					b.Fatalf("seed %d: %+v", seed, *r.Failure)
				}
				minutes := s.Run.Minutes()
				bit := 0
				for _, n := range r.Bites {
					bit += min(n, 1)
				}
				rates = append(rates, r.Simulated.Seconds()/cost.Seconds())
				operations = append(operations, float64(w.load.history.Len())/minutes)
				faults = append(faults, float64(bit)/minutes)
			}
			b.ReportMetric(median(rates), "sim-s/cpu-s")
			b.ReportMetric(slices.Min(rates), "sim-s/cpu-s-min")
			b.ReportMetric(median(operations), "ops/min")
			b.ReportMetric(median(faults), "faults/min")
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
