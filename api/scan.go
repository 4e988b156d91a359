package api

import (
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// maxDepth is how deeply arrays and objects may be nested in a body.
const maxDepth = 128

// bodyError is a request that is wrong: which field, why, and with which HTTP
// status that is said. It always means InvalidArgument.
type bodyError struct {
	status int
	field  string
	reason string
}

func (e *bodyError) Error() string {
	if e.field == "" {
		return e.reason
	}
	return e.field + ": " + e.reason
}

// Unwrap gives the error its kind.
func (e *bodyError) Unwrap() error {
	return flow.Errorf(flow.InvalidArgument, "api.decode", "%s", e.Error())
}

// in puts the name of the object or array around it before the error's field.
func (e *bodyError) in(outer string) *bodyError {
	if e == nil {
		return nil
	}
	c := *e
	switch {
	case c.field == "":
		c.field = outer
	case c.field[0] == '[':
		c.field = outer + c.field
	default:
		c.field = outer + "." + c.field
	}
	return &c
}

// wrong is a value that a field cannot have.
func wrong(field, format string, args ...any) *bodyError {
	return &bodyError{http.StatusBadRequest, field, fmt.Sprintf(format, args...)}
}

// outside is a value outside the bounds of its field, where Qdrant answers 422.
func outside(field, format string, args ...any) *bodyError {
	return &bodyError{http.StatusUnprocessableEntity, field, fmt.Sprintf(format, args...)}
}

// scanner reads JSON (RFC 8259) from bytes held in memory, by recursive descent:
// the caller says what it expects. It is strict: UTF-8 only, nothing after the
// value, no key twice in an object whose keys it gives out.
type scanner struct {
	b []byte
	i int
}

// decode checks that b is UTF-8, reads one value with f and wants the end after it.
func decode(b []byte, f func(*scanner) *bodyError) error {
	s := &scanner{b: b}
	if !utf8.Valid(b) {
		return wrong("", "malformed JSON: the body is not UTF-8")
	}
	if err := f(s); err != nil {
		return err
	}
	if s.space(); s.i < len(s.b) {
		return s.malformed("something follows the value")
	}
	return nil
}

// malformed is an error of grammar at the current byte.
func (s *scanner) malformed(reason string) *bodyError {
	if s.i >= len(s.b) {
		return wrong("", "malformed JSON: it ends too early, at byte %d (%s)", len(s.b), reason)
	}
	return wrong("", "malformed JSON at byte %d: %s", s.i, reason)
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek returns the first byte of the next value, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// found describes the next value for an error message.
func (s *scanner) found() string {
	switch c := s.peek(); {
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

// expected is the error of a value of the wrong type; if what is there is no
// value at all, the JSON is malformed.
func (s *scanner) expected(what string) *bodyError {
	found, at := s.found(), s.i
	if _, err := s.skip(); err != nil {
		return err
	}
	s.i = at
	return wrong("", "expected %s, found %s", what, found)
}

// literal consumes a word such as null if it is next.
func (s *scanner) literal(word string) bool {
	s.space()
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return false
	}
	s.i += len(word)
	return true
}

// null consumes a null if it is next.
func (s *scanner) null() bool { return s.peek() == 'n' && s.literal("null") }

// boolean reads true or false.
func (s *scanner) boolean() (bool, *bodyError) {
	switch {
	case s.literal("true"):
		return true, nil
	case s.literal("false"):
		return false, nil
	}
	return false, s.expected("true or false")
}

// unsigned reads an integer from 0 to 2^64-1, written without fraction or exponent.
func (s *scanner) unsigned() (uint64, *bodyError) {
	const what = "an unsigned integer"
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		return 0, s.expected(what)
	}
	start := s.i
	if _, err := s.number(); err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(s.b[start:s.i]), 10, 64)
	if err != nil {
		return 0, wrong("", "expected %s below 2^64, found %.40s", what, s.b[start:s.i])
	}
	return n, nil
}

// array reads an array, calling f at each element.
func (s *scanner) array(f func(i int) *bodyError) *bodyError {
	if s.peek() != '[' {
		return s.expected("an array")
	}
	s.i++
	if s.peek() == ']' {
		s.i++
		return nil
	}
	for i := 0; ; i++ {
		if err := f(i); err != nil {
			return err
		}
		switch s.peek() {
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

// object reads an object, calling f for each member at its value. The key is
// good until f returns.
func (s *scanner) object(f func(key []byte) *bodyError) *bodyError {
	if s.peek() != '{' {
		return s.expected("an object")
	}
	return s.members(f)
}

// members reads the rest of an object at '{'.
func (s *scanner) members(f func(key []byte) *bodyError) *bodyError {
	s.i++
	if s.peek() == '}' {
		s.i++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.malformed("expected a key in double quotes")
		}
		at := s.i
		key, escaped, err := s.raw()
		if err != nil {
			return err
		}
		if escaped {
			s.i = at
			text, err := s.text()
			if err != nil {
				return err
			}
			key = []byte(text)
		}
		if s.peek() != ':' {
			return s.malformed("expected ':'")
		}
		s.i++
		if err := f(key); err != nil {
			return err
		}
		switch s.peek() {
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

// skip reads any value and returns its bytes.
func (s *scanner) skip() ([]byte, *bodyError) {
	s.space()
	start := s.i
	if err := s.skipValue(0); err != nil {
		return nil, err
	}
	return s.b[start:s.i], nil
}

func (s *scanner) skipValue(depth int) *bodyError {
	if depth > maxDepth {
		return s.malformed("nested more than " + strconv.Itoa(maxDepth) + " deep")
	}
	switch c := s.peek(); {
	case c == '{':
		return s.skipMembers(depth)
	case c == '[':
		return s.array(func(int) *bodyError { return s.skipValue(depth + 1) })
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

// skipMembers is object without unescaping the keys or looking at them.
func (s *scanner) skipMembers(depth int) *bodyError {
	s.i++
	if s.peek() == '}' {
		s.i++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.malformed("expected a key in double quotes")
		}
		if _, _, err := s.raw(); err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.malformed("expected ':'")
		}
		s.i++
		if err := s.skipValue(depth + 1); err != nil {
			return err
		}
		switch s.peek() {
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
func (s *scanner) raw() (between []byte, escaped bool, err *bodyError) {
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
func (s *scanner) escape() *bodyError {
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

// text reads a string. Half a surrogate pair is refused: it is no character,
// and replacing it would make two different ids equal.
func (s *scanner) text() (string, *bodyError) {
	if s.peek() != '"' {
		return "", s.expected("a string")
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
