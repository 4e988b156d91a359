package flow

import (
	"strings"
	"time"
)

// FieldKind is which values of a payload's field an index of it holds.
type FieldKind uint8

// The kinds of payload indexes.
const (
	KeywordField  FieldKind = iota + 1 // strings, whole
	IntegerField                       // integers of 64 bits
	FloatField                         // all numbers
	BoolField                          // true and false
	DatetimeField                      // strings that are times
	TextField                          // the words of strings
	GeoField                           // objects of lat and lon
	UUIDField                          // strings, like KeywordField
)

var fieldKindNames = [...]string{KeywordField: "keyword", IntegerField: "integer", FloatField: "float", BoolField: "bool",
	DatetimeField: "datetime", TextField: "text", GeoField: "geo", UUIDField: "uuid"}

// Valid says whether the kind is one of the list.
func (k FieldKind) Valid() bool { return k >= KeywordField && int(k) < len(fieldKindNames) }

// String returns the kind's name.
func (k FieldKind) String() string {
	if k.Valid() {
		return fieldKindNames[k]
	}
	return "none"
}

// ParseFieldKind reads a kind's name.
func ParseFieldKind(name string) (FieldKind, error) {
	for k := KeywordField; k.Valid(); k++ {
		if fieldKindNames[k] == name {
			return k, nil
		}
	}
	return 0, Errorf(InvalidArgument, "flow.ParseFieldKind", "%q is not one of %s", name, strings.Join(fieldKindNames[KeywordField:], ", "))
}

// Field is a field of payloads that an index is declared of. An index makes filters
// faster and changes no answer.
type Field struct {
	// Path leads to the values, as the key of a filter's condition does.
	Path string
	Kind FieldKind
}

// MaxFields is how many fields of a collection may be indexed.
const MaxFields = 64

// DeclareFieldRequest has a field of a collection's payloads indexed, instead of what
// was declared for the path before, or, with Remove, no more. It is answered when it
// is decided; every replica then makes its index by itself.
type DeclareFieldRequest struct {
	Collection string
	Field      Field
	Remove     bool
	Timeout    time.Duration
}

// DeclareFieldResponse answers a DeclareFieldRequest.
type DeclareFieldResponse struct{ Outcome }

func (*DeclareFieldRequest) request() {}
