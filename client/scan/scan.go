// Package scan reads JSON that is held in memory, without reflection: the caller
// says what it expects next. Both ends of the HTTP interface read points with it,
// since vectors are most of what goes over the wire. It knows no request and no
// answer, and never writes.
package scan

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// maxDepth is how deeply arrays and objects may be nested in what is skipped.
const maxDepth = 128

// Error is text that is not what the caller expects. It means InvalidArgument.
type Error struct {
	// Field says where, for example "points[3].vector"; "" is the whole text.
	Field string
	// Reason says why, beginning in lower case.
	Reason string
	// OutOfBounds says that the value is of the right type but not within the
	// bounds of its field.
	OutOfBounds bool
}

// Error returns "field: reason".
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + ": " + e.Reason
}

// Unwrap gives the error its kind.
func (e *Error) Unwrap() error {
	return flow.Errorf(flow.InvalidArgument, "scan.Read", "%s", e.Error())
}

// In returns the error with the name of the object or array around it before its
// field; nil stays nil.
func (e *Error) In(outer string) *Error {
	if e == nil {
		return nil
	}
	c := *e
	switch {
	case c.Field == "":
		c.Field = outer
	case c.Field[0] == '[':
		c.Field = outer + c.Field
	default:
		c.Field = outer + "." + c.Field
	}
	return &c
}

// Wrong is the error of a value that a field cannot have.
func Wrong(field, format string, args ...any) *Error {
	return &Error{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// Scanner reads JSON (RFC 8259) from bytes by recursive descent. It is strict:
// UTF-8 only and nothing after the value. A method that fails leaves it where it
// is of no further use. What a method returns shares memory with the bytes where
// its description says so.
type Scanner struct {
	b []byte
	i int
}

// New returns a scanner at the beginning of b.
func New(b []byte) *Scanner { return &Scanner{b: b} }

// Read checks that the bytes are UTF-8, reads one value with f and wants the end
// after it.
func (s *Scanner) Read(f func() *Error) error {
	if !utf8.Valid(s.b) {
		return Wrong("", "malformed JSON: it is not UTF-8")
	}
	if err := f(); err != nil {
		return err
	}
	if s.space(); s.i < len(s.b) {
		return s.malformed("something follows the value")
	}
	return nil
}

// Pos returns how many bytes have been read.
func (s *Scanner) Pos() int { return s.i }

// Left returns how many bytes have not been read.
func (s *Scanner) Left() int { return len(s.b) - s.i }

// malformed is an error of grammar at the current byte.
func (s *Scanner) malformed(reason string) *Error {
	if s.i >= len(s.b) {
		return Wrong("", "malformed JSON: it ends too early, at byte %d (%s)", len(s.b), reason)
	}
	return Wrong("", "malformed JSON at byte %d: %s", s.i, reason)
}

func (s *Scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// Peek returns the first byte of the next value, 0 at the end.
func (s *Scanner) Peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// found describes the next value for an error message.
func (s *Scanner) found() string {
	switch c := s.Peek(); {
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	}
	return "no value"
}

// Expected is the error of a value of the wrong type; if what is there is no
// value at all, the JSON is malformed.
func (s *Scanner) Expected(what string) *Error {
	found, at := s.found(), s.i
	if _, err := s.Skip(); err != nil {
		return err
	}
	s.i = at
	return Wrong("", "expected %s, found %s", what, found)
}

// literal consumes a word such as null if it is next.
func (s *Scanner) literal(word string) bool {
	s.space()
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return false
	}
	s.i += len(word)
	return true
}

// Null consumes a null if it is next.
func (s *Scanner) Null() bool { return s.Peek() == 'n' && s.literal("null") }

// Bool reads true or false.
func (s *Scanner) Bool() (bool, *Error) {
	switch {
	case s.literal("true"):
		return true, nil
	case s.literal("false"):
		return false, nil
	}
	return false, s.Expected("true or false")
}

// Uint reads an integer from 0 to 2^64-1, written without fraction or exponent.
func (s *Scanner) Uint() (uint64, *Error) {
	const what = "an unsigned integer"
	if c := s.Peek(); c != '-' && (c < '0' || c > '9') {
		return 0, s.Expected(what)
	}
	start := s.i
	if _, err := s.number(); err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(s.b[start:s.i]), 10, 64)
	if err != nil {
		return 0, Wrong("", "expected %s below 2^64, found %.40s", what, s.b[start:s.i])
	}
	return n, nil
}

// Array reads an array, calling f at each element.
func (s *Scanner) Array(f func(i int) *Error) *Error {
	if s.Peek() != '[' {
		return s.Expected("an array")
	}
	s.i++
	if s.Peek() == ']' {
		s.i++
		return nil
	}
	for i := 0; ; i++ {
		if err := f(i); err != nil {
			return err
		}
		switch s.Peek() {
		case ',':
			s.i++
		case ']':
			s.i++
			return nil
		default:
			return s.malformed("expected ',' or ']'")
		}
	}
}

// Object reads an object, calling f for each member at its value. The key is
// good until f returns.
func (s *Scanner) Object(f func(key []byte) *Error) *Error {
	if s.Peek() != '{' {
		return s.Expected("an object")
	}
	return s.members(f)
}

// members reads the rest of an object at '{'.
func (s *Scanner) members(f func(key []byte) *Error) *Error {
	s.i++
	if s.Peek() == '}' {
		s.i++
		return nil
	}
	for {
		if s.Peek() != '"' {
			return s.malformed("expected a key in double quotes")
		}
		at := s.i
		key, escaped, err := s.raw()
		if err != nil {
			return err
		}
		if escaped {
			s.i = at
			text, err := s.Text()
			if err != nil {
				return err
			}
			key = []byte(text)
		}
		if s.Peek() != ':' {
			return s.malformed("expected ':'")
		}
		s.i++
		if err := f(key); err != nil {
			return err
		}
		switch s.Peek() {
		case ',':
			s.i++
		case '}':
			s.i++
			return nil
		default:
			return s.malformed("expected ',' or '}'")
		}
	}
}

// Skip reads any value and returns its bytes, in the memory of the text.
func (s *Scanner) Skip() ([]byte, *Error) {
	s.space()
	start := s.i
	if err := s.skipValue(0); err != nil {
		return nil, err
	}
	return s.b[start:s.i], nil
}

func (s *Scanner) skipValue(depth int) *Error {
	if depth > maxDepth {
		return s.malformed("nested more than " + strconv.Itoa(maxDepth) + " deep")
	}
	switch c := s.Peek(); {
	case c == '{':
		return s.skipMembers(depth)
	case c == '[':
		return s.Array(func(int) *Error { return s.skipValue(depth + 1) })
	case c == '"':
		_, _, err := s.raw()
		return err
	case c == '-' || c >= '0' && c <= '9':
		_, err := s.number()
		return err
	case c == 't' && s.literal("true"), c == 'f' && s.literal("false"), c == 'n' && s.literal("null"):
		return nil
	}
	return s.malformed("expected a value")
}

// skipMembers is Object without unescaping the keys or looking at them.
func (s *Scanner) skipMembers(depth int) *Error {
	s.i++
	if s.Peek() == '}' {
		s.i++
		return nil
	}
	for {
		if s.Peek() != '"' {
			return s.malformed("expected a key in double quotes")
		}
		if _, _, err := s.raw(); err != nil {
			return err
		}
		if s.Peek() != ':' {
			return s.malformed("expected ':'")
		}
		s.i++
		if err := s.skipValue(depth + 1); err != nil {
			return err
		}
		switch s.Peek() {
		case ',':
			s.i++
		case '}':
			s.i++
			return nil
		default:
			return s.malformed("expected ',' or '}'")
		}
	}
}

// raw reads a string at '"' and returns what is between the quotes, and whether
// there are escapes in it; these are of the right form.
func (s *Scanner) raw() (between []byte, escaped bool, err *Error) {
	s.i++
	start := s.i
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[start : s.i-1], escaped, nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return nil, false, err
			}
		case c < 0x20:
			return nil, false, s.malformed("a control character in a string must be escaped")
		default:
			s.i++
		}
	}
	return nil, false, s.malformed("a string has no end")
}

