package net

import (
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"
	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/net/wire"
)

// Version is the version of the frame format. A node refuses frames of another one.
const Version = 2

// checksumBytes is the length of the xxHash64 that ends a frame.
const checksumBytes = 8

// Header begins every frame.
type Header struct {
	ClusterID uint64
	From, To  flow.NodeID
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

// ErrFrame is the error of a frame that is damaged or of another version.
var ErrFrame = errors.New("frame is damaged or of another version")

// Encode returns the frame's bytes: version, header, messages, checksum.
func Encode(f *Frame) []byte {
	w := wire.Writer{Buf: make([]byte, 0, sizeHint(f))}
	w.Byte(Version)
	w.Fixed64(f.ClusterID)
	w.Uint(uint64(f.From))
	w.Uint(uint64(f.To))
	w.Uint(f.Incarnation)
	w.Uint(f.ToIncarnation)
	w.Int(int64(f.Sent))
	w.Uint(uint64(len(f.Messages)))
	for _, m := range f.Messages {
		w.Byte(m.kind())
		encodeMessage(&w, m)
	}
	return binary.LittleEndian.AppendUint64(w.Buf, xxhash.Sum64(w.Buf))
}

// Decode reads a frame. Byte slices of its messages alias b, which must not
// change afterwards. It returns ErrFrame when the checksum, the version or the
// form is wrong.
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
		ClusterID: r.Fixed64(), From: flow.NodeID(r.Uint()), To: flow.NodeID(r.Uint()),
		Incarnation: r.Uint(), ToIncarnation: r.Uint(), Sent: flow.Time(r.Int()),
	}}
	n := r.Count(2)
	f.Messages = make([]Message, 0, n)
	for range n {
		m := decodeMessage(r, r.Byte())
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
