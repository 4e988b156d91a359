package filter

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxPathBytes is the longest path of a field.
	maxPathBytes = 1024
	// maxPathSteps is how many steps a path may have.
	maxPathSteps = 32
)

// step is one step of a path into a payload.
type step struct {
	kind stepKind
	key  string // with stepKey
	n    int    // with stepIndex
}

type stepKind uint8

const (
	stepKey   stepKind = iota // the member of an object
	stepIndex                 // an element of an array: [0]
	stepEach                  // every element of an array: []
)

// path leads from a payload to values: a.b, a[].b, a[0].b, a."b c".
type path []step

// parsePath reads a path. Keys are letters, digits, - and _, or in double quotes
// anything but a double quote or a backslash.
func parsePath(text string) (path, string) {
	if len(text) > maxPathBytes {
		return nil, "longer than " + strconv.Itoa(maxPathBytes) + " bytes"
	}
	key, rest, why := parseKey(text)
	if why != "" {
		return nil, why
	}
	p := path{{key: key}}
	for rest != "" {
		if len(p) == maxPathSteps {
			return nil, "more than " + strconv.Itoa(maxPathSteps) + " steps"
		}
		switch {
		case strings.HasPrefix(rest, "[]"):
			p, rest = append(p, step{kind: stepEach}), rest[2:]
		case rest[0] == '[':
			digits, after, ok := strings.Cut(rest[1:], "]")
			n, err := strconv.ParseUint(digits, 10, 31)
			if !ok || err != nil || digits[0] == '+' {
				return nil, "expected a number or nothing between [ and ]"
			}
			p, rest = append(p, step{kind: stepIndex, n: int(n)}), after
		case rest[0] == '.':
			if key, rest, why = parseKey(rest[1:]); why != "" {
				return nil, why
			}
			p = append(p, step{key: key})
		default:
			return nil, "expected '.' or '[' before " + strconv.Quote(rest)
		}
	}
	return p, ""
}

// parseKey reads a key at the beginning of text.
func parseKey(text string) (key, rest, why string) {
	if strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text[1:], `"\`)
		if end < 0 || text[1+end] == '\\' {
			return "", "", "a quoted key has no end, or a backslash in it"
		}
		return text[1 : 1+end], text[end+2:], ""
	}
	end := 0
	for end < len(text) {
		r, size := utf8.DecodeRuneInString(text[end:])
		if !plainKey(r) {
			break
		}
		end += size
	}
	if end == 0 {
		return "", "", "expected a key before " + strconv.Quote(text) + ": letters, digits, - and _, anything else in double quotes"
	}
	return text[:end], text[end:], ""
}

func plainKey(r rune) bool {
	return r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsNumber(r)
}

// String returns the path with quotes only where they are needed: equal paths have
// equal strings.
func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch s.kind {
		case stepEach:
			b.WriteString("[]")
			continue
		case stepIndex:
			b.WriteString("[" + strconv.Itoa(s.n) + "]")
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		if s.key == "" || strings.ContainsFunc(s.key, func(r rune) bool { return !plainKey(r) }) {
			b.WriteString(`"` + s.key + `"`)
		} else {
			b.WriteString(s.key)
		}
	}
	return b.String()
}

// each returns the path to the elements of the array at p.
func (p path) each() path {
	if p[len(p)-1].kind == stepEach {
		return p
	}
	return append(p[:len(p):len(p)], step{kind: stepEach})
}
