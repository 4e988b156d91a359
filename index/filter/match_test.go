package filter

import (
	"fmt"
	"os"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// TestMatch checks the conditions on a payload whose answers the documentation of
// Qdrant's filters gives, or that follow from it.
func TestMatch(t *testing.T) {
	file, err := os.ReadFile("testdata/match.txt")
	if err != nil {
		t.Fatal(err)
	}
	payload, cases := "", 0
	for line := range strings.Lines(string(file)) {
		word, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "payload":
			payload = text
		case "yes", "no":
			cases++
			e, err := Parse([]byte(text))
			if err != nil {
				t.Errorf("%s: %v", text, err)
			} else if got := e.Match(flow.NumberID(7), []byte(payload)); got != (word == "yes") {
				t.Errorf("%s: got %v", text, got)
			}
		}
	}
	if cases < 100 {
		t.Errorf("only %d cases", cases)
	}
}

// A payload that is nothing, or no object, is one without fields.
func TestMatchWithoutFields(t *testing.T) {
	e, err := Parse([]byte(`{"must":[{"is_empty":{"key":"a"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{"", "null", "[1]", `"a"`, `{"a":`, `{"a":1`, `{"b":[}`, "{}"} {
		if !e.Match(flow.NumberID(1), []byte(payload)) {
			t.Errorf("payload %q has a field", payload)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ filter, want string }{
		{`[]`, "filter: expected an object, found an array"},
		{`{"must":`, "filter.must: malformed JSON: it ends too early, at byte 8 (expected a value)"},
		{`{"most":[]}`, "filter.most: unknown field; a filter has must, should, must_not and min_should"},
		{`{"must":[1]}`, "filter.must[0]: expected an object, found a number"},
		{`{"must":[{"key":"a"}]}`, `filter.must[0]: the condition on "a" asks nothing: match, range, geo_bounding_box, geo_radius, geo_polygon, values_count, is_empty or is_null is missing`},
		{`{"must":[{"match":{"value":1}}]}`, "filter.must[0].key: missing"},
		{`{"must":[{"key":"a b","match":{"value":1}}]}`, `filter.must[0].key: "a b" is no path: expected '.' or '[' before " b"`},
		{`{"must":[{"key":"a[x]","match":{"value":1}}]}`, `filter.must[0].key: "a[x]" is no path: expected a number or nothing between [ and ]`},
		{`{"must":[{"key":"a","match":{"value":1.5}}]}`, "filter.must[0].match.value: expected an integer of 64 bits, found 1.5; numbers with a fraction are matched by a range"},
		{`{"must":[{"key":"a","match":{"value":[1]}}]}`, "filter.must[0].match.value: expected a string, an integer or a boolean, found an array"},
		{`{"must":[{"key":"a","match":{"any":[1,"a"]}}]}`, "filter.must[0].match.any[1]: expected all strings or all integers, found a string"},
		{`{"must":[{"key":"a","match":{}}]}`, "filter.must[0].match: a match needs value, any, except, text, text_any or phrase"},
		{`{"must":[{"key":"a","match":{"value":1,"any":[1]}}]}`, "filter.must[0].match.any: a match has one member, and this one has value too"},
		{`{"should":[{"key":"a","range":{"gte":"soon"}}]}`, `filter.should[0].range.gte: "soon" is neither a number nor a time such as 2023-02-08T10:49:00Z (RFC 3339)`},
		{`{"should":[{"key":"a","range":{"gte":1,"lt":"2020-01-01"}}]}`, "filter.should[0].range.lt: expected a number like the other bound, found a time"},
		{`{"should":[{"key":"a","range":{"lt":"2020-01-01","gt":1}}]}`, "filter.should[0].range.gt: expected a time like the other bound, found a number"},
		{`{"should":[{"key":"a","range":{"from":1}}]}`, "filter.should[0].range.from: unknown field; expected gt, gte, lt or lte"},
		{`{"must":[{"key":"a","geo_radius":{"center":{"lat":91,"lon":0},"radius":1}}]}`, "filter.must[0].geo_radius.center.lat: 91 is not in -90..90"},
		{`{"must":[{"key":"a","geo_radius":{"center":{"lat":9,"lon":0}}}]}`, "filter.must[0].geo_radius.radius: missing"},
		{`{"must":[{"key":"a","geo_polygon":{"exterior":{"points":[{"lat":1,"lon":1}]}}}]}`, "filter.must[0].geo_polygon.exterior.points: 1 corners; a ring has at least 4, the last like the first"},
		{`{"must":[{"key":"a","match":{"value":1},"range":{}}]}`, "filter.must[0].range: a condition asks one thing, and this one has match too; put each in a condition of its own"},
		{`{"must":[{"has_id":[-1]}]}`, "filter.must[0].has_id[0]: expected an unsigned integer below 2^64, found -1"},
		{`{"must":[{"has_vector":"x"}]}`, "filter.must[0].has_vector: not supported: points have one vector"},
		{`{"must":[{"nested":{"key":"a","filter":{"must":[{"has_id":[1]}]}}}]}`, "filter.must[0].nested.filter.must[0].has_id: not allowed within nested: put it beside it"},
		{`{"must":[{"nested":{"key":"a"}}]}`, "filter.must[0].nested.filter: missing"},
		{`{"min_should":{"conditions":[]}}`, "filter.min_should.min_count: missing"},
	} {
		_, err := Parse([]byte(c.filter))
		if err == nil {
			t.Errorf("%s: no error", c.filter)
			continue
		}
		if want := "invalid argument: " + c.want; err.Error() != want || flow.KindOf(err) != flow.InvalidArgument {
			t.Errorf("%s:\n got %v\nwant %s", c.filter, err, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]int64{
		"1970-01-01T00:00:00Z": 0, "1970-01-01": 0, "1970-01-01 00:00": 0, "1970-01-01T00:00:00": 0, "1970-01-01 00:00:00.5": 500_000,
		"2000-02-29T12:00:00Z": 951825600_000_000, "1969-12-31T23:59:59.999999999Z": -1, "2023-02-08T10:49:00.123456+01:30": 1675847940_123_456,
		"2023-02-08t10:49:00z": 1675853340_000_000, "2016-12-31T23:59:60Z": 1483228800_000_000, "2023-02-08T10:49:00-08": 1675882140_000_000,
	} {
		if got, ok := parseTime(text); !ok || got != want {
			t.Errorf("%s: got %d %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "x", "2023", "2023-02", "2023-02-30", "2023-13-01", "2023-02-08T", "2023-02-08T10:49", "2023-02-08T24:00:00Z", "2023-02-08T10:49:00X",
		"2023-02-08T10:49:00.Z", "2023-02-08T10:49:00+1", "2023-02-08T10:49:00+24:00", "2023-02-08 10:49Z", "20230208", "2023-02-08T10:49:00Z "} {
		if got, ok := parseTime(text); ok {
			t.Errorf("%q: is a time: %d", text, got)
		}
	}
}

// TestGeo: edges of areas, the 180th meridian and the poles.
func TestGeo(t *testing.T) {
	square := ring{{0, 0}, {0, 10}, {10, 10}, {10, 0}, {0, 0}}
	hole := ring{{4, 4}, {4, 6}, {6, 6}, {6, 4}, {4, 4}}
	pacific := &box{topLeft: place{10, 170}, bottomRight: place{-10, -170}}
	for _, c := range []struct {
		area area
		at   place
		want bool
	}{
		{&polygon{exterior: square}, place{0, 5}, true}, {&polygon{exterior: square}, place{10, 10}, true}, {&polygon{exterior: square}, place{5, 5}, true},
		{&polygon{exterior: square}, place{11, 5}, false}, {&polygon{exterior: square}, place{0, -1}, false}, {&polygon{exterior: square}, place{5, 11}, false},
		{&polygon{square, []ring{hole}}, place{5, 5}, false}, {&polygon{square, []ring{hole}}, place{4, 5}, true}, {&polygon{square, []ring{hole}}, place{3, 5}, true},
		{pacific, place{0, 175}, true}, {pacific, place{0, -175}, true}, {pacific, place{0, 0}, false}, {pacific, place{10, 175}, false},
		{&circle{place{90, 0}, 1000}, place{89.999, 123}, true}, {&circle{place{0, 179.999}, 1000}, place{0, -179.999}, true}, {&circle{place{0, 0}, 0}, place{0, 0}, false},
	} {
		if got := c.area.holds(c.at); got != c.want {
			t.Errorf("%T %v: got %v", c.area, c.at, got)
		}
		if lo, hi := c.area.latitudes(); c.want && (c.at.lat < lo || c.at.lat > hi) {
			t.Errorf("%T: %v is not in %v..%v", c.area, c.at, lo, hi)
		}
	}
}

func TestPathString(t *testing.T) {
	for _, text := range []string{"a", "a.b", "a[].b", "a[0].b[]", `a."b c"."d.e"[]`, `""`, "ä-ö_1"} {
		p, why := parsePath(text)
		if why != "" || p.String() != text {
			t.Errorf("%q: %q %s", text, p.String(), why)
		}
	}
	for _, text := range []string{"", ".", "a.", "a..b", "a[", "a[1", "a[-1]", "a[+1]", "[]", "[0].a", `a."b`, `"a\"b"`, "a b", "a[]b", "a[99999999999]"} {
		if p, why := parsePath(text); why == "" {
			t.Errorf("%q is a path: %v", text, p)
		}
	}
	for _, same := range [][2]string{{`"a"."b"`, "a.b"}} {
		if p, _ := parsePath(same[0]); p.String() != same[1] {
			t.Errorf("%s: %s", same[0], fmt.Sprint(p))
		}
	}
}
