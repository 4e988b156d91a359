package net_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/datadriven"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net"
	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := source{t}.frame()
		b := net.Encode(f)
		got, err := net.Decode(bytes.Clone(b))
		if err != nil {
			t.Fatalf("a frame of %d messages is refused: %v", len(f.Messages), err)
		}
		if got.Header != f.Header {
			t.Fatalf("header is %+v, want %+v", got.Header, f.Header)
		}
		if !slices.EqualFunc(got.Messages, f.Messages, equal) {
			t.Fatalf("messages differ:\n%+v\n%+v", got.Messages, f.Messages)
		}
		if again := net.Encode(got); !bytes.Equal(again, b) {
			t.Fatalf("encoded again the frame differs:\n%x\n%x", again, b)
		}
	})
}

// Each kind of message and body round-trips by itself, so that none is missed by chance.
func TestEachKind(t *testing.T) {
	for _, kind := range kinds {
		t.Run(strings.ReplaceAll(kind, " ", "-"), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := source{t}.message(kind)
				got, err := net.Decode(net.Encode(&net.Frame{Messages: []net.Message{m}}))
				if err != nil || len(got.Messages) != 1 || !equal(got.Messages[0], m) {
					t.Fatalf("decoded %+v, error %v, want %+v", got, err, m)
				}
			})
		})
	}
}

// A frame whose bytes are changed, cut or lengthened is refused.
func TestDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := net.Encode(source{t}.frame())
		bit := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		damaged := bytes.Clone(b)
		damaged[bit/8] ^= 1 << (bit % 8)
		refused(t, fmt.Sprintf("bit %d of %d bytes flipped", bit, len(b)), damaged)
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		refused(t, fmt.Sprintf("cut at %d of %d bytes", cut, len(b)), b[:cut])
		refused(t, "a byte added", append(bytes.Clone(b), 0))
		other := bytes.Clone(b)
		other[0] = net.Version + 1
		refused(t, "another version", sum(other[:len(b)-8]))
	})
}

func refused(t *rapid.T, what string, b []byte) {
	if f, err := net.Decode(b); f != nil || !errors.Is(err, net.ErrFrame) {
		t.Fatalf("%s: frame %+v, error %v, want %v", what, f, err, net.ErrFrame)
	}
}

// sum ends content with its checksum.
func sum(content []byte) []byte {
	return binary.LittleEndian.AppendUint64(bytes.Clone(content), xxhash.Sum64(content))
}

