package flow

import (
	"math"
	"strings"
)

// Metric is how a collection measures nearness.
type Metric uint8

// The metrics. Vectors are stored as given; the index keeps a normalised copy under Cosine.
const (
	Euclid Metric = iota + 1
	Cosine
	Dot
	Manhattan
)

var metricNames = [...]string{Euclid: "Euclid", Cosine: "Cosine", Dot: "Dot", Manhattan: "Manhattan"}

// ParseMetric reads a metric's name in any case; "l2", "ip" and "l1" are accepted too.
func ParseMetric(s string) (Metric, error) {
	switch strings.ToLower(s) {
	case "euclid", "euclidean", "l2":
		return Euclid, nil
	case "cosine":
		return Cosine, nil
	case "dot", "ip":
		return Dot, nil
	case "manhattan", "l1":
		return Manhattan, nil
	}
	return 0, Errorf(InvalidArgument, "flow.ParseMetric", "distance %q is not one of Euclid, Cosine, Dot, Manhattan", s)
}

// Valid says whether m is one of the metrics.
func (m Metric) Valid() bool { return m >= Euclid && m <= Manhattan }

// String returns the name used in the HTTP interface, for example "Euclid".
func (m Metric) String() string {
	if !m.Valid() {
		return "unknown"
	}
	return metricNames[m]
}

// Score turns a hit's distance into what users see: the L2 or Manhattan
// distance (smaller is nearer), the cosine or the dot product (larger is nearer).
func (m Metric) Score(distance float32) float32 {
	switch m {
	case Euclid:
		return float32(math.Sqrt(float64(distance)))
	case Cosine:
		return 1 - distance
	case Dot:
		return -distance
	}
	return distance
}
