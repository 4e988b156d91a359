package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	flow "github.com/ruvector-flow/ruvector-flow"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// sample is three rows of four components that every format can hold exactly.
var sample = [][]float32{{0, 1, 2, 3}, {255, 254, 7, 9}, {5, 0, 0, 128}}

func floats32(b []byte, row []float32) []byte {
	for _, x := range row {
		b = le.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func idx(rows [][]float32, dims ...uint32) []byte {
	b := []byte{0, 0, 8, byte(1 + len(dims))}
	b = be.AppendUint32(b, uint32(len(rows)))
	for _, d := range dims {
		b = be.AppendUint32(b, d)
	}
	for _, row := range rows {
		for _, x := range row {
			b = append(b, byte(x))
		}
	}
	return b
}

func fbin(rows [][]float32) []byte {
	b := le.AppendUint32(nil, uint32(len(rows)))
	b = le.AppendUint32(b, uint32(len(rows[0])))
	for _, row := range rows {
		b = floats32(b, row)
	}
	return b
}

func fvecs(rows [][]float32) []byte {
	var b []byte
	for _, row := range rows {
		b = floats32(le.AppendUint32(b, uint32(len(row))), row)
	}
	return b
}

func npy(version byte, descr, order, shape string, rows [][]float32) []byte {
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape)
	b := append([]byte("\x93NUMPY"), version, 0)
	if version == 1 {
		b = le.AppendUint16(b, uint16(len(dict)))
	} else {
		b = le.AppendUint32(b, uint32(len(dict)))
	}
	b = append(b, dict...)
	for _, row := range rows {
		for _, x := range row {
			switch descr {
			case "<f4":
				b = le.AppendUint32(b, math.Float32bits(x))
			case "<f8":
				b = le.AppendUint64(b, math.Float64bits(float64(x)))
			case "|u1":
				b = append(b, byte(x))
			}
		}
	}
	return b
}

func jsonl(rows [][]float32) []byte {
	var b bytes.Buffer
	for i, row := range rows {
		v := strings.ReplaceAll(fmt.Sprint(row), " ", ",")
		fmt.Fprintf(&b, "{\"id\":%d,\"vector\":%s,\"payload\":{\"row\":%d}}\n\n", i+10, v, i)
	}
	return b.Bytes()
}

func zipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

func readAll(r *Reader) ([]Row, error) {
	var rows []Row
	for {
		var row Row
		if err := r.Next(&row); err == io.EOF {
			return rows, nil
		} else if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}

func TestEveryFormatReadsBackTheSameRows(t *testing.T) {
	files := map[string][]byte{
		"a.idx": idx(sample, 4), "a-idx3-ubyte": idx(sample, 2, 2), "a.fbin": fbin(sample), "a.fvecs": fvecs(sample),
		"f4.npy": npy(1, "<f4", "False", "(3, 4)", sample), "f8.npy": npy(2, "<f8", "False", "(3, 4)", sample),
		"u1.npy": npy(3, "|u1", "False", "(3, 4)", sample), "a.jsonl": jsonl(sample),
	}
	dir := t.TempDir()
	for base, data := range files {
		for name, data := range map[string][]byte{base: data, base + ".gz": zipped(data)} {
			t.Run(name, func(t *testing.T) {
				file := filepath.Join(dir, name)
				if err := os.WriteFile(file, data, 0o600); err != nil {
					t.Fatal(err)
				}
				r, err := Open(file, "", DefaultFields())
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				if r.Dim() != 4 {
					t.Fatalf("dim %d, want 4", r.Dim())
				}
				rows, err := readAll(r)
				if err != nil || len(rows) != len(sample) {
					t.Fatalf("%d rows, error %v; want %d rows", len(rows), err, len(sample))
				}
				if r.Fraction() != 1 {
					t.Errorf("fraction read %v, want 1", r.Fraction())
				}
				for i, row := range rows {
					if fmt.Sprint(row.Vector) != fmt.Sprint(flow.Vector(sample[i])) {
						t.Errorf("row %d is %v, want %v", i, row.Vector, sample[i])
					}
					if base != "a.jsonl" {
						if row.ID != "" || row.Payload != nil {
							t.Errorf("row %d has id %q and payload %q, want none", i, row.ID, row.Payload)
						}
						continue
					}
					if row.ID != flow.NumberID(uint64(i+10)) || string(row.Payload) != fmt.Sprintf(`{"row":%d}`, i) {
						t.Errorf("row %d has id %v and payload %s", i, row.ID, row.Payload)
					}
				}
			})
		}
	}
}

func TestMalformedFilesAreRefusedWithTheReason(t *testing.T) {
	line := func(s string) []byte { return []byte(s + "\n") }
	badCRC := zipped(fbin(sample))
	badCRC[len(badCRC)-8] ^= 1
	nan := fbin([][]float32{{1, 2}, {3, float32(math.NaN())}})
	for _, c := range []struct {
		name   string
		format Format
		data   []byte
		want   string
	}{
		{"empty idx", IDX, nil, "cut short"},
		{"idx of another type", IDX, []byte{0, 0, 0x0d, 3, 0, 0, 0, 0}, "not an idx file of bytes"},
		{"idx header cut", IDX, idx(sample, 4)[:9], "cut short"},
		{"idx with a zero dimension", IDX, idx(sample, 0, 4), "dimension 1 of the idx header is 0"},
		{"idx with a huge dimension", IDX, idx(sample, 1<<31, 1<<31), "idx header"},
		{"idx row cut", IDX, idx(sample, 4)[:22], "row 2: the file ends"},
		{"idx too long", IDX, append(idx(sample, 4), 0), "after all 3 rows"},
		{"fbin of too many components", Fbin, fbin([][]float32{make([]float32, flow.MaxDim+1)}), "65537 components"},
		{"fbin of no components", Fbin, make([]byte, 8), "0 components"},
		{"fbin of NaN", Fbin, nan, "row 1: vector component 1 is NaN"},
		{"fbin row missing", Fbin, fbin(sample)[:40], "row 2: the file ends"},
		{"gzip with a wrong checksum", Fbin, badCRC, "checksum"},
		{"gzip cut", Fbin, zipped(fbin(sample))[:30], "cut short"},
		{"gzip without a header", Fbin, []byte{0x1f, 0x8b, 9}, "gzip header"},
		{"fvecs of other lengths", Fvecs, fvecs([][]float32{{1, 2}, {1, 2, 3}}), "row 1: it has 3 components, the first row has 2"},
		{"fvecs cut", Fvecs, fvecs(sample)[:47], "row 2: the file ends"},
		{"fvecs cut in a length", Fvecs, fvecs(sample)[:22], "row 1: the file ends"},
		{"fvecs of negative length", Fvecs, []byte{255, 255, 255, 255}, "-1 components"},
		{"npy without magic", Npy, make([]byte, 64), "not an npy file"},
		{"npy in Fortran order", Npy, npy(1, "<f4", "True", "(3, 4)", sample), "Fortran order"},
		{"npy of one dimension", Npy, npy(1, "<f4", "False", "(12,)", sample), "shape (rows, dim)"},
		{"npy of int64", Npy, npy(1, "<i8", "False", "(3, 4)", nil), `holds "<i8"`},
		{"npy too short", Npy, npy(1, "<f4", "False", "(4, 4)", sample), "row 3: the file ends"},
		{"npy float64 beyond float32", Npy, append(npy(1, "<f8", "False", "(1, 1)", nil), 0, 0, 0, 0, 0, 0, 0xe0, 0x7f), "Inf"},
		{"jsonl with text", JSONL, line("hello"), "row 0: not a JSON object"},
		{"jsonl null", JSONL, line("null"), "it is null"},
		{"jsonl without vector", JSONL, line(`{"id":1}`), `no field "vector"`},
		{"jsonl with a word", JSONL, line(`{"id":1,"vector":["a"]}`), "not an array of numbers"},
		{"jsonl with a null", JSONL, line(`{"id":1,"vector":[1,null]}`), "holds a null"},
		{"jsonl with 1e99", JSONL, line(`{"id":1,"vector":[1e99]}`), "not an array of numbers"},
		{"jsonl without id", JSONL, line(`{"vector":[1]}`), `field "id" is not there`},
		{"jsonl with a negative id", JSONL, line(`{"id":-1,"vector":[1]}`), "neither an unsigned integer"},
		{"jsonl with an empty id", JSONL, line(`{"id":"","vector":[1]}`), "id is empty"},
		{"jsonl with a payload list", JSONL, line(`{"id":1,"vector":[1],"payload":[]}`), "not an object"},
		{"jsonl of other lengths", JSONL, []byte("{\"id\":1,\"vector\":[1]}\n{\"id\":2,\"vector\":[1,2]}\n"), "row 1: vector has 2 components"},
		{"jsonl line too long", JSONL, append(bytes.Repeat([]byte("x"), maxLineBytes), '\n'), "longer than"},
		{"no format", "", nil, "is not one of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := NewReader(bytes.NewReader(c.data), "f", c.format, DefaultFields())
			if err == nil {
				_, err = readAll(r)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || flow.KindOf(err) != flow.InvalidArgument {
				t.Fatalf("error %v, want an invalid argument that says %q", err, c.want)
			}
		})
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, f := range []Format{Fvecs, JSONL} {
		r, err := NewReader(strings.NewReader(""), "f", f, DefaultFields())
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if rows, err := readAll(r); err != nil || len(rows) != 0 || r.Dim() != 0 {
			t.Errorf("%s: %d rows of dimension %d, error %v; want none", f, len(rows), r.Dim(), err)
		}
	}
}

func TestJSONLFieldNames(t *testing.T) {
	in := `{"key":"a","v":[1.5],"meta":{"x":1},"id":7}` + "\n" + `{"key":"b","v":[2],"meta":null}`
	r, err := NewReader(strings.NewReader(in), "f", JSONL, Fields{ID: "key", Vector: "v", Payload: "meta"})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := readAll(r)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, error %v", len(rows), err)
	}
	if rows[0].ID.Text() != "a" || rows[0].Vector[0] != 1.5 || string(rows[0].Payload) != `{"x":1}` || rows[1].Payload != nil {
		t.Errorf("rows %v", rows)
	}
	r, err = NewReader(strings.NewReader(in), "f", JSONL, Fields{Vector: "v"})
	if err != nil {
		t.Fatal(err)
	}
	if rows, err = readAll(r); err != nil || len(rows) != 2 || rows[0].ID != "" || rows[0].Payload != nil {
		t.Errorf("with ids and payloads unread: rows %v, error %v", rows, err)
	}
}

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]Format{
		"t10k-images-idx3-ubyte.gz": IDX, "/a/b.IDX": IDX, "x.fbin": Fbin, "x.fvecs.gz": Fvecs, "x.npy": Npy, "x.ndjson": JSONL,
	} {
		if f, err := FormatOf(name); err != nil || f != want {
			t.Errorf("FormatOf(%q) = %q, %v; want %q", name, f, err, want)
		}
	}
	for _, name := range []string{"x", "x.gz", "x.csv", "-"} {
		if f, err := FormatOf(name); err == nil {
			t.Errorf("FormatOf(%q) = %q, want an error", name, f)
		}
	}
	if _, err := ParseFormat("csv"); err == nil {
		t.Error("ParseFormat(csv) succeeded")
	}
}

