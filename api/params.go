package api

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/client/scan"
)

// maxTimeout is the longest wait a request may ask for.
const maxTimeout = time.Hour

// Query parameters by kind of request. consistency and ordering are Qdrant's:
// their values are checked and then met by what this server does anyway, since
// the default level is stronger than any of them.
var (
	readParams     = []string{"level", "session", "max_staleness_ms", "timeout", "partial", "consistency"}
	writeParams    = []string{"wait", "ordering", "timeout", "results"}
	waitParams     = []string{"timeout"}
	estimateParams = []string{"points", "id_bytes", "payload_bytes"}
	fieldParams    = []string{"wait", "ordering", "timeout"} // the first two change nothing
)

// params are the query parameters of a request, each at most once and of a known name.
type params struct {
	values url.Values
	err    *scan.Error
}

// parseParams reads a query string that may hold the known parameters.
func parseParams(raw string, known []string) *params {
	v, err := url.ParseQuery(raw)
	p := &params{values: v}
	if err != nil {
		p.err = scan.Wrong("", "malformed query string: %v", err)
		return p
	}
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(known, name) {
			hint := "; there are none"
			if len(known) > 0 {
				hint = "; there are " + strings.Join(known, ", ")
			}
			p.err = scan.Wrong(name, "is not a query parameter of this request%s", hint)
		} else if len(v[name]) > 1 {
			p.err = scan.Wrong(name, "is there twice")
		}
	}
	return p
}

// fail keeps the first error.
func (p *params) fail(err *scan.Error) {
	if p.err == nil {
		p.err = err
	}
}

// done returns the first error.
func (p *params) done() error {
	if p.err == nil {
		return nil
	}
	return p.err
}

// flag reads a boolean; without a value it is true.
func (p *params) flag(name string) bool {
	if !p.values.Has(name) {
		return false
	}
	switch p.values.Get(name) {
	case "", "true", "1":
		return true
	case "false", "0":
		return false
	}
	p.fail(scan.Wrong(name, "%q is neither true nor false", p.values.Get(name)))
	return false
}

// timeout reads the limit on the wait: seconds, fractions allowed.
func (p *params) timeout() time.Duration {
	if !p.values.Has("timeout") {
		return 0
	}
	x, err := strconv.ParseFloat(p.values.Get("timeout"), 64)
	if err != nil || math.IsNaN(x) || x <= 0 || x > maxTimeout.Seconds() {
		p.fail(scan.Wrong("timeout", "%q is not a number of seconds above 0 and up to %g", p.values.Get("timeout"), maxTimeout.Seconds()))
		return 0
	}
	return max(time.Duration(x*float64(time.Second)), time.Nanosecond)
}

// number reads a whole number up to a limit, 0 if it is not there.
func (p *params) number(name string, limit uint64) uint64 {
	if !p.values.Has(name) {
		return 0
	}
	n, err := strconv.ParseUint(p.values.Get(name), 10, 64)
	if err != nil || n > limit {
		p.fail(scan.Wrong(name, "%q is not a whole number up to %d", p.values.Get(name), limit))
		return 0
	}
	return n
}

// oneOf checks one of Qdrant's parameters that need nothing to be met.
func (p *params) oneOf(name string, words ...string) {
	if v := p.values.Get(name); p.values.Has(name) && !slices.Contains(words, v) {
		if n, err := strconv.Atoi(v); name != "consistency" || err != nil || n < 1 {
			p.fail(scan.Wrong(name, "%q is not one of %s", v, strings.Join(words, ", ")))
		}
	}
}

// read reads how a read may be answered.
func (p *params) read() (flow.ReadOptions, error) {
	o := flow.ReadOptions{Timeout: p.timeout(), Partial: p.flag("partial")}
	p.oneOf("consistency", "majority", "quorum", "all")
	var err error
	if o.Level, err = flow.ParseReadLevel(p.values.Get("level")); err != nil {
		p.fail(scan.Wrong("level", "%s", message(err)))
	}
	if p.values.Has("session") {
		if o.Token, err = flow.ParseSessionToken(p.values.Get("session")); err != nil {
			p.fail(scan.Wrong("session", "%s", message(err)))
		}
		if !p.values.Has("level") {
			o.Level = flow.Session
		}
	} else if o.Level == flow.Session {
		p.fail(scan.Wrong("session", "is missing; level session needs the token of a write"))
	}
	if p.values.Has("max_staleness_ms") {
		ms, err := strconv.ParseUint(p.values.Get("max_staleness_ms"), 10, 31)
		if err != nil {
			p.fail(scan.Wrong("max_staleness_ms", "%q is not a number of milliseconds", p.values.Get("max_staleness_ms")))
		}
		o.MaxStaleness = time.Duration(ms) * time.Millisecond
		if !p.values.Has("level") && !p.values.Has("session") {
			o.Level = flow.Bounded
		}
	} else if o.Level == flow.Bounded {
		p.fail(scan.Wrong("max_staleness_ms", "is missing; level bounded needs it"))
	}
	return o, p.done()
}
