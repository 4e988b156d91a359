package flow

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"
)

// PointID is the id of a point, in a form whose byte order is the order of a
// scroll: unsigned integers first, by value, then strings, by bytes. The number
// 7 and the string "7" are different ids. The zero value is no id.
//
// Form: 'n' and eight big-endian bytes, or 's' and the string.
type PointID string

const (
	idNumber = 'n'
	idString = 's'
)

// NumberID returns the id of an unsigned integer.
func NumberID(n uint64) PointID {
	var b [9]byte
	b[0] = idNumber
	binary.BigEndian.PutUint64(b[1:], n)
	return PointID(b[:])
}

// StringID returns the id of a string: 1 to MaxPointIDBytes bytes of UTF-8.
// A UUID is such a string and comes back exactly as it was given.
func StringID(s string) (PointID, error) {
	if s == "" {
		return "", Errorf(InvalidArgument, "flow.StringID", "id is empty")
	}
	if len(s) > MaxPointIDBytes {
		return "", Errorf(InvalidArgument, "flow.StringID", "id is %d bytes long, the limit is %d", len(s), MaxPointIDBytes)
	}
	if !utf8.ValidString(s) {
		return "", Errorf(InvalidArgument, "flow.StringID", "id is not valid UTF-8")
	}
	return PointID(string(rune(idString)) + s), nil
}

// ParsePointID reads an id as a person types it: all digits that fit 64 bits are
// a number, anything else is a string.
func ParsePointID(s string) (PointID, error) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && strconv.FormatUint(n, 10) == s {
		return NumberID(n), nil
	}
	return StringID(s)
}

// Valid says whether the id has one of the two forms.
func (id PointID) Valid() bool {
	switch {
	case len(id) == 9 && id[0] == idNumber:
		return true
	case len(id) > 1 && id[0] == idString:
		return len(id) <= MaxPointIDBytes+1
	}
	return false
}

// Number returns the integer and true when the id is one.
func (id PointID) Number() (uint64, bool) {
	if len(id) != 9 || id[0] != idNumber {
		return 0, false
	}
	return binary.BigEndian.Uint64([]byte(id[1:])), true
}

// Text returns the string of a string id, or the decimal digits of a number.
func (id PointID) Text() string {
	if n, ok := id.Number(); ok {
		return strconv.FormatUint(n, 10)
	}
	if id == "" {
		return ""
	}
	return string(id[1:])
}

// String returns Text; it exists for logs.
func (id PointID) String() string { return id.Text() }

// Vector is a point's vector; its length is the collection's dimension.
type Vector []float32

// Check returns InvalidArgument when the vector does not have dim components or
// holds a NaN or an infinity, or when it is zero under the cosine metric, where
// a zero vector has no direction.
func (v Vector) Check(dim int, metric Metric) error {
	if len(v) != dim {
		return Errorf(InvalidArgument, "flow.Check", "vector has %d components, the collection has dimension %d", len(v), dim)
	}
	zero := true
	for i, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return Errorf(InvalidArgument, "flow.Check", "vector component %d is %v; only finite numbers can be stored", i, x)
		}
		zero = zero && x == 0
	}
	if zero && metric == Cosine {
		return Errorf(InvalidArgument, "flow.Check", "vector is zero, which has no direction under the cosine metric")
	}
	return nil
}

// Point is what a write stores and a get returns.
type Point struct {
	ID     PointID
	Vector Vector
	// Payload is a JSON object, or nil for none.
	Payload []byte
	// Version is the Raft index of the point's last change in its shard; set on reads.
	Version uint64
}

// Hit is one answer of a search.
type Hit struct {
	Point
	// Distance orders hits, smaller is nearer, ties by id: squared L2, Manhattan,
	// 1-cosine or -dot. Metric.Score turns it into what users see.
	Distance float32
}

// Less is the order of hits in every merge: by distance, then by id.
func (h Hit) Less(o Hit) bool {
	if h.Distance != o.Distance {
		return h.Distance < o.Distance
	}
	return h.ID < o.ID
}
