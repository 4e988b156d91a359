package client

import (
	"math"
	"strconv"
	"unicode/utf8"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// maxExactInt32 is the first magnitude at which float32 skips integers.
const maxExactInt32 = 1 << 24

// AppendFloat appends x as the shortest JSON number that reads back as the same
// float32. Only finite numbers have one; see flow.Vector.Check.
func AppendFloat(b []byte, x float32) []byte {
	if x > -maxExactInt32 && x < maxExactInt32 {
		n := int32(x)
		switch {
		case float32(n) != x:
			// Not an integer.
		case n == 0 && math.Signbit(float64(x)):
			return append(b, "-0"...)
		case n >= 0 && n < 10:
			return append(b, byte('0'+n))
		default:
			return strconv.AppendInt(b, int64(n), 10)
		}
	}
	return appendFraction(b, x)
}

// AppendVector appends v as a JSON array of numbers.
func AppendVector(b []byte, v flow.Vector) []byte {
	b = append(b, '[')
	for i, x := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendFloat(b, x)
	}
	return append(b, ']')
}

// AppendID appends a point id as JSON: a number or a string.
func AppendID(b []byte, id flow.PointID) []byte {
	if n, ok := id.Number(); ok {
		return strconv.AppendUint(b, n, 10)
	}
	return AppendString(b, id.Text())
}

// AppendString appends s as a JSON string; bytes that are not UTF-8 become U+FFFD.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20 || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i++
	}
	return append(b, '"')
}

// AppendUpsert appends the body of an upsert of the operations.
func AppendUpsert(b []byte, ops []flow.Op) []byte {
	b = append(b, `{"points":[`...)
	for i := range ops {
		op := &ops[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":`...)
		b = AppendID(b, op.ID)
		b = append(b, `,"vector":`...)
		b = AppendVector(b, op.Vector)
		if len(op.Payload) > 0 {
			b = append(b, `,"payload":`...)
			b = append(b, op.Payload...)
		}
		b = appendCondition(b, op)
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

// AppendDelete appends the body of a delete of the operations.
func AppendDelete(b []byte, ops []flow.Op) []byte {
	b = append(b, `{"points":[`...)
	for i := range ops {
		op := &ops[i]
		if i > 0 {
			b = append(b, ',')
		}
		if !op.If {
			b = AppendID(b, op.ID)
			continue
		}
		b = append(b, `{"id":`...)
		b = AppendID(b, op.ID)
		b = appendCondition(b, op)
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

func appendCondition(b []byte, op *flow.Op) []byte {
	if !op.If {
		return b
	}
	b = append(b, `,"if_version":`...)
	return strconv.AppendUint(b, op.IfVersion, 10)
}
