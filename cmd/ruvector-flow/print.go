package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// print writes an answer: as JSON, or as the aligned columns that the function writes.
func (a *app) print(v any, columns func(t *table)) error {
	if a.format == formatJSON {
		e := json.NewEncoder(a.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	t := &table{w: tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)}
	columns(t)
	return t.w.Flush()
}

// table writes rows whose cells are aligned.
type table struct{ w *tabwriter.Writer }

// row writes one row.
func (t *table) row(cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		text[i] = fmt.Sprint(c)
	}
	fmt.Fprintln(t.w, strings.Join(text, "\t"))
}

// gap ends the block whose columns are aligned together.
func (t *table) gap() {
	t.w.Flush()
	fmt.Fprintln(t.w)
}

// thousands returns n with commas: 60,000.
func thousands[T int | int64 | uint64](n T) string {
	s := fmt.Sprint(n)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// megabytes returns a size given in 10^6 bytes.
func megabytes(mb float64) string { return fmt.Sprintf("%.1f MB", mb) }

// gigabytes returns a size given in 10^9 bytes in the unit that suits it.
func gigabytes(gb float64) string {
	if gb < 1 {
		return fmt.Sprintf("%.0f MB", gb*1000)
	}
	return fmt.Sprintf("%.2f GB", gb)
}

// millis returns a duration in milliseconds, as a number.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// yesNo returns a truth value in a word.
func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// orDash returns s, or a dash for a cell that would be empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
