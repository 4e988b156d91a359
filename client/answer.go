package client

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// scanAnswer reads an answer of 200 whose result holds vectors, in one pass and
// without reflection. It says false, having changed nothing, when the result is of
// another type or the text is not what is expected; encoding/json then reads the
// answer, or says what is wrong with it.
func scanAnswer(body []byte, to *Envelope, result any) bool {
	var e Envelope
	switch r := result.(type) {
	case *[]PointRecord:
		var recs []PointRecord
		if !scanEnvelope(body, &e, func(s *scan.Scanner) *scan.Error { return scanRecords(s, &recs) }) {
			return false
		}
		*r = recs
	case *ScrollResult:
		var page ScrollResult
		if !scanEnvelope(body, &e, func(s *scan.Scanner) *scan.Error { return scanPage(s, &page) }) {
			return false
		}
		*r = page
	default:
		return false
	}
	*to = e
	return true
}

// scanEnvelope reads an answer, its result with read, and says whether both went well.
func scanEnvelope(body []byte, e *Envelope, read func(*scan.Scanner) *scan.Error) bool {
	given := false
	s := scan.New(body)
	err := s.Read(func() *scan.Error {
		return s.Object(func(key []byte) *scan.Error {
			if string(key) == "result" {
				given = true
				return read(s)
			}
			return scanMember(s, e, string(key))
		})
	})
	return err == nil && given
}

// scanMember reads a member of the envelope beside the result.
func scanMember(s *scan.Scanner, e *Envelope, key string) (err *scan.Error) {
	switch key {
	case "status":
		e.Status, err = scanRaw(s)
	case "time":
		var text []byte
		if text, err = s.Skip(); err != nil {
			return err
		}
		var bad error
		if e.Time, bad = strconv.ParseFloat(string(text), 64); bad != nil {
			err = scan.Wrong(key, "%v", bad)
		}
	case "missing_shards":
		err = s.Array(func(int) *scan.Error {
			n, err := s.Uint()
			if err == nil && n > math.MaxInt32 {
				err = scan.Wrong(key, "%d is no shard", n)
			}
			e.MissingShards = append(e.MissingShards, int(n))
			return err
		})
	case "stale":
		e.Stale, err = s.Bool()
	case "session":
		e.Session, err = s.Text()
	default: // of a later version
		_, err = s.Skip()
	}
	return err
}

// scanRaw returns a copy of any value's bytes.
func scanRaw(s *scan.Scanner) (json.RawMessage, *scan.Error) {
	b, err := s.Skip()
	return append(json.RawMessage(nil), b...), err
}

// scanRecords reads an array of points.
func scanRecords(s *scan.Scanner, to *[]PointRecord) *scan.Error {
	*to = []PointRecord{} // not nil, as encoding/json has it
	return s.Array(func(i int) *scan.Error {
		*to = append(*to, PointRecord{})
		return scanRecord(s, &(*to)[i])
	})
}

// scanRecord reads one point.
func scanRecord(s *scan.Scanner, p *PointRecord) *scan.Error {
	return s.Object(func(key []byte) (err *scan.Error) {
		switch string(key) {
		case "id":
			id, bad := s.ID()
			p.ID, err = ID(id), bad
		case "version":
			p.Version, err = s.Uint()
		case "score":
			p.Score = new(float32)
			*p.Score, err = s.Float()
		case "payload":
			p.Payload, err = scanRaw(s)
		case "vector":
			p.Vector, err = s.Floats(nil)
		default:
			_, err = s.Skip()
		}
		return err
	})
}

// scanPage reads the result of a scroll.
func scanPage(s *scan.Scanner, to *ScrollResult) *scan.Error {
	return s.Object(func(key []byte) (err *scan.Error) {
		switch string(key) {
		case "points":
			return scanRecords(s, &to.Points)
		case "next_page_offset":
			if s.Null() {
				return nil
			}
			id, bad := s.ID()
			to.NextPageOffset, err = (*ID)(&id), bad
		default:
			_, err = s.Skip()
		}
		return err
	})
}
