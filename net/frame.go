package net

import (
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
)

// Version is the version of the frame's layout: of what stands around the messages. It
// says how to read the header, which says the version of the messages. A node refuses
// frames of another one.
const Version = 3

// checksumBytes is the length of the xxHash64 that ends a frame.
const checksumBytes = 8

// Header begins every frame.
type Header struct {
	// Format is the version that the messages are encoded in, Newest the highest one that
	// the sender understands: every frame says so, and so is a hello. Encode takes 0 for
	// flow.NewestFormat.
	Format, Newest flow.FormatVersion
	ClusterID      uint64
	From, To       flow.NodeID
	// Incarnation counts the starts of the sender; frames of an earlier one are dropped.
	Incarnation uint64
	// ToIncarnation is the receiver's, as far as the sender knows (0: it does not). A
	// frame for a former life is dropped: what it asks for may have been refused then.
	ToIncarnation uint64
	// Sent is the sender's clock.
	Sent flow.Time
}

// Frame is a header and the messages of one turn to one node.
type Frame struct {
	Header
	Messages []Message
}

// ErrFrame is the error of a frame that is damaged or of another layout.
var ErrFrame = errors.New("frame is damaged or of another version")

// ErrFormat is the error of a whole frame whose messages are of an unknown version.
var ErrFormat = errors.New("messages are of an unknown format version")

// Encode returns the frame's bytes: version, header, messages, checksum.
func Encode(f *Frame) []byte {
	w := wire.Writer{Buf: make([]byte, 0, sizeHint(f))}
	format := f.Format.OrNewest()
	w.Byte(Version)
	w.Byte(byte(format))
	w.Byte(byte(f.Newest.OrNewest()))
	w.Fixed64(f.ClusterID)
	w.Uint(uint64(f.From))
	w.Uint(uint64(f.To))
	w.Uint(f.Incarnation)
	w.Uint(f.ToIncarnation)
	w.Int(int64(f.Sent))
	w.Uint(uint64(len(f.Messages)))
	for _, m := range f.Messages {
		w.Byte(m.kind())
		encodeMessage(&w, m, format)
	}
	return binary.LittleEndian.AppendUint64(w.Buf, xxhash.Sum64(w.Buf))
}

// Decode reads a frame. Byte slices of its messages alias b, which must not
// change afterwards. It returns ErrFrame when the checksum, the layout or the form is
// wrong, and the header alone with ErrFormat when the messages are of a version that
// this code does not know.
func Decode(b []byte) (*Frame, error) {
	if len(b) < checksumBytes+1 {
		return nil, ErrFrame
	}
	content, sum := b[:len(b)-checksumBytes], b[len(b)-checksumBytes:]
	if xxhash.Sum64(content) != binary.LittleEndian.Uint64(sum) || content[0] != Version {
		return nil, ErrFrame
	}
	r := wire.NewReader(content[1:])
	f := &Frame{Header: Header{
		Format: flow.FormatVersion(r.Byte()), Newest: flow.FormatVersion(r.Byte()),
		ClusterID: r.Fixed64(), From: flow.NodeID(r.Uint()), To: flow.NodeID(r.Uint()),
		Incarnation: r.Uint(), ToIncarnation: r.Uint(), Sent: flow.Time(r.Int()),
	}}
	if r.Err() != nil || f.Format == 0 || f.Newest < f.Format {
		return nil, ErrFrame
	}
	if f.Format.Check() != nil {
		return f, ErrFormat
	}
	n := r.Count(2)
	f.Messages = make([]Message, 0, n)
	for range n {
		m := decodeMessage(r, r.Byte(), f.Format)
		if m == nil || r.Err() != nil {
			return nil, ErrFrame
		}
		f.Messages = append(f.Messages, m)
	}
	if r.Done() != nil {
		return nil, ErrFrame
	}
	return f, nil
}

// sizeHint estimates a frame's length, so that encoding rarely grows its buffer.
func sizeHint(f *Frame) int {
	n := 64
	for _, m := range f.Messages {
		n += Size(m)
	}
	return n
}

// Size estimates the encoded length of a message, in bytes.
func Size(m Message) int {
	n := 64
	switch m := m.(type) {
	case *Raft:
		for _, e := range m.M.Entries {
			n += len(e.Data) + 24
		}
	case *SnapshotChunk:
		for _, row := range m.Rows {
			n += len(row.Key) + len(row.Value) + 8
		}
	case *Call:
		if b, ok := m.Body.(*Write); ok {
			n += len(b.Command)
		}
	case *Reply:
		switch b := m.Body.(type) {
		case *GraphPart:
			n += len(b.Data)
		case *ReadResult:
			for i := range b.Hits {
				n += 32 + len(b.Hits[i].ID) + 4*len(b.Hits[i].Vector) + len(b.Hits[i].Payload)
			}
		}
	}
	return n
}
