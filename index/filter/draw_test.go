package filter

import (
	"fmt"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// chooser draws numbers: rapid's or a seeded source's.
type chooser func(n int) int

func pick(r chooser, list ...string) string { return list[r(len(list))] }

// drawKeys are the keys of drawn payloads, the same in objects within.
var drawKeys = []string{"a", "b", "c", `k\u0079`}

// drawPayload draws an object, or now and then nothing or what is no payload.
func drawPayload(r chooser) string {
	if r(20) == 0 {
		return pick(r, "", "null", "[1]", `{"a":1`, `{"a":[1,}`)
	}
	return drawObject(r, 3)
}

func drawObject(r chooser, depth int) string {
	var members []string
	for range r(5) {
		members = append(members, fmt.Sprintf(`"%s":%s`, drawKeys[r(len(drawKeys))], drawValue(r, depth-1)))
	}
	return "{" + strings.Join(members, pick(r, ",", " , ")) + "}"
}

func drawValue(r chooser, depth int) string {
	if depth > 0 {
		switch r(6) {
		case 0:
			return drawObject(r, depth)
		case 1, 2:
			var list []string
			for range r(4) {
				list = append(list, drawValue(r, depth-1))
			}
			return "[" + strings.Join(list, ",") + "]"
		}
	}
	switch r(7) {
	case 0:
		return pick(r, "null", "true", "false")
	case 1:
		return `"` + drawTime(r) + `"`
	case 2:
		return `"` + drawText(r) + `"`
	case 3:
		return drawPlace(r)
	case 4:
		return pick(r, `"x"`, `"\u0078"`, `"y"`, `"\n"`, `"é"`)
	case 5:
		return drawInteger(r)
	}
	return drawNumber(r)
}

func drawInteger(r chooser) string {
	return pick(r, "0", "1", "2", "-3", "9007199254740993", "9007199254740992", "9223372036854775807", "-9223372036854775808", "-0")
}

func drawNumber(r chooser) string {
	return pick(r, drawInteger(r), "1.0", "1.5", "-2.25", "1e300", "2e0", "9223372036854775808", "1e-7")
}

func drawTime(r chooser) string {
	return fmt.Sprintf("20%02d-0%d-1%d", r(3), 1+r(2), r(3)) + pick(r, "", "T0"+fmt.Sprint(r(3))+":00:00Z", " 01:00", "T01:00:00+01:00")
}

func drawText(r chooser) string {
	var list []string
	for range 1 + r(3) {
		list = append(list, pick(r, "red", "Red", "fox", "dog", "ÄPFEL", "x"))
	}
	return strings.Join(list, pick(r, " ", ", ", "-"))
}

func drawPlace(r chooser) string {
	if r(6) == 0 {
		return pick(r, `{"lat":1}`, `{"lat":"1","lon":2}`)
	}
	return fmt.Sprintf(`{"lon":%d.5,"lat":%d}`, r(8)*10-40, r(8)*10-40)
}

func drawPath(r chooser) string {
	p := pick(r, "a", "b", "c", "ky")
	for range r(3) {
		p += pick(r, ".a", ".b", `."c"`, "[]", "[0]", "[1]")
	}
	return p
}

// drawFilter draws a filter; within a nested one there are no ids.
func drawFilter(r chooser, depth, ids int) string {
	var members []string
	for _, name := range []string{"must", "should", "must_not"} {
		if r(2) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, drawConditions(r, depth, ids)))
		}
	}
	if r(5) == 0 {
		members = append(members, fmt.Sprintf(`"min_should":{"conditions":%s,"min_count":%d}`, drawConditions(r, depth, ids), r(4)))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func drawConditions(r chooser, depth, ids int) string {
	var list []string
	for range r(4) {
		list = append(list, drawCondition(r, depth, ids))
	}
	if len(list) == 1 && r(2) == 0 {
		return list[0]
	}
	return "[" + strings.Join(list, ",") + "]"
}

func drawCondition(r chooser, depth, ids int) string {
	switch k := r(12); {
	case k == 0 && depth > 0:
		return drawFilter(r, depth-1, ids)
	case k == 1 && depth > 0:
		return fmt.Sprintf(`{"nested":{"key":%q,"filter":%s}}`, drawPath(r), drawFilter(r, depth-1, 0))
	case k == 2 && ids > 0:
		var list []string
		for range r(6) {
			list = append(list, fmt.Sprint(r(ids+2)))
		}
		return `{"has_id":[` + strings.Join(list, ",") + `]}`
	case k == 3:
		return fmt.Sprintf(`{%q:{"key":%q}}`, pick(r, "is_empty", "is_null"), drawPath(r))
	case k == 4:
		return fmt.Sprintf(`{"key":%q,%q:%s}`, drawPath(r), pick(r, "is_empty", "is_null"), pick(r, "true", "false"))
	}
	return fmt.Sprintf(`{"key":%q,%s}`, drawPath(r), drawAsk(r))
}

func drawAsk(r chooser) string {
	switch r(10) {
	case 0:
		return `"match":{"value":` + pick(r, `"x"`, `"y"`, `"é"`, drawInteger(r), "true", "false", `"`+drawText(r)+`"`) + "}"
	case 1:
		return `"match":{"any":` + drawList(r) + "}"
	case 2:
		return `"match":{"except":` + drawList(r) + "}"
	case 3:
		return fmt.Sprintf(`"match":{%q:%q}`, pick(r, "text", "text_any", "phrase"), drawText(r))
	case 4:
		return drawBounds(r, "range", func() string { return `"` + drawTime(r) + `"` })
	case 5:
		return fmt.Sprintf(`"geo_bounding_box":{"top_left":%s,"bottom_right":%s}`, drawCorner(r), drawCorner(r))
	case 6:
		return fmt.Sprintf(`"geo_radius":{"center":%s,"radius":%d}`, drawCorner(r), r(5)*1_500_000)
	case 7:
		a, b, c := drawCorner(r), drawCorner(r), drawCorner(r)
		return fmt.Sprintf(`"geo_polygon":{"exterior":{"points":[%s,%s,%s,%s]}}`, a, b, c, a)
	case 8:
		return drawBounds(r, "values_count", func() string { return fmt.Sprint(r(4)) })
	}
	return drawBounds(r, "range", func() string { return drawNumber(r) })
}

func drawCorner(r chooser) string { return fmt.Sprintf(`{"lat":%d,"lon":%d}`, r(9)*10-40, r(9)*10-40) }

func drawList(r chooser) string {
	var list []string
	one := func() string { return drawInteger(r) }
	if r(2) == 0 {
		one = func() string { return pick(r, `"x"`, `"y"`, `"é"`, `"red"`) }
	}
	for range r(12) {
		list = append(list, one())
	}
	return "[" + strings.Join(list, ",") + "]"
}

func drawBounds(r chooser, name string, bound func() string) string {
	var list []string
	for _, b := range []string{"gt", "gte", "lt", "lte"} {
		if r(3) == 0 {
			list = append(list, fmt.Sprintf("%q:%s", b, bound()))
		}
	}
	return fmt.Sprintf("%q:{%s}", name, strings.Join(list, ","))
}

// drawField draws a field to index.
func drawField(r chooser) flow.Field {
	f, err := Check(flow.Field{Path: drawPath(r), Kind: flow.KeywordField + flow.FieldKind(r(int(flow.UUIDField)))})
	if err != nil {
		panic(err)
	}
	return f
}

// world is rows, an index of them, and what the store would hold.
type world struct {
	index    *Index
	payloads []string
	live     []bool
	fetched  int
}

func (w *world) add(payload string) {
	w.index.Add(uint32(len(w.payloads)), []byte(payload))
	w.payloads, w.live = append(w.payloads, payload), append(w.live, true)
}

func (w *world) remove(row int) {
	if w.live[row] {
		w.index.Remove(uint32(row))
		w.live[row] = false
	}
}

// build makes the indexes that are not ready.
func (w *world) build() {
	for _, f := range w.index.Unready() {
		b := w.index.Builder(f.Path)
		for row := range b.Rows() {
			if w.live[row] {
				b.Add(row, []byte(w.payloads[row]))
			}
		}
		if !w.index.Attach(b) {
			panic("a builder does not fit")
		}
	}
}

// rows reads the store; a row's point is the number of the row.
func (w *world) rows() Rows {
	return Rows{
		Find: func(id flow.PointID) (uint32, bool) {
			n, ok := id.Number()
			if !ok || n >= uint64(len(w.live)) || !w.live[n] {
				return 0, false
			}
			return uint32(n), true
		},
		Payloads: func(list []uint32, each func(row uint32, payload []byte)) error {
			for _, row := range list {
				w.fetched++
				each(row, []byte(w.payloads[row]))
			}
			return nil
		},
	}
}

// brute returns the rows that pass by the definition.
func (w *world) brute(e *Expr) []uint32 {
	var list []uint32
	for row, payload := range w.payloads {
		if w.live[row] && e.Match(flow.NumberID(uint64(row)), []byte(payload)) {
			list = append(list, uint32(row))
		}
	}
	return list
}
