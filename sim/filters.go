package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/index/filter"
)

const (
	// filteredPart is one in so many counts, scrolls and searches without a filter.
	filteredPart = 3
	// maxFieldChanges bounds the declarations of payload indexes in a world.
	maxFieldChanges = 8
)

// payloadOf is the payload of a client's operation: few values each, so that filters
// let some points pass; not every payload has every field.
func payloadOf(client int, op uint64, i int) []byte {
	h := hash(uint64(client), op, uint64(i))
	n := func(below uint64) uint64 { h = mix(h); return h % below }
	members := []string{fmt.Sprintf(`"w":"%d-%d-%d"`, client, op, i)}
	for _, m := range []string{
		fmt.Sprintf(`"k":"k%d"`, n(3)), fmt.Sprintf(`"n":%d`, n(6)), fmt.Sprintf(`"f":%d.5`, n(4)), fmt.Sprintf(`"b":%v`, n(2) == 0),
		fmt.Sprintf(`"tags":["t%d","t%d"]`, n(3), n(4)), fmt.Sprintf(`"at":"2023-02-0%dT10:00:00Z"`, 1+n(4)), fmt.Sprintf(`"text":"red %s fish"`, []string{"blue", "two", "red"}[n(3)]),
		fmt.Sprintf(`"o":[{"a":%d,"b":%d},{"a":%d}]`, n(3), n(3), n(3)), fmt.Sprintf(`"at2":{"lat":%d,"lon":%d}`, n(3), n(3)), `"k":null`,
	} {
		if n(3) > 0 {
			members = append(members, m)
		}
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}

// drawFilter draws a filter on such payloads, a new one each time.
func drawFilter(r *rand.Rand, s Scenario, depth int) string {
	var members []string
	for _, name := range []string{"must", "should", "must_not"} {
		if r.IntN(2) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, drawConditions(r, s, depth)))
		}
	}
	if r.IntN(6) == 0 {
		members = append(members, fmt.Sprintf(`"min_should":{"min_count":%d,"conditions":%s}`, r.IntN(3), drawConditions(r, s, depth)))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func drawConditions(r *rand.Rand, s Scenario, depth int) string {
	var list []string
	for range 1 + r.IntN(2) {
		list = append(list, drawCondition(r, s, depth))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func drawCondition(r *rand.Rand, s Scenario, depth int) string {
	switch r.IntN(15) {
	case 0:
		return fmt.Sprintf(`{"key":"k","match":{"value":"k%d"}}`, r.IntN(3))
	case 1:
		return fmt.Sprintf(`{"key":"k","match":{"%s":["k%d","k%d"]}}`, pick(r, []string{"any", "except"}), r.IntN(3), r.IntN(3))
	case 2:
		return fmt.Sprintf(`{"key":"n","match":{"value":%d}}`, r.IntN(6))
	case 3:
		return fmt.Sprintf(`{"key":"%s","range":{"gte":%d,"lt":%d.5}}`, pick(r, []string{"n", "f"}), r.IntN(3), 1+r.IntN(5))
	case 4:
		return fmt.Sprintf(`{"key":"tags","match":{"value":"t%d"}}`, r.IntN(4))
	case 5:
		return fmt.Sprintf(`{"key":"at","range":{"gt":"2023-02-0%d"}}`, 1+r.IntN(4))
	case 6:
		return fmt.Sprintf(`{"key":"text","match":{"%s":"%s fish"}}`, pick(r, []string{"text", "phrase", "text_any"}), pick(r, []string{"blue", "two", "RED"}))
	case 7:
		return fmt.Sprintf(`{"nested":{"key":"o","filter":{"must":[{"key":"a","match":{"value":%d}},{"key":"b","match":{"value":%d}}]}}}`, r.IntN(3), r.IntN(3))
	case 8:
		return fmt.Sprintf(`{"key":"o[].a","match":{"value":%d}}`, r.IntN(3))
	case 9:
		return fmt.Sprintf(`{"key":"at2","geo_radius":{"center":{"lat":%d,"lon":%d},"radius":120000}}`, r.IntN(3), r.IntN(3))
	case 10:
		return fmt.Sprintf(`{"%s":{"key":"%s"}}`, pick(r, []string{"is_empty", "is_null"}), pick(r, []string{"k", "n", "tags"}))
	case 11:
		return fmt.Sprintf(`{"key":"tags","values_count":{"gte":%d}}`, 1+r.IntN(2))
	case 12:
		return fmt.Sprintf(`{"key":"b","match":{"value":%v}}`, r.IntN(2) == 0)
	case 13:
		if depth > 0 {
			return drawFilter(r, s, depth-1)
		}
	}
	var ids []string
	for range 1 + r.IntN(3) {
		id := pointID(r.IntN(s.IDs))
		if n, ok := id.Number(); ok {
			ids = append(ids, fmt.Sprint(n))
		} else {
			ids = append(ids, fmt.Sprintf("%q", id.Text()))
		}
	}
	return `{"has_id":[` + strings.Join(ids, ",") + `]}`
}

// drawFilter gives a read of the client a filter, most times.
func (c *client) drawFilter() flow.Filter {
	r := stream(c.l.w.scenario.Seed, purposeFilter, uint64(c.number), c.ops)
	if r.IntN(filteredPart) == 0 {
		return nil
	}
	return flow.Filter(drawFilter(r, c.l.w.scenario, 1))
}

// passer returns what judges filters by their definition; it keeps those it has read.
func passer() func(f flow.Filter, id flow.PointID, payload []byte) bool {
	known := map[string]*filter.Matcher{}
	return func(f flow.Filter, id flow.PointID, payload []byte) bool {
		m := known[string(f)]
		if m == nil {
			e, err := filter.Parse(f)
			if err != nil {
				panic(fmt.Sprintf("sim: a drawn filter is none: %v", err))
			}
			m = e.Matcher()
			known[string(f)] = m
		}
		return m.Match(id, payload)
	}
}

// simFields are the fields that worlds declare indexes of, of a kind that fits and of
// one that does not.
var simFields = [...]flow.Field{
	{Path: "k", Kind: flow.KeywordField}, {Path: "n", Kind: flow.IntegerField}, {Path: "f", Kind: flow.FloatField}, {Path: "n", Kind: flow.FloatField},
	{Path: "tags", Kind: flow.KeywordField}, {Path: "at", Kind: flow.DatetimeField}, {Path: "text", Kind: flow.TextField}, {Path: "o[].a", Kind: flow.IntegerField},
	{Path: "at2", Kind: flow.GeoField}, {Path: "b", Kind: flow.BoolField}, {Path: "k", Kind: flow.TextField}, {Path: "o[].b", Kind: flow.KeywordField},
}

// planFields spreads declarations and removals of payload indexes over the run.
func (l *workload) planFields() {
	r := stream(l.w.scenario.Seed, purposeFilter)
	for range r.IntN(maxFieldChanges + 1) {
		at := time.Duration(r.Int64N(int64(l.w.scenario.Run)))
		req := &flow.DeclareFieldRequest{
			Collection: pick(r, []string{stableCollection, stableCollection, fleetingCollection}), Field: pick(r, simFields[:]),
			Remove: r.IntN(4) == 0, Timeout: catalogueTimeout,
		}
		l.w.after(at, func() {
			h := l.w.anyHost(hash(l.w.scenario.Seed, purposeFilter, uint64(l.w.now)))
			if h == nil || !l.running {
				return
			}
			l.w.calls.do(h, req, catalogueTimeout, func(resp flow.Response, _ bool) {
				if resp != nil {
					l.w.checks.allowed(h, req, resp, "")
				}
			})
		})
	}
}
