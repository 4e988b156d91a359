package linearizability

import flow "github.com/ruvector-flow/ruvector-flow"

// keep remembers a payload that was written.
func (p *partition) keep(payload []byte) {
	if p.o.Pass == nil {
		return
	}
	if p.payloads == nil {
		p.payloads = map[uint64][]byte{}
	}
	p.payloads[payloadDigest(payload)] = payload
}

// filterOf returns the filter of a read.
func filterOf(op *Operation) flow.Filter {
	switch r := op.Request.(type) {
	case *flow.CountRequest:
		return r.Filter
	case *flow.ScrollRequest:
		return r.Filter
	case *flow.SearchRequest:
		return r.Filter
	}
	return nil
}

// pass returns what says whether a value of a point passes a read's filter; nil
// without one. A value that does not pass is to the read as none.
func (p *partition) pass(op *Operation, ph *pointHistory) func(value) bool {
	f := filterOf(op)
	if len(f) == 0 {
		return nil
	}
	if p.o.Pass == nil {
		panic("linearizability: a read has a filter, and Options.Pass is not there to judge it")
	}
	return func(v value) bool { return p.o.Pass(f, ph.point, p.payloads[v.payload]) }
}

// holds says whether a value is one that the read may see.
func (s *span) holds(v value) bool { return v.exists && (s.pass == nil || s.pass(v)) }
