package api

import (
	"encoding/hex"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// defaultLimit is how many points a query or scroll answers that does not say.
const defaultLimit = 10

// metric reads a distance's name.
func (s *scanner) metric() (flow.Metric, *scan.Error) {
	name, bad := s.Text()
	if bad != nil {
		return 0, bad
	}
	m, err := flow.ParseMetric(name)
	if err != nil {
		return 0, scan.Wrong("", "%s", message(err))
	}
	return m, nil
}

// mustBe accepts null and one word.
func (s *scanner) mustBe(only string) *scan.Error {
	if s.Null() {
		return nil
	}
	word, err := s.Text()
	if err == nil && word != only {
		err = scan.Wrong("", "%q is not supported by this server, only %q", word, only)
	}
	return err
}

// mustBeEmpty accepts null and {}, which ask for nothing.
func (s *scanner) mustBeEmpty(otherwise string) *scan.Error {
	if s.Null() {
		return nil
	}
	if s.Peek() != '{' {
		return s.Expected("an object")
	}
	empty := true
	if err := s.Object(func([]byte) *scan.Error {
		empty = false
		_, err := s.Skip()
		return err
	}); err != nil {
		return err
	}
	if !empty {
		return scan.Wrong("", "%s", otherwise)
	}
	return nil
}

// between reads an integer within bounds; outside of them it is 422.
func (s *scanner) between(low, high int) (int, *scan.Error) {
	n, err := s.Uint()
	if err != nil {
		return 0, err
	}
	if n < uint64(low) || n > uint64(high) {
		return 0, outside("", "%d is not from %d to %d", n, low, high)
	}
	return int(n), nil
}

// with reads the choice of whether payloads or vectors come along.
func (s *scanner) with(to *bool) *scan.Error {
	if s.Null() {
		return nil
	}
	if c := s.Peek(); c == '[' || c == '{' {
		if _, err := s.Skip(); err != nil {
			return err
		}
		return scan.Wrong("", "choosing parts is not supported by this server; give true or false")
	}
	var err *scan.Error
	*to, err = s.Bool()
	return err
}

// decodeGet reads {"ids":[…],"with_payload","with_vector"}.
func decodeGet(body []byte) (r flow.GetRequest, err error) {
	r.WithPayload = true
	err = decode(body, func(s *scanner) *scan.Error {
		if err := s.fields(&getShape, func(key string) (err *scan.Error) {
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
			return scan.Wrong("ids", "is missing")
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
	err = decode(body, func(s *scanner) *scan.Error {
		return s.fields(&scrollShape, func(key string) (err *scan.Error) {
			if s.Null() {
				return nil
			}
			switch key {
			case "limit":
				r.Limit, err = s.between(1, flow.MaxScroll)
			case "offset":
				r.From, err = s.ID()
			case "with_payload":
				err = s.with(&r.WithPayload)
			case "with_vector":
				err = s.with(&r.WithVector)
			case "filter":
				r.Filter, err = s.filter()
			}
			return err
		})
	})
	return r, err
}

// filter takes a filter as it is; the node reads it.
func (s *scanner) filter() (flow.Filter, *scan.Error) {
	text, err := s.Skip()
	return append(flow.Filter(nil), text...), err
}

// decodeCount reads {"exact","filter"}. A count is exact whatever is asked for.
func decodeCount(body []byte) (r flow.CountRequest, err error) {
	if len(body) == 0 {
		return r, nil
	}
	err = decode(body, func(s *scanner) *scan.Error {
		return s.fields(&countShape, func(key string) (err *scan.Error) {
			if s.Null() {
				return nil
			}
			if key == "filter" {
				r.Filter, err = s.filter()
				return err
			}
			_, err = s.Bool()
			return err
		})
	})
	return r, err
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
	err = decode(body, func(s *scanner) *scan.Error {
		if err := s.fields(sh, func(key string) *scan.Error {
			if s.Null() {
				return nil
			}
			return q.field(s, key)
		}); err != nil {
			return err
		}
		switch {
		case sh == &searchShape && q.Vector == nil:
			return scan.Wrong("vector", "is missing")
		case q.Vector == nil && q.nearest == "":
			return scan.Wrong("query", "is missing")
		case q.limit == 0:
			return scan.Wrong("limit", "is missing")
		}
		if q.K = q.limit + q.offset; q.K > flow.MaxK {
			return outside("limit", "with offset it is %d, at most %d hits can be asked for", q.K, flow.MaxK)
		}
		return nil
	})
	return q, err
}

// field reads one field of a search or query.
func (q *query) field(s *scanner, key string) (err *scan.Error) {
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
		q.Filter, err = s.filter()
	case "using":
		var name string
		if name, err = s.Text(); err == nil && name != "" {
			err = scan.Wrong("", "named vectors are not supported by this server")
		}
	case "score_threshold":
		q.hasThreshold = true
		q.threshold, err = s.Float()
	case "params":
		err = q.params(s)
	}
	return err
}

// queryVector reads the vector of a search.
func (s *scanner) queryVector() (flow.Vector, *scan.Error) {
	if s.Peek() == '{' {
		if _, err := s.Skip(); err != nil {
			return nil, err
		}
		return nil, scan.Wrong("", "named and sparse vectors are not supported by this server; give an array of numbers")
	}
	v, err := s.Floats(nil)
	if err == nil && len(v) == 0 {
		err = scan.Wrong("", "is empty")
	}
	return v, err
}

// nearestTo reads a query: a vector, the id of a point, or {"nearest":…} of either.
func (q *query) nearestTo(s *scanner) (err *scan.Error) {
	switch s.Peek() {
	case '{':
		err = s.fields(&nearestShape, func(string) (err *scan.Error) {
			if s.Peek() == '[' {
				q.Vector, err = s.queryVector()
			} else {
				q.nearest, err = s.ID()
			}
			return err
		})
	case '[':
		q.Vector, err = s.queryVector()
	default:
		q.nearest, err = s.ID()
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
	err = decode(body, func(s *scanner) *scan.Error {
		if err := s.fields(&joinShape, func(key string) *scan.Error {
			switch key {
			case "replace":
				replace, err := s.Bool()
				r.Replace = replace
				return err
			case "formatVersion":
				v, err := s.between(int(flow.OldestFormat), 255)
				r.FormatVersion = flow.FormatVersion(v)
				return err
			}
			text, err := s.Text()
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
					return scan.Wrong("", "is not %d hexadecimal digits", 2*len(r.Nonce))
				}
				given = copy(r.Nonce[:], b) > 0
			}
			return nil
		}); err != nil {
			return err
		}
		switch {
		case r.Name == "":
			return scan.Wrong("name", "is missing")
		case r.Addr == "":
			return scan.Wrong("addr", "is missing")
		case !given:
			return scan.Wrong("nonce", "is missing")
		}
		return nil
	})
	return r, err
}
