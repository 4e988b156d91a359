package api

import (
	"encoding/hex"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// defaultLimit is how many points a query or scroll answers that does not say.
const defaultLimit = 10

// decodeCreate reads {"vectors":{"size","distance"}}.
func decodeCreate(body []byte) (dim int, metric flow.Metric, err error) {
	given := false
	err = decode(body, func(s *scanner) *bodyError {
		if err := s.fields(&createShape, func(key string) *bodyError {
			switch key {
			case "sparse_vectors":
				return s.mustBeEmpty("sparse vectors are not supported by this server")
			case "sharding_method":
				return s.mustBe("auto")
			}
			given = true
			return s.fields(&vectorsShape, func(key string) (err *bodyError) {
				switch key {
				case "size":
					dim, err = s.between(1, flow.MaxDim)
				case "datatype":
					err = s.mustBe("float32")
				case "distance":
					metric, err = s.metric()
				}
				return err
			})
		}); err != nil {
			return err
		}
		switch {
		case !given:
			return wrong("vectors", "is missing")
		case dim == 0:
			return wrong("vectors.size", "is missing")
		case metric == 0:
			return wrong("vectors.distance", "is missing")
		}
		return nil
	})
	return dim, metric, err
}

// metric reads a distance's name.
func (s *scanner) metric() (flow.Metric, *bodyError) {
	name, bad := s.text()
	if bad != nil {
		return 0, bad
	}
	m, err := flow.ParseMetric(name)
	if err != nil {
		return 0, wrong("", "%s", message(err))
	}
	return m, nil
}

// mustBe accepts null and one word.
func (s *scanner) mustBe(only string) *bodyError {
	if s.null() {
		return nil
	}
	word, err := s.text()
	if err == nil && word != only {
		err = wrong("", "%q is not supported by this server, only %q", word, only)
	}
	return err
}

// mustBeEmpty accepts null and {}, which ask for nothing.
func (s *scanner) mustBeEmpty(otherwise string) *bodyError {
	if s.null() {
		return nil
	}
	if s.peek() != '{' {
		return s.expected("an object")
	}
	empty := true
	if err := s.object(func([]byte) *bodyError {
		empty = false
		_, err := s.skip()
		return err
	}); err != nil {
		return err
	}
	if !empty {
		return wrong("", "%s", otherwise)
	}
	return nil
}

// between reads an integer within bounds; outside of them it is 422.
func (s *scanner) between(low, high int) (int, *bodyError) {
	n, err := s.unsigned()
	if err != nil {
		return 0, err
	}
	if n < uint64(low) || n > uint64(high) {
		return 0, outside("", "%d is not from %d to %d", n, low, high)
	}
	return int(n), nil
}

// with reads the choice of whether payloads or vectors come along.
func (s *scanner) with(to *bool) *bodyError {
	if s.null() {
		return nil
	}
	if c := s.peek(); c == '[' || c == '{' {
		if _, err := s.skip(); err != nil {
			return err
		}
		return wrong("", "choosing parts is not supported by this server; give true or false")
	}
	var err *bodyError
	*to, err = s.boolean()
	return err
}

// decodeGet reads {"ids":[…],"with_payload","with_vector"}.
func decodeGet(body []byte) (r flow.GetRequest, err error) {
	r.WithPayload = true
	err = decode(body, func(s *scanner) *bodyError {
		if err := s.fields(&getShape, func(key string) (err *bodyError) {
			switch key {
			case "ids":
				r.IDs, err = s.ids()
			case "with_payload":
				err = s.with(&r.WithPayload)
			case "with_vector":
				err = s.with(&r.WithVector)
			}
			return err
		}); err != nil {
			return err
		}
		if r.IDs == nil {
			return wrong("ids", "is missing")
		}
		return nil
	})
	return r, err
}

// decodeScroll reads {"limit","offset","with_payload","with_vector"}.
func decodeScroll(body []byte) (r flow.ScrollRequest, err error) {
	r.WithPayload, r.Limit = true, defaultLimit
	if len(body) == 0 {
		return r, nil
	}
	err = decode(body, func(s *scanner) *bodyError {
		return s.fields(&scrollShape, func(key string) (err *bodyError) {
			if s.null() {
				return nil
			}
			switch key {
			case "limit":
				r.Limit, err = s.between(1, flow.MaxScroll)
			case "offset":
				r.From, err = s.id()
			case "with_payload":
				err = s.with(&r.WithPayload)
			case "with_vector":
				err = s.with(&r.WithVector)
			case "filter":
				err = s.filter()
			}
			return err
		})
	})
	return r, err
}

// filter refuses all filters but the empty one, which every point passes.
func (s *scanner) filter() *bodyError {
	return s.mustBeEmpty("filters are not supported by this server")
}

// decodeCount reads {"exact"}. A count is exact whatever is asked for.
func decodeCount(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	return decode(body, func(s *scanner) *bodyError {
		return s.fields(&countShape, func(key string) (err *bodyError) {
			if s.null() {
				return nil
			}
			if key == "filter" {
				return s.filter()
			}
			_, err = s.boolean()
			return err
		})
	})
}

// query is a decoded search or query.
type query struct {
	flow.SearchRequest
	// Nearest is the point whose vector is searched for, instead of Vector.
	nearest flow.PointID
	// Limit and offset choose the hits to show.
	limit, offset int
	// threshold leaves out hits that are worse, when hasThreshold.
	threshold    float32
	hasThreshold bool
}

// decodeSearch reads the body of a search ({"vector":[…],"limit"}) or, with
// sh = &queryShape, of a query ({"query":…,"limit"}).
func decodeSearch(body []byte, sh *shape) (q query, err error) {
	if sh == &queryShape {
		q.limit = defaultLimit
	}
	err = decode(body, func(s *scanner) *bodyError {
		if err := s.fields(sh, func(key string) *bodyError {
			if s.null() {
				return nil
			}
			return q.field(s, key)
		}); err != nil {
			return err
		}
		switch {
		case sh == &searchShape && q.Vector == nil:
			return wrong("vector", "is missing")
		case q.Vector == nil && q.nearest == "":
			return wrong("query", "is missing")
		case q.limit == 0:
			return wrong("limit", "is missing")
		}
		if q.K = q.limit + q.offset; q.K > flow.MaxK {
			return outside("limit", "with offset it is %d, at most %d hits can be asked for", q.K, flow.MaxK)
		}
		return nil
	})
	return q, err
}

// field reads one field of a search or query.
func (q *query) field(s *scanner, key string) (err *bodyError) {
	switch key {
	case "vector":
		q.Vector, err = s.queryVector()
	case "query":
		err = q.nearestTo(s)
	case "limit":
		q.limit, err = s.between(1, flow.MaxK)
	case "offset":
		q.offset, err = s.between(0, flow.MaxK)
	case "with_payload":
		err = s.with(&q.WithPayload)
	case "with_vector":
		err = s.with(&q.WithVector)
	case "filter":
		err = s.filter()
	case "using":
		var name string
		if name, err = s.text(); err == nil && name != "" {
			err = wrong("", "named vectors are not supported by this server")
		}
	case "score_threshold":
		q.hasThreshold = true
		q.threshold, err = s.float()
	case "params":
		err = s.fields(&paramsShape, func(string) (err *bodyError) {
			if s.null() {
				return nil
			}
			q.Exact, err = s.boolean()
			return err
		})
	}
	return err
}

// queryVector reads the vector of a search.
func (s *scanner) queryVector() (flow.Vector, *bodyError) {
	if s.peek() == '{' {
		if _, err := s.skip(); err != nil {
			return nil, err
		}
		return nil, wrong("", "named and sparse vectors are not supported by this server; give an array of numbers")
	}
	v, err := s.floats(nil)
	if err == nil && len(v) == 0 {
		err = wrong("", "is empty")
	}
	return v, err
}

// nearestTo reads a query: a vector, the id of a point, or {"nearest":…} of either.
func (q *query) nearestTo(s *scanner) (err *bodyError) {
	switch s.peek() {
	case '{':
		err = s.fields(&nearestShape, func(string) (err *bodyError) {
			if s.peek() == '[' {
				q.Vector, err = s.queryVector()
			} else {
				q.nearest, err = s.id()
			}
			return err
		})
	case '[':
		q.Vector, err = s.queryVector()
	default:
		q.nearest, err = s.id()
	}
	return err
}

// cut returns the hits that the query wants of those the search found.
func (q *query) cut(hits []flow.Hit, metric flow.Metric) []flow.Hit {
	kept := hits[:0:0]
	for _, h := range hits {
		if q.nearest != "" && h.ID == q.nearest {
			continue
		}
		if q.hasThreshold && worse(metric, metric.Score(h.Distance), q.threshold) {
			continue
		}
		kept = append(kept, h)
	}
	kept = kept[min(q.offset, len(kept)):]
	return kept[:min(q.limit, len(kept))]
}

// worse says that a score is on the far side of the threshold.
func worse(m flow.Metric, score, threshold float32) bool {
	if m == flow.Cosine || m == flow.Dot {
		return score < threshold
	}
	return score > threshold
}

// decodeJoin reads client.JoinBody.
func decodeJoin(body []byte) (r flow.JoinRequest, err error) {
	given := false
	err = decode(body, func(s *scanner) *bodyError {
		if err := s.fields(&joinShape, func(key string) *bodyError {
			text, err := s.text()
			if err != nil {
				return err
			}
			switch key {
			case "name":
				r.Name = text
			case "addr":
				r.Addr = text
			case "apiAddr":
				r.APIAddr = text
			case "region":
				r.Region = text
			case "nonce":
				b, err := hex.DecodeString(text)
				if err != nil || len(b) != len(r.Nonce) {
					return wrong("", "is not %d hexadecimal digits", 2*len(r.Nonce))
				}
				given = copy(r.Nonce[:], b) > 0
			}
			return nil
		}); err != nil {
			return err
		}
		switch {
		case r.Name == "":
			return wrong("name", "is missing")
		case r.Addr == "":
			return wrong("addr", "is missing")
		case !given:
			return wrong("nonce", "is missing")
		}
		return nil
	})
	return r, err
}
