package sim

import (
	"slices"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// formerFormat is the version before the newest: what the newest program also speaks.
const formerFormat = flow.NewestFormat - 1

// rowFormat is the row of the system group that holds the cluster's format version.
const rowFormat = 'v'

// versionFaults are the faults of clusters that are being upgraded.
var versionFaults = []*faultSpec{
	// The process of Node is killed, and started again under the other format version. The
	// former one is refused once the cluster's version is the newest, or is being raised
	// to it: then the newest is started after all.
	{kind: OtherVersion, node: true, apart: true, draw: func(d *drawing, f *Fault) {
		f.For = d.between(20*time.Millisecond, 2*time.Second)
	}, begin: func(f *activeFault) {
		h := f.host()
		f.w.marks.hit("node taken back to the former version", h.up() && h.format == flow.NewestFormat)
		h.format = formerFormat + flow.NewestFormat - h.format
		f.crash(h)
	}, end: releaseNode},
	// One process after the other is killed and started again under the newest format
	// version, Delay apart.
	{kind: RollingUpgrade, apart: true, draw: func(d *drawing, f *Fault) {
		f.Delay = d.between(100*time.Millisecond, 2*time.Second)
		f.For = time.Duration(d.Nodes) * f.Delay
	}, begin: rollingUpgrade},
}

// drawFormer draws the hosts of a seed's world that begin under the former version: in
// one world of three the first one, and two of three of the others.
func drawFormer(seed uint64, nodes int) (former []int) {
	if hash(seed, purposeVersions)%3 != 0 {
		return nil
	}
	for n := 1; n <= nodes; n++ {
		if n == 1 || hash(seed, purposeVersions, uint64(n))%3 != 0 {
			former = append(former, n)
		}
	}
	return former
}

// withVersions adds faults of versions to a schedule, if hosts begin under the former
// one: some single ones, and in two worlds of three an upgrade of all. The others stay
// as they were drawn.
func (s *Scenario) withVersions(faults []Fault, intn func(int) int) []Fault {
	if len(s.Former) == 0 {
		return faults
	}
	d := &drawing{Nodes: s.Nodes, Shards: s.Shards, IntN: intn}
	for range 1 + d.IntN(5) {
		faults = append(faults, d.fault(specOf(OtherVersion), d.between(0, s.Run)))
	}
	if d.IntN(3) > 0 {
		faults = append(faults, d.fault(specOf(RollingUpgrade), d.between(s.Run/8, s.Run*3/4)))
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return int(a.At - b.At) })
	return faults
}

func rollingUpgrade(f *activeFault) {
	for i, h := range f.w.hosts {
		f.w.after(time.Duration(i)*f.Delay, func() {
			if !f.on || h.format == flow.NewestFormat {
				return
			}
			h.format = flow.NewestFormat
			if h.up() {
				f.bit()
				h.kill(string(RollingUpgrade))
				h.restartLater(min(f.Delay/2, f.w.scenario.RestartDelay))
			}
		})
	}
}

// tooOld says whether an error is that of a node that was started, or wants to join,
// under a version that the cluster has left behind; then it is given the newest.
func (h *host) tooOld(err error) bool {
	if flow.KindOf(err) != flow.Conflict || h.format == flow.NewestFormat {
		return false
	}
	h.w.marks.hit("start refused for its version", true)
	h.w.trace.remark(h.w.now, h.number(), "no-start", err.Error())
	h.format = flow.NewestFormat
	return true
}

// raised notes the cluster's format version as a host wrote it. Every process that runs
// must understand it, and so must every one that starts from now on.
func (c *checks) raised(h *host, value []byte) {
	v := flow.FormatVersion(0)
	if len(value) == 1 {
		v = flow.FormatVersion(value[0])
	}
	switch {
	case v <= formerFormat || v > h.format:
		c.w.fail(OracleVersion, "%s, under format version %d, wrote %x for the cluster's", h.name, h.format, value)
	case v > c.format:
		c.format = v
		c.w.marks.hit("cluster version raised", true)
		c.w.marks.hit("cluster version raised under faults", slices.ContainsFunc(c.w.faults, func(f *activeFault) bool { return f.on }))
	}
	for _, o := range c.w.hosts {
		c.versions(o)
	}
}

// versions checks a process against the cluster's format version.
func (c *checks) versions(h *host) {
	if !h.up() {
		return
	}
	if h.format < c.format {
		c.w.fail(OracleVersion, "%s runs under format version %d, and the cluster's is %d", h.name, h.format, c.format)
	}
	c.w.marks.hit("cluster of two versions", slices.ContainsFunc(c.w.hosts, func(o *host) bool { return o.up() && o.format != h.format }))
}
