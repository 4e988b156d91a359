package filter

import (
	"cmp"
	"strings"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// Kind is what values of a field an index of it holds.
type Kind uint8

// The kinds of payload indexes.
const (
	Keyword  Kind = iota + 1 // strings, whole
	Integer                  // integers of 64 bits
	Float                    // all numbers
	Bool                     // true and false
	Datetime                 // strings that are times
	Text                     // the words of strings
	Geo                      // objects of lat and lon
	UUID                     // strings, like Keyword
)

var kindNames = [...]string{Keyword: "keyword", Integer: "integer", Float: "float", Bool: "bool", Datetime: "datetime", Text: "text", Geo: "geo", UUID: "uuid"}

// String returns the kind's name.
func (k Kind) String() string {
	if k >= Keyword && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "none"
}

// ParseKind reads a kind's name.
func ParseKind(name string) (Kind, error) {
	for k := Keyword; int(k) < len(kindNames); k++ {
		if kindNames[k] == name {
			return k, nil
		}
	}
	return 0, flow.Errorf(flow.InvalidArgument, "filter.ParseKind", "%q is not one of %s", name, strings.Join(kindNames[Keyword:], ", "))
}

// Field is a field that an index is declared of.
type Field struct {
	// Path leads to the values, as in a filter's key.
	Path string
	Kind Kind
}

// Check returns the field with its path in the form that compares, or InvalidArgument.
func (f Field) Check() (Field, error) {
	p, why := parsePath(f.Path)
	if why != "" {
		return f, flow.Errorf(flow.InvalidArgument, "filter.Check", "field_name: %q is no path: %s", f.Path, why)
	}
	if f.Kind < Keyword || int(f.Kind) >= len(kindNames) {
		return f, flow.Errorf(flow.InvalidArgument, "filter.Check", "field_schema: there is no kind of index %d", f.Kind)
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

// column kinds of a field: which of its columns holds the values.
func (k Kind) strings() bool { return k == Keyword || k == Text || k == UUID }
func (k Kind) whole() bool   { return k == Integer || k == Bool || k == Datetime }

// field is an index of one field: its values and flags by row.
type field struct {
	Field
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

func newField(f Field, from uint32) *field {
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
	case v.kind == boolean && f.Kind == Bool:
		n := int64(0)
		if v.escaped {
			n = 1
		}
		f.whole.add(n, row)
	case v.kind == number && f.Kind == Integer:
		n, ok := d.integer(v)
		if !ok {
			return false
		}
		f.whole.add(n, row)
	case v.kind == number && f.Kind == Float:
		if x := d.float(v); x == x {
			f.floats.add(x, row)
		}
	case v.kind == text && f.Kind == Text:
		for word := range words(d.string(v)) {
			f.strings.add(strings.Clone(word), row)
		}
	case v.kind == text && f.Kind == Datetime:
		if t, ok := parseTime(d.string(v)); ok {
			f.whole.add(t, row)
		}
	case v.kind == text && f.Kind.strings():
		f.strings.add(d.string(v), row)
	case v.kind == object && f.Kind == Geo:
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
