package api

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// The shapes of what configures graphs and searches of them.
var (
	hnswShape = shape{
		known:   []string{"m", "ef_construct"},
		ignored: []string{"full_scan_threshold", "max_indexing_threads", "on_disk", "payload_m", "inline_storage"},
	}
	quantizationShape = shape{known: []string{"scalar", "binary"}, refused: []string{"product"}}
	scalarShape       = shape{known: []string{"type"}, ignored: []string{"quantile", "always_ram"}}
	binaryShape       = shape{known: []string{"encoding", "query_encoding"}, ignored: []string{"always_ram"}}
	paramsShape       = shape{known: []string{"exact", "hnsw_ef", "quantization"}, ignored: []string{"indexed_only"}}
	// Hits are always compared in full at the end, so that what skips it changes nothing.
	rescoreShape = shape{known: []string{"oversampling"}, ignored: []string{"rescore", "ignore"}}
)

// decodeCreate reads {"vectors":{"size","distance"},"hnsw_config","quantization_config"};
// the last two may stand inside of vectors, too.
func decodeCreate(body []byte, r *flow.CreateCollectionRequest) error {
	given := false
	return decode(body, func(s *scanner) *scan.Error {
		if err := s.fields(&createShape, func(key string) *scan.Error {
			switch key {
			case "sparse_vectors":
				return s.mustBeEmpty("sparse vectors are not supported by this server")
			case "sharding_method":
				return s.mustBe("auto")
			case "vectors":
				given = true
				return s.fields(&vectorsShape, func(key string) *scan.Error { return s.vectorParam(key, r) })
			}
			return s.indexParam(key, &r.IndexParams)
		}); err != nil {
			return err
		}
		switch {
		case !given:
			return scan.Wrong("vectors", "is missing")
		case r.Dim == 0:
			return scan.Wrong("vectors.size", "is missing")
		case r.Metric == 0:
			return scan.Wrong("vectors.distance", "is missing")
		}
		return nil
	})
}

func (s *scanner) vectorParam(key string, r *flow.CreateCollectionRequest) (err *scan.Error) {
	switch key {
	case "size":
		r.Dim, err = s.between(1, flow.MaxDim)
	case "datatype":
		err = s.mustBe("float32")
	case "distance":
		r.Metric, err = s.metric()
	default:
		err = s.indexParam(key, &r.IndexParams)
	}
	return err
}

// indexParam reads an hnsw_config or a quantization_config.
func (s *scanner) indexParam(key string, p *flow.IndexParams) *scan.Error {
	if s.Null() {
		return nil
	}
	if key == "quantization_config" {
		return s.fields(&quantizationShape, func(key string) *scan.Error { return s.quantization(key, p) })
	}
	return s.fields(&hnswShape, func(key string) (err *scan.Error) {
		switch {
		case s.Null():
		case key == "m":
			p.M, err = s.between(flow.MinM, flow.MaxM)
		default:
			p.EfConstruct, err = s.between(flow.MinEfConstruct, flow.MaxEfConstruct)
		}
		return err
	})
}

// quantization reads what stands under "scalar" or "binary".
func (s *scanner) quantization(key string, p *flow.IndexParams) *scan.Error {
	if p.Quantization != flow.NoQuantization {
		return scan.Wrong("", "is there beside another quantization")
	}
	if key == "scalar" {
		p.Quantization = flow.Int8
		return s.fields(&scalarShape, func(string) *scan.Error { return s.mustBe("int8") })
	}
	p.Quantization = flow.Binary
	return s.fields(&binaryShape, func(key string) *scan.Error {
		if key == "encoding" {
			return s.mustBe("one_bit")
		}
		return s.mustBe("default")
	})
}

// params reads the params of a search.
func (q *query) params(s *scanner) *scan.Error {
	return s.fields(&paramsShape, func(key string) (err *scan.Error) {
		switch {
		case s.Null():
		case key == "exact":
			q.Exact, err = s.Bool()
		case key == "hnsw_ef":
			q.EF, err = s.between(1, flow.MaxEF)
		default:
			err = s.fields(&rescoreShape, func(string) *scan.Error {
				if s.Null() {
					return nil
				}
				x, err := s.Float()
				if err == nil && !(x >= 1 && x <= flow.MaxOversampling) {
					err = outside("", "%v is not from 1 to %d", x, flow.MaxOversampling)
				}
				q.Oversampling = float64(x)
				return err
			})
		}
		return err
	})
}
