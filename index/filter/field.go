package filter

import (
	"cmp"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Check returns a field with its path in the form that compares, or InvalidArgument.
func Check(f flow.Field) (flow.Field, error) {
	p, why := parsePath(f.Path)
	if why != "" {
		return f, flow.Errorf(flow.InvalidArgument, "filter.Check", "field_name: %q is no path: %s", f.Path, why)
	}
	if !f.Kind.Valid() {
		return f, flow.Errorf(flow.InvalidArgument, "filter.Check", "field_schema: there is no kind %d of index", f.Kind)
	}
	f.Path = p.String()
	return f, nil
}

// flag is what an index remembers of a row besides values.
type flag uint8

const (
	// some: the field is not empty.
	some flag = iota
	// isNull: one of the values is null.
	isNull
	// other: a value that is neither null nor of the index's kind.
	other
)

// field is an index of one field: its values and flags by row.
type field struct {
	flow.Field
	path path
	// rows below from are not in it; without any it is ready.
	from  uint32
	ready bool

	flags   column[flag]
	strings column[string]
	whole   column[int64] // integers, microseconds, 0 and 1
	floats  column[float64]
	places  column[place]
}

func newField(f flow.Field, from uint32) *field {
	p, why := parsePath(f.Path)
	if why != "" {
		panic("filter: a field that was not checked: " + f.Path + ": " + why)
	}
	return &field{
		Field: f, path: p, from: from,
		flags: column[flag]{compare: cmp.Compare[flag]}, strings: column[string]{compare: strings.Compare},
		whole: column[int64]{compare: cmp.Compare[int64]}, floats: column[float64]{compare: cmp.Compare[float64]},
		places: column[place]{compare: func(a, b place) int {
			return cmp.Or(cmp.Compare(a.lat, b.lat), cmp.Compare(a.lon, b.lon))
		}},
	}
}

// add indexes the field of a row's payload.
func (f *field) add(row uint32, d *document, scratch []uint32) []uint32 {
	found := d.at(0, f.path, scratch[:0])
	if !d.isEmpty(found) {
		f.flags.add(some, row)
	}
	if d.isNull(found) {
		f.flags.add(isNull, row)
	}
	others := false
	for _, at := range found {
		v := &d.values[at]
		if v.kind != array {
			others = !f.value(row, d, at) || others
			continue
		}
		for e := at + 1; e < v.next; e = d.values[e].next {
			others = !f.value(row, d, e) || others
		}
	}
	if others {
		f.flags.add(other, row)
	}
	return found
}

// value indexes a value, and says whether it is null or of the index's kind.
func (f *field) value(row uint32, d *document, at uint32) bool {
	v := &d.values[at]
	switch {
	case v.kind == null:
		return true
	case v.kind == boolean && f.Kind == flow.BoolField:
		n := int64(0)
		if v.escaped {
			n = 1
		}
		f.whole.add(n, row)
	case v.kind == number && f.Kind == flow.IntegerField:
		n, ok := d.integer(v)
		if !ok {
			return false
		}
		f.whole.add(n, row)
	case v.kind == number && f.Kind == flow.FloatField:
		if x := d.float(v); x == x {
			f.floats.add(x, row)
		}
	case v.kind == text && f.Kind == flow.TextField:
		for word := range words(d.string(v)) {
			f.strings.add(strings.Clone(word), row)
		}
	case v.kind == text && f.Kind == flow.DatetimeField:
		if t, ok := parseTime(d.string(v)); ok {
			f.whole.add(t, row)
		}
	case v.kind == text && (f.Kind == flow.KeywordField || f.Kind == flow.UUIDField):
		f.strings.add(d.string(v), row)
	case v.kind == object && f.Kind == flow.GeoField:
		if p, ok := d.place(at); ok {
			f.places.add(p, row)
		}
	default:
		return false
	}
	return true
}

// tidy drops what rows that are no more have left, where it is much.
func (f *field) tidy(live rows) {
	f.flags.tidy(live)
	f.strings.tidy(live)
	f.whole.tidy(live)
	f.floats.tidy(live)
	f.places.tidy(live)
}

// bytes is an estimate of the memory of the index.
func (f *field) bytes() uint64 {
	return f.flags.bytes() + f.strings.bytes() + f.whole.bytes() + f.floats.bytes() + f.places.bytes()
}

// precede puts a built index of earlier rows before the rows this one has.
func (f *field) precede(b *field) {
	f.flags.precede(&b.flags)
	f.strings.precede(&b.strings)
	f.whole.precede(&b.whole)
	f.floats.precede(&b.floats)
	f.places.precede(&b.places)
	f.ready = true
}

// view returns the field as it is.
func (f *field) view() *field {
	c := *f
	c.flags.freeze()
	c.strings.freeze()
	c.whole.freeze()
	c.floats.freeze()
	c.places.freeze()
	return &c
}
