package api

import (
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// Sizes of the blocks in which a request's vectors and payloads are kept: a
// small request takes what it needs, a large one at most this much at a time.
const (
	maxBlockFloats = 1 << 18
	maxBlockBytes  = 1 << 20
)

// points decodes the operations of an upsert or delete. The operations share no
// memory with the body, which goes back to its pool.
type points struct {
	s       *scanner
	ops     []flow.Op
	scratch []float32 // the vector being read
	vectors []float32 // the current block of vectors
	bytes   []byte    // the current block of payloads
	// total is the sum of vector and payload bytes, at most flow.MaxBatchBytes.
	total int
	// conditional says that some operation has a condition.
	conditional bool
	// filter says what a delete is of, instead of ops.
	filter flow.Filter
}

// decodeUpsert reads {"points":[{"id","vector","payload","if_version"}…]} or
// {"batch":{"ids":[…],"vectors":[…],"payloads":[…]}}. Payloads are kept as they
// were written, so a key that comes twice inside of one is not noticed.
func decodeUpsert(body []byte) (p points, err error) {
	forms := 0
	err = decode(body, func(s *scanner) *scan.Error {
		p.s = s
		if err := s.fields(&upsertShape, func(key string) *scan.Error {
			if s.Null() {
				return nil
			}
			forms++
			if key == "batch" {
				return p.batch()
			}
			return p.list(p.point)
		}); err != nil {
			return err
		}
		if forms != 1 {
			return scan.Wrong("points", "there must be either points or batch")
		}
		if len(p.ops) == 0 {
			return outside("points", "there must be at least one point")
		}
		return nil
	})
	return p, err
}

// decodeDelete reads {"points":[id or {"id","if_version"}…]} or {"filter":…}.
func decodeDelete(body []byte) (p points, err error) {
	given := false
	err = decode(body, func(s *scanner) *scan.Error {
		p.s = s
		if err := s.fields(&deleteShape, func(key string) (err *scan.Error) {
			if key == "filter" {
				if s.Null() {
					return nil
				}
				p.filter, err = s.filter()
				return err
			}
			given = true
			return p.list(p.doomed)
		}); err != nil {
			return err
		}
		switch {
		case given && p.filter != nil:
			return scan.Wrong("filter", "is there beside points; give one of them")
		case p.filter != nil:
			return nil
		case !given:
			return scan.Wrong("points", "is missing")
		}
		if len(p.ops) == 0 {
			return outside("points", "there must be at least one point")
		}
		return nil
	})
	return p, err
}

// list reads an array of operations, each with read.
func (p *points) list(read func(op *flow.Op) *scan.Error) *scan.Error {
	return p.s.Array(func(i int) *scan.Error {
		if i == flow.MaxBatchPoints {
			return tooMany()
		}
		p.ops = append(p.ops, flow.Op{})
		return element(read(&p.ops[i]), i)
	})
}

// point reads one point of an upsert.
func (p *points) point(op *flow.Op) *scan.Error {
	op.Kind = flow.Upsert
	start := p.s.Pos()
	err := p.s.fields(&pointShape, func(key string) (err *scan.Error) {
		switch key {
		case "id":
			op.ID, err = p.s.ID()
		case "vector":
			op.Vector, err = p.vector(start)
		case "payload":
			op.Payload, err = p.payload()
		case "if_version":
			err = p.condition(op)
		}
		return err
	})
	if err == nil && op.ID == "" {
		return scan.Wrong("id", "is missing")
	}
	if err == nil && op.Vector == nil {
		return scan.Wrong("vector", "is missing")
	}
	return err
}

// doomed reads one element of a delete.
func (p *points) doomed(op *flow.Op) (err *scan.Error) {
	op.Kind = flow.Delete
	if p.s.Peek() != '{' {
		op.ID, err = p.s.ID()
		return err
	}
	err = p.s.fields(&doomedShape, func(key string) (err *scan.Error) {
		if key == "id" {
			op.ID, err = p.s.ID()
			return err
		}
		return p.condition(op)
	})
	if err == nil && op.ID == "" {
		return scan.Wrong("id", "is missing")
	}
	return err
}

// condition reads the version an operation depends on; null is none.
func (p *points) condition(op *flow.Op) (err *scan.Error) {
	if p.s.Null() {
		return nil
	}
	op.If, p.conditional = true, true
	op.IfVersion, err = p.s.Uint()
	return err
}

// vector reads a vector. From is where its point began, to guess how many more
// will follow.
func (p *points) vector(from int) (flow.Vector, *scan.Error) {
	s := p.s
	if s.Peek() == '{' {
		if _, err := s.Skip(); err != nil {
			return nil, err
		}
		return nil, scan.Wrong("", "named, sparse and inferred vectors are not supported by this server; give an array of numbers")
	}
	v, err := s.Floats(p.scratch[:0])
	p.scratch = v
	if err != nil {
		return nil, err
	}
	if len(v) == 0 {
		return nil, scan.Wrong("", "is empty")
	}
	if err := p.account(4 * len(v)); err != nil {
		return nil, err
	}
	if cap(p.vectors)-len(p.vectors) < len(v) {
		more := len(v) * (1 + s.Left()/max(s.Pos()-from, 1))
		p.vectors = make([]float32, 0, max(len(v), min(more, maxBlockFloats)))
	}
	at := len(p.vectors)
	p.vectors = append(p.vectors, v...)
	return p.vectors[at:len(p.vectors):len(p.vectors)], nil
}

// account adds n bytes to what the write holds.
func (p *points) account(n int) *scan.Error {
	if p.total += n; p.total > flow.MaxBatchBytes {
		return scan.Wrong("", "vectors and payloads take more than %d bytes in one request, send fewer points at a time", flow.MaxBatchBytes)
	}
	return nil
}

// payload reads a payload: an object, or null for none.
func (p *points) payload() ([]byte, *scan.Error) {
	s := p.s
	if s.Null() {
		return nil, nil
	}
	if s.Peek() != '{' {
		return nil, s.Expected("an object")
	}
	raw, err := s.Skip()
	if err != nil {
		return nil, err
	}
	if len(raw) > flow.MaxPayloadBytes {
		return nil, scan.Wrong("", "is %d bytes long, the limit is %d", len(raw), flow.MaxPayloadBytes)
	}
	if err := p.account(len(raw)); err != nil {
		return nil, err
	}
	if cap(p.bytes)-len(p.bytes) < len(raw) {
		p.bytes = make([]byte, 0, max(len(raw), min(s.Left()+len(raw), maxBlockBytes)))
	}
	at := len(p.bytes)
	p.bytes = append(p.bytes, raw...)
	return p.bytes[at:len(p.bytes):len(p.bytes)], nil
}

// batch reads the column form of an upsert.
func (p *points) batch() *scan.Error {
	var ids []flow.PointID
	var vectors []flow.Vector
	var payloads [][]byte
	s := p.s
	err := s.fields(&batchShape, func(key string) (err *scan.Error) {
		switch key {
		case "ids":
			ids, err = s.ids()
		case "vectors":
			err = s.Array(func(i int) *scan.Error {
				if i == flow.MaxBatchPoints {
					return tooMany()
				}
				v, err := p.vector(s.Pos())
				vectors = append(vectors, v)
				return element(err, i)
			})
		case "payloads":
			if s.Null() {
				return nil
			}
			payloads = [][]byte{}
			err = s.Array(func(i int) *scan.Error {
				if i == flow.MaxBatchPoints {
					return tooMany()
				}
				b, err := p.payload()
				payloads = append(payloads, b)
				return element(err, i)
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(ids) != len(vectors) || payloads != nil && len(payloads) != len(ids) {
		return scan.Wrong("", "has %d ids, %d vectors and %d payloads; there must be as many of each", len(ids), len(vectors), len(payloads))
	}
	p.ops = make([]flow.Op, len(ids))
	for i := range ids {
		p.ops[i] = flow.Op{Kind: flow.Upsert, ID: ids[i], Vector: vectors[i]}
		if payloads != nil {
			p.ops[i].Payload = payloads[i]
		}
	}
	return nil
}
