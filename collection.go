package flow

import (
	"strings"
	"time"
)

// Quantization is how a collection's graphs shorten vectors for the way to the
// candidates. Distances that are reported are always of the full vectors.
type Quantization uint8

// The quantizations.
const (
	// NoQuantization walks on the float32 components themselves.
	NoQuantization Quantization = iota
	// Int8 keeps a byte a component, fitted to each segment.
	Int8
	// Binary keeps a bit a component.
	Binary
)

var quantizationNames = [...]string{NoQuantization: "none", Int8: "int8", Binary: "binary"}

// ParseQuantization reads a quantization's name in any case; the empty string is none.
func ParseQuantization(s string) (Quantization, error) {
	if s == "" {
		return NoQuantization, nil
	}
	for i, n := range quantizationNames {
		if strings.EqualFold(n, s) {
			return Quantization(i), nil
		}
	}
	return 0, Errorf(InvalidArgument, "flow.ParseQuantization", "quantization %q is not one of none, int8, binary", s)
}

// Valid says whether q is one of the quantizations.
func (q Quantization) Valid() bool { return int(q) < len(quantizationNames) }

// String returns the name used in flags, for example "int8".
func (q Quantization) String() string {
	if !q.Valid() {
		return "unknown"
	}
	return quantizationNames[q]
}

// The parameters of graphs: what a collection has that names none, and the limits.
const (
	DefaultM, MinM, MaxM                               = 16, 2, 128
	DefaultEfConstruct, MinEfConstruct, MaxEfConstruct = 200, 4, 4096
	// MaxEF is the largest SearchRequest.EF.
	MaxEF = 10000
	// MaxOversampling is the largest SearchRequest.Oversampling.
	MaxOversampling = 64
)

// IndexParams shape the graphs of a collection (Malkov and Yashunin 2016).
type IndexParams struct {
	// M is how many neighbours a point has in a graph's upper layers, half of what it has
	// in the lowest: MinM to MaxM, 0 for DefaultM. More needs more memory and finds more.
	M int
	// EfConstruct is how many candidates are kept while a point is linked:
	// MinEfConstruct to MaxEfConstruct, 0 for DefaultEfConstruct. More builds slower.
	EfConstruct  int
	Quantization Quantization
}

// WithDefaults returns the parameters with the defaults in the place of zeros.
func (p IndexParams) WithDefaults() IndexParams {
	if p.M == 0 {
		p.M = DefaultM
	}
	if p.EfConstruct == 0 {
		p.EfConstruct = DefaultEfConstruct
	}
	return p
}

// Check returns InvalidArgument when a parameter is outside of its limits; a zero,
// which stands for the default, is too.
func (p IndexParams) Check() error {
	const op = "flow.Check"
	switch {
	case p.M < MinM || p.M > MaxM:
		return Errorf(InvalidArgument, op, "hnsw_config.m is %d, it must be in %d..%d", p.M, MinM, MaxM)
	case p.EfConstruct < MinEfConstruct || p.EfConstruct > MaxEfConstruct:
		return Errorf(InvalidArgument, op, "hnsw_config.ef_construct is %d, it must be in %d..%d", p.EfConstruct, MinEfConstruct, MaxEfConstruct)
	case !p.Quantization.Valid():
		return Errorf(InvalidArgument, op, "quantization %d is unknown", p.Quantization)
	}
	return nil
}

// Collection is a row of the catalogue.
type Collection struct {
	ID     CollectionID
	Name   string
	Dim    int
	Metric Metric
	IndexParams
	// Fields are the indexed fields of payloads, in the order of their declaration.
	Fields []Field
}

// CreateCollectionRequest makes a collection.
type CreateCollectionRequest struct {
	Name   string
	Dim    int
	Metric Metric
	IndexParams
	Timeout time.Duration
}