func truthFile(words ...uint32) []byte {
	var b []byte
	for _, w := range words {
		b = le.AppendUint32(b, w)
	}
	return b
}

func TestTruth(t *testing.T) {
	for name, c := range map[string]struct {
		data  []byte
		ivecs bool
	}{
		"plain":          {truthFile(2, 3, 1, 2, 3, 4, 5, 6), false},
		"gzip":           {zipped(truthFile(2, 3, 1, 2, 3, 4, 5, 6)), false},
		"with distances": {truthFile(2, 3, 1, 2, 3, 4, 5, 6, 9, 9, 9, 9, 9, 9), false},
		"ivecs":          {truthFile(3, 1, 2, 3, 3, 4, 5, 6), true},
		"npy":            {append(npy(1, "<i4", "False", "(2, 3)", nil), truthFile(1, 2, 3, 4, 5, 6)...), false},
		"npy of 64 bits": {append(npy(2, "<i8", "False", "(2, 3)", nil), truthFile(1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0)...), false},
	} {
		truth, err := ReadTruth(bytes.NewReader(c.data), c.ivecs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if truth.K != 3 || truth.Len() != 2 || fmt.Sprint(truth.Row(1)) != "[4 5 6]" || truth.MaxID() != 6 {
			t.Errorf("%s: %+v", name, truth)
		}
	}
	for name, c := range map[string]struct {
		data  []byte
		ivecs bool
	}{
		"empty": {nil, false}, "odd": {make([]byte, 5), false}, "header": {truthFile(2), false},
		"short": {truthFile(2, 3, 1), false}, "long": {truthFile(1, 1, 1, 1, 1), false}, "no queries": {truthFile(0, 5), false},
		"npy floats":     {append(npy(1, "<f4", "False", "(1, 1)", nil), truthFile(1)...), false},
		"npy short":      {append(npy(1, "<i4", "False", "(2, 3)", nil), truthFile(1, 2, 3)...), false},
		"npy long":       {append(npy(1, "<i4", "False", "(1, 1)", nil), 1, 0, 0, 0, 0), false},
		"npy no row":     {append(npy(1, "<i8", "False", "(1, 1)", nil), truthFile(1, 1)...), false},
		"npy no queries": {npy(1, "<i4", "False", "(0, 3)", nil), false},
		"npy overflow":   {append(npy(1, "<i8", "False", "(4611686018427387904, 4)", nil), truthFile(1, 1)...), false},
		"overflow":       {truthFile(1<<31, 1<<31, 1), false}, "ivecs lengths": {truthFile(2, 1, 2, 1, 1, 2), true}, "ivecs negative": {truthFile(1 << 31), true},
	} {
		if truth, err := ReadTruth(bytes.NewReader(c.data), c.ivecs); err == nil {
			t.Errorf("%s: %+v, want an error", name, truth)
		}
	}
}

func FuzzTruth(f *testing.F) {
	f.Add(truthFile(2, 3, 1, 2, 3, 4, 5, 6), false)
	f.Add(truthFile(3, 1, 2, 3, 3, 4, 5, 6), true)
	f.Add(append(npy(1, "<i4", "False", "(2, 3)", nil), truthFile(1, 2, 3, 4, 5, 6)...), false)
	f.Fuzz(func(t *testing.T, data []byte, ivecs bool) {
		truth, err := ReadTruth(bytes.NewReader(data), ivecs)
		if err != nil {
			return
		}
		for i := range truth.Len() {
			if len(truth.Row(i)) != truth.K || truth.K < 1 {
				t.Fatalf("row %d of %d has %d ids, K is %d", i, truth.Len(), len(truth.Row(i)), truth.K)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add("idx", idx(sample, 4))
	f.Add("fvecs", fvecs(sample))
	f.Add("npy", npy(1, "<f4", "False", "(3, 4)", sample))
	f.Add("jsonl", jsonl(sample))
	f.Fuzz(func(t *testing.T, format string, data []byte) {
		r, err := NewReader(bytes.NewReader(data), "f", Format(format), DefaultFields())
		if err != nil {
			return
		}
		rows, _ := readAll(r)
		for i, row := range rows {
			if err := row.Vector.Check(r.Dim(), flow.Euclid); err != nil {
				t.Fatalf("row %d of %d components passed: %v", i, r.Dim(), err)
			}
		}
	})
}
