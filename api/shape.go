package api

import (
	"slices"
	"strconv"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// scanner reads the bodies of requests. No key may come twice in an object whose
// fields it gives out.
type scanner struct{ scan.Scanner }

// decode reads one value of b with f; see scan.Scanner.Read.
func decode(b []byte, f func(*scanner) *scan.Error) error {
	s := &scanner{*scan.New(b)}
	return s.Read(func() *scan.Error { return f(s) })
}

// outside is a value outside the bounds of its field, where Qdrant answers 422.
func outside(field, format string, args ...any) *scan.Error {
	err := scan.Wrong(field, format, args...)
	err.OutOfBounds = true
	return err
}

// shape says which keys an object of a request may have.
type shape struct {
	// known keys are decoded.
	known []string
	// refused keys are Qdrant's, for what this server cannot do: null is as good
	// as absent, any other value is an error that names the key.
	refused []string
	// ignored keys only tune how a server does its work; any value will do.
	ignored []string
}

// The shapes of the request bodies. What is in none of the lists is an error.
var (
	createShape = shape{
		known:   []string{"vectors", "sharding_method", "sparse_vectors", "hnsw_config", "quantization_config"},
		refused: []string{"init_from", "strict_mode_config", "metadata"},
		ignored: []string{"shard_number", "replication_factor", "write_consistency_factor", "on_disk_payload",
			"wal_config", "optimizers_config", "timeout"},
	}
	vectorsShape = shape{
		known:   []string{"size", "distance", "datatype", "hnsw_config", "quantization_config"},
		refused: []string{"multivector_config"},
		ignored: []string{"on_disk"},
	}
	upsertShape = shape{known: []string{"points", "batch"}, refused: []string{"shard_key", "update_filter", "update_mode"}}
	pointShape  = shape{known: []string{"id", "vector", "payload", "if_version"}}
	batchShape  = shape{known: []string{"ids", "vectors", "payloads"}}
	deleteShape = shape{known: []string{"points", "filter"}, refused: []string{"shard_key"}}
	doomedShape = shape{known: []string{"id", "if_version"}}
	getShape    = shape{
		known:   []string{"ids", "with_payload", "with_vector"},
		refused: []string{"shard_key"},
	}
	scrollShape = shape{
		known:   []string{"limit", "offset", "with_payload", "with_vector", "filter"},
		refused: []string{"order_by", "shard_key"},
	}
	countShape  = shape{known: []string{"exact", "filter"}, refused: []string{"shard_key"}}
	searchShape = shape{
		known:   []string{"vector", "limit", "offset", "with_payload", "with_vector", "score_threshold", "params", "filter"},
		refused: []string{"shard_key"},
	}
	queryShape = shape{
		known:   []string{"query", "limit", "offset", "with_payload", "with_vector", "score_threshold", "params", "filter", "using"},
		refused: []string{"prefetch", "lookup_from", "shard_key"},
	}
	nearestShape = shape{
		known: []string{"nearest"},
		refused: []string{"recommend", "discover", "context", "order_by", "fusion", "rrf", "formula", "sample",
			"relevance_feedback", "mmr"},
	}
	verifyShape = shape{}
	joinShape   = shape{known: []string{"name", "addr", "apiAddr", "region", "nonce", "replace", "formatVersion"}}
)

// fields reads an object of the shape, calling f with each known key at its
// value. A key that comes twice is refused: which of the two was meant?
func (s *scanner) fields(sh *shape, f func(key string) *scan.Error) *scan.Error {
	seen := uint64(0)
	return s.Object(func(k []byte) *scan.Error {
		i, list := find(sh, k)
		if list == nil {
			return scan.Wrong(string(k), "is not a field of this request%s", sh.hint())
		}
		if seen&(1<<i) != 0 {
			return scan.Wrong(string(k), "is there twice")
		}
		seen |= 1 << i
		switch i -= len(sh.known); {
		case i < 0:
			if err := f(list[i+len(sh.known)]); err != nil {
				return err.In(list[i+len(sh.known)])
			}
			return nil
		case i < len(sh.refused):
			if s.Null() {
				return nil
			}
			if _, err := s.Skip(); err != nil {
				return err
			}
			return scan.Wrong(string(k), "is not supported by this server")
		}
		_, err := s.Skip()
		return err
	})
}

// find returns the position of the key in the shape's lists taken together, and the
// list it is in, nil for none.
func find(sh *shape, key []byte) (int, []string) {
	at := 0
	for _, list := range [3][]string{sh.known, sh.refused, sh.ignored} {
		for i, name := range list {
			if name == string(key) {
				return at + i, list
			}
		}
		at += len(list)
	}
	return 0, nil
}

// hint names the keys that may be there.
func (sh *shape) hint() string {
	if len(sh.known) == 0 {
		return ""
	}
	names := slices.Clone(sh.known)
	slices.Sort(names)
	return "; there are " + strings.Join(names, ", ")
}

// ids reads an array of 1 to flow.MaxBatchPoints point ids.
func (s *scanner) ids() ([]flow.PointID, *scan.Error) {
	var ids []flow.PointID
	err := s.Array(func(i int) *scan.Error {
		if i == flow.MaxBatchPoints {
			return tooMany()
		}
		id, err := s.ID()
		ids = append(ids, id)
		return element(err, i)
	})
	if err == nil && len(ids) == 0 {
		err = outside("", "there must be at least one")
	}
	return ids, err
}

func tooMany() *scan.Error {
	return scan.Wrong("", "more than %d in one request", flow.MaxBatchPoints)
}

// element names the element of an array in its error, if there is one.
func element(err *scan.Error, i int) *scan.Error {
	if err == nil {
		return nil
	}
	return err.In("[" + strconv.Itoa(i) + "]")
}
