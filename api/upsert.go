package api

import (
	flow "github.com/ruvector-flow/ruvector-flow"
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
}

// decodeUpsert reads {"points":[{"id","vector","payload","if_version"}…]} or
// {"batch":{"ids":[…],"vectors":[…],"payloads":[…]}}. Payloads are kept as they
// were written, so a key that comes twice inside of one is not noticed.
func decodeUpsert(body []byte) (p points, err error) {
	forms := 0
	err = decode(body, func(s *scanner) *bodyError {
		p.s = s
		if err := s.fields(&upsertShape, func(key string) *bodyError {
			if s.null() {
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
			return wrong("points", "there must be either points or batch")
		}
		if len(p.ops) == 0 {
			return outside("points", "there must be at least one point")
		}
		return nil
	})
	return p, err
}

// decodeDelete reads {"points":[id or {"id","if_version"}…]}.
func decodeDelete(body []byte) (p points, err error) {
	given := false
	err = decode(body, func(s *scanner) *bodyError {
		p.s = s
		if err := s.fields(&deleteShape, func(string) *bodyError {
			given = true
			return p.list(p.doomed)
		}); err != nil {
			return err
		}
		if !given {
			return wrong("points", "is missing")
		}
		if len(p.ops) == 0 {
			return outside("points", "there must be at least one point")
		}
		return nil
	})
	return p, err
}

// list reads an array of operations, each with read.
func (p *points) list(read func(op *flow.Op) *bodyError) *bodyError {
	return p.s.array(func(i int) *bodyError {
		if i == flow.MaxBatchPoints {
			return tooMany()
		}
		p.ops = append(p.ops, flow.Op{})
		return element(read(&p.ops[i]), i)
	})
}

// point reads one point of an upsert.
func (p *points) point(op *flow.Op) *bodyError {
	op.Kind = flow.Upsert
	start := p.s.i
	err := p.s.fields(&pointShape, func(key string) (err *bodyError) {
		switch key {
		case "id":
			op.ID, err = p.s.id()
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
		return wrong("id", "is missing")
	}
	if err == nil && op.Vector == nil {
		return wrong("vector", "is missing")
	}
	return err
}

// doomed reads one element of a delete.
func (p *points) doomed(op *flow.Op) (err *bodyError) {
	op.Kind = flow.Delete
	if p.s.peek() != '{' {
		op.ID, err = p.s.id()
		return err
	}
	err = p.s.fields(&doomedShape, func(key string) (err *bodyError) {
		if key == "id" {
			op.ID, err = p.s.id()
			return err
		}
		return p.condition(op)
	})
	if err == nil && op.ID == "" {
		return wrong("id", "is missing")
	}
	return err
}

// condition reads the version an operation depends on; null is none.
func (p *points) condition(op *flow.Op) (err *bodyError) {
	if p.s.null() {
		return nil
	}
	op.If, p.conditional = true, true
	op.IfVersion, err = p.s.unsigned()
	return err
}

// vector reads a vector. From is where its point began, to guess how many more
// will follow.
func (p *points) vector(from int) (flow.Vector, *bodyError) {
	s := p.s
	if s.peek() == '{' {
		if _, err := s.skip(); err != nil {
			return nil, err
		}
		return nil, wrong("", "named, sparse and inferred vectors are not supported by this server; give an array of numbers")
	}
	v, err := s.floats(p.scratch[:0])
	p.scratch = v
	if err != nil {
		return nil, err
	}
	if len(v) == 0 {
		return nil, wrong("", "is empty")
	}
	if err := p.account(4 * len(v)); err != nil {
		return nil, err
	}
	if cap(p.vectors)-len(p.vectors) < len(v) {
		more := len(v) * (1 + (len(s.b)-s.i)/max(s.i-from, 1))
		p.vectors = make([]float32, 0, max(len(v), min(more, maxBlockFloats)))
	}
	at := len(p.vectors)
	p.vectors = append(p.vectors, v...)
	return p.vectors[at:len(p.vectors):len(p.vectors)], nil
}

// account adds n bytes to what the write holds.
func (p *points) account(n int) *bodyError {
	if p.total += n; p.total > flow.MaxBatchBytes {
		return wrong("", "vectors and payloads take more than %d bytes in one request, send fewer points at a time", flow.MaxBatchBytes)
	}
	return nil
}

// payload reads a payload: an object, or null for none.
func (p *points) payload() ([]byte, *bodyError) {
	s := p.s
	if s.null() {
		return nil, nil
	}
	if s.peek() != '{' {
		return nil, s.expected("an object")
	}
	raw, err := s.skip()
	if err != nil {
		return nil, err
	}
	if len(raw) > flow.MaxPayloadBytes {
		return nil, wrong("", "is %d bytes long, the limit is %d", len(raw), flow.MaxPayloadBytes)
	}
	if err := p.account(len(raw)); err != nil {
		return nil, err
	}
	if cap(p.bytes)-len(p.bytes) < len(raw) {
		p.bytes = make([]byte, 0, max(len(raw), min(len(s.b)-s.i+len(raw), maxBlockBytes)))
	}
	at := len(p.bytes)
	p.bytes = append(p.bytes, raw...)
	return p.bytes[at:len(p.bytes):len(p.bytes)], nil
}

// batch reads the column form of an upsert.
func (p *points) batch() *bodyError {
	var ids []flow.PointID
	var vectors []flow.Vector
	var payloads [][]byte
	s := p.s
	err := s.fields(&batchShape, func(key string) (err *bodyError) {
		switch key {
		case "ids":
			ids, err = s.ids()
		case "vectors":
			err = s.array(func(i int) *bodyError {
				if i == flow.MaxBatchPoints {
					return tooMany()
				}
				v, err := p.vector(s.i)
				vectors = append(vectors, v)
				return element(err, i)
			})
		case "payloads":
			if s.null() {
				return nil
			}
			payloads = [][]byte{}
			err = s.array(func(i int) *bodyError {
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
		return wrong("", "has %d ids, %d vectors and %d payloads; there must be as many of each", len(ids), len(vectors), len(payloads))
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