// Every bit of the golden frames matters.
func TestEveryBit(t *testing.T) {
	for _, b := range goldens(t) {
		for bit := range 8 * len(b) {
			b[bit/8] ^= 1 << (bit % 8)
			if _, err := net.Decode(b); !errors.Is(err, net.ErrFrame) {
				t.Fatalf("frame %x decodes with bit %d flipped, error %v", b, bit, err)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// A frame with the right checksum and the wrong form is refused, and costs no more
// memory than a few times its length, whatever counts it claims.
func TestWrongForm(t *testing.T) {
	for _, golden := range goldens(t) {
		content := golden[:len(golden)-8]
		for at := 1; at < len(content); at++ {
			huge := slices.Concat(content[:at], bytes.Repeat([]byte{0xff}, 9), []byte{1}, content[at+1:])
			decodeWithin(t, sum(huge))
			decodeWithin(t, sum(content[:at]))
		}
	}
	empty := net.Encode(&net.Frame{})
	content := empty[:len(empty)-9] // without the number of messages
	for name, tail := range map[string][]byte{
		"a kind of message that there is not": {1, 99, 0},
		"more messages than it can hold":      {2, 2, 1, 0},
		"no message where one is promised":    {1},
		"a kind of body that there is not":    {1, 2, 7, 99},
		"bytes after the last message":        {0, 0},
	} {
		if _, err := net.Decode(sum(append(bytes.Clone(content), tail...))); !errors.Is(err, net.ErrFrame) {
			t.Errorf("a frame with %s decodes, error %v", name, err)
		}
	}
}

// maxGrowth bounds the memory that decoding takes, in bytes per byte of the frame;
// an empty Raft entry is the worst, four bytes for a structure with its fields.
const maxGrowth = 256

func decodeWithin(t *testing.T, b []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := net.Decode(b)
	runtime.ReadMemStats(&after)
	if took, limit := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+maxGrowth*len(b)); took > limit {
		t.Fatalf("decoding %d bytes took %d bytes of memory, the limit is %d: %x", len(b), took, limit, b)
	}
	if err != nil {
		return
	}
	// What decodes has one meaning: encoded again it is the same frame.
	again := net.Encode(f)
	g, err := net.Decode(again)
	if err != nil {
		t.Fatalf("%x decodes, but encoded again it does not: %v", b, err)
	}
	if g.Header != f.Header || !bytes.Equal(net.Encode(g), again) || len(again) > len(b) {
		t.Fatalf("%x becomes %x when decoded and encoded", b, again)
	}
}

// A whole frame of a version to come is told from a damaged one: its header is read.
func TestUnknownFormat(t *testing.T) {
	header := goldenHeader
	header.Format, header.Newest = flow.NewestFormat+1, flow.NewestFormat+2
	f, err := net.Decode(net.Encode(&net.Frame{Header: header, Messages: []net.Message{golden["ack"]}}))
	if !errors.Is(err, net.ErrFormat) || f == nil || f.Header != header || f.Messages != nil {
		t.Errorf("decoded %+v, error %v, want the header and %v", f, err, net.ErrFormat)
	}
	header.Format = 0
	for _, h := range []net.Header{header, {Format: 2, Newest: 1}} {
		b := net.Encode(&net.Frame{Header: h})
		b[1] = byte(h.Format) // Encode does not write 0
		if f, err := net.Decode(sum(b[:len(b)-8])); f != nil || !errors.Is(err, net.ErrFrame) {
			t.Errorf("header %+v: decoded %+v, error %v, want %v", h, f, err, net.ErrFrame)
		}
	}
}

// FuzzDecode takes a frame's content; the checksum is added, or nothing would get past it.
func FuzzDecode(f *testing.F) {
	for _, golden := range goldens(f) {
		f.Add(golden[:len(golden)-8])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _ = net.Decode(content) // as it came from a stranger
		decodeWithin(t, sum(content))
	})
}

// goldens are the frames of testdata.
func goldens(tb testing.TB) (frames [][]byte) {
	for v := flow.OldestFormat; v <= flow.NewestFormat; v++ {
		datadriven.RunTestAny(tb, goldenFile(v), func(tb testing.TB, d *datadriven.TestData) string {
			b, err := hex.DecodeString(strings.Join(strings.Fields(d.Expected), ""))
			if err != nil {
				tb.Fatalf("%s: %v", d.Pos, err)
			}
			frames = append(frames, b)
			return d.Expected
		})
	}
	return frames
}

func goldenFile(v flow.FormatVersion) string { return fmt.Sprintf("testdata/frames-v%d", v) }

// The bytes of a frame of each kind in each format version. Nodes of two versions talk to
// each other, so a change here needs another flow.NewestFormat, and a reason.
func TestGolden(t *testing.T) {
	for v := flow.OldestFormat; v <= flow.NewestFormat; v++ {
		t.Run(fmt.Sprintf("v%d", v), func(t *testing.T) { testGolden(t, v) })
	}
}

func testGolden(t *testing.T, v flow.FormatVersion) {
	header := goldenHeader
	header.Format, header.Newest = v, v+1
	seen := map[string]bool{}
	datadriven.RunTest(t, goldenFile(v), func(t *testing.T, d *datadriven.TestData) string {
		kind := strings.Join(append([]string{d.Cmd}, words(d)...), " ")
		m, ok := golden[kind]
		if !ok {
			d.Fatalf(t, "no message of kind %q", kind)
		}
		seen[kind] = true
		b := net.Encode(&net.Frame{Header: header, Messages: []net.Message{m}})
		f, err := net.Decode(bytes.Clone(b))
		if err != nil || f.Header != header || len(f.Messages) != 1 || !equal(f.Messages[0], in(v, m)) {
			t.Errorf("%s: decoded %+v, error %v", kind, f, err)
		}
		return hexLines(b)
	})
	for _, kind := range kinds {
		if !seen[kind] {
			t.Errorf(goldenFile(v)+" has no frame of kind %q", kind)
		}
	}
}

func words(d *datadriven.TestData) (list []string) {
	for _, a := range d.CmdArgs {
		list = append(list, a.Key)
	}
	return list
}

// hexLines prints 32 bytes a line.
func hexLines(b []byte) string {
	var s strings.Builder
	for line := range slices.Chunk(b, 32) {
		fmt.Fprintf(&s, "%x\n", line)
	}
	return s.String()
}

// The golden messages leave no field at its zero value.
func TestGoldenIsFull(t *testing.T) {
	for kind, m := range golden {
		v := reflect.ValueOf(m).Elem()
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			reply := v.Type() == reflect.TypeFor[net.Reply]()
			if v.Field(i).IsZero() && kind != "call none" && !(reply && (name == "Err" || name == "Body")) {
				t.Errorf("%s: field %s is zero", kind, name)
			}
		}
	}
}

var goldenHeader = net.Header{ClusterID: 0x0123456789abcdef, From: 1, To: 300, Incarnation: 7, ToIncarnation: 9, Sent: flow.Time(1_700_000_000_000_000_001)}