// escape passes over one escape sequence.
func (s *Scanner) escape() *Error {
	if s.i+1 < len(s.b) {
		switch s.b[s.i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			s.i += 2
			return nil
		case 'u':
			if _, ok := hex4(s.b[s.i+2:]); ok {
				s.i += 6
				return nil
			}
		}
	}
	return s.malformed("an escape that does not exist")
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Text reads a string. Half a surrogate pair is refused: it is no character,
// and replacing it would make two different ids equal.
func (s *Scanner) Text() (string, *Error) {
	if s.Peek() != '"' {
		return "", s.Expected("a string")
	}
	at := s.i
	b, escaped, err := s.raw()
	if err != nil {
		return "", err
	}
	if !escaped {
		return string(b), nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			out = append(out, b[i])
			i++
			continue
		}
		if b[i+1] != 'u' {
			out = append(out, unescaped(b[i+1]))
			i += 2
			continue
		}
		r, _ := hex4(b[i+2:])
		i += 6
		if utf16.IsSurrogate(r) {
			var low rune
			if i+1 < len(b) && b[i] == '\\' && b[i+1] == 'u' {
				low, _ = hex4(b[i+2:])
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				s.i = at
				return "", s.malformed("a string holds half a surrogate pair")
			}
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out), nil
}

// unescaped returns the character that \c stands for.
func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// ID reads a point id.
func (s *Scanner) ID() (flow.PointID, *Error) {
	switch c := s.Peek(); {
	case c == '"':
		text, bad := s.Text()
		if bad != nil {
			return "", bad
		}
		id, err := flow.StringID(text)
		if err != nil {
			return "", Wrong("", "%v", errors.Unwrap(err))
		}
		return id, nil
	case c == '-' || c >= '0' && c <= '9':
		n, err := s.Uint()
		return flow.NumberID(n), err
	}
	return "", s.Expected("an unsigned integer or a string")
}
