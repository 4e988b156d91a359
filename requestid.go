package flow

import (
	"encoding/hex"
	"time"
)

// RequestID names one write so that a retry is applied once. It is a UUID of
// version 7 (RFC 9562): its first 48 bits are the Unix time in milliseconds at
// which the client made it, which is what bounds the deduplication window.
type RequestID [16]byte

// NewRequestID makes an id from a time and 74 random bits.
func NewRequestID(now Time, random [10]byte) RequestID {
	var id RequestID
	ms := uint64(now) / uint64(time.Millisecond)
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	copy(id[6:], random[:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ParseRequestID reads the hyphenated or plain hexadecimal form of a version 7 UUID.
func ParseRequestID(s string) (RequestID, error) {
	var id RequestID
	plain := make([]byte, 0, 32)
	for i := range len(s) {
		if s[i] != '-' {
			plain = append(plain, s[i])
		}
	}
	if len(plain) == 32 {
		if _, err := hex.Decode(id[:], plain); err == nil && id[6]>>4 == 7 {
			return id, nil
		}
	}
	return RequestID{}, Errorf(InvalidArgument, "flow.ParseRequestID", "request id %q is not a version 7 UUID (its time bounds how long a retry is recognised)", s)
}

// IsZero says that no id was given.
func (id RequestID) IsZero() bool { return id == RequestID{} }

// Time returns when the client made the id, to the millisecond.
func (id RequestID) Time() Time {
	var ms uint64
	for i := range 6 {
		ms = ms<<8 | uint64(id[i])
	}
	return Time(ms * uint64(time.Millisecond))
}

// String returns the hyphenated form.
func (id RequestID) String() string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
