package pebble

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	pdb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble takes what it cannot read in its newest log for the end that a crash leaves,
// unless a later block says otherwise; and its blocks do not count what was written in whole
// blocks (version 2.1.7), so they seldom do. So rot can cut the log short in silence: what
// was synced is gone and the store opens. Therefore each record begins with a note of our
// own of how far its log was durable when the record was made. refuseRottenLog reads the log
// before Pebble does, byte by byte behind the first place that cannot be read, and refuses
// it if it finds a note which says that the log was durable past that place.
//
// What remains is the very end: what was synced and has no record behind it that was made
// later. settle puts one there once the store is quiet, Close does at once.

// The format of a log, from the package comment of Pebble's package record: blocks of
// chunkBlock bytes, filled with chunks that do not cross them, zeros in between. A chunk
// begins with its checksum (4 bytes), the length of its payload (2), its type (1), the low
// half of the log's number (4) and, in the newer format, what Pebble holds for durable (8).
// A record is a batch: 12 bytes, then its operations, of which the first is our note.
const (
	chunkBlock   = 32 << 10
	olderHeader  = 4 + 2 + 1 + 4
	newerHeader  = olderHeader + 8
	batchHeader  = 12
	logDataKind  = 3
	logNoteBytes = 8 + 8
	// The first of four types each: the whole of a record, its first, a middle, its last part.
	olderType, newerType, unknownType = 5, 9, 13
)

// logPlace is how far a log is durable.
type logPlace struct{ number, durable uint64 }

// note is the content of a note: the number of the log that is being written, and how many
// bytes of it are durable.
func (f *fence) note() []byte {
	var p logPlace
	if known := f.place.Load(); known != nil {
		p = *known
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, logNoteBytes), p.number), p.durable)
}

// logNumber returns the number of a log by its name.
func logNumber(name string) (number uint64, ok bool) {
	base, ok := strings.CutSuffix(name, ".log")
	number, err := strconv.ParseUint(base, 10, 64)
	return number, ok && err == nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunks are the bytes of the log of a number.
type chunks struct {
	data   []byte
	number uint64
}

// at reads the chunk at an offset: where it ends, and how far its note says that the log was
// durable. A chunk that its checksum or its number denies is not ok.
func (c chunks) at(at int) (end int, durable uint64, ok bool) {
	rest := c.data[at:min(len(c.data), at-at%chunkBlock+chunkBlock)]
	if len(rest) < olderHeader || rest[6] < olderType || rest[6] >= unknownType || binary.LittleEndian.Uint32(rest[7:]) != uint32(c.number) {
		return 0, 0, false
	}
	kind, header := rest[6]-olderType, olderHeader
	if rest[6] >= newerType {
		kind, header = rest[6]-newerType, newerHeader
	}
	size := header + int(binary.LittleEndian.Uint16(rest[4:]))
	if size > len(rest) {
		return 0, 0, false
	}
	sum := crc32.Checksum(rest[6:size], castagnoli)
	if (sum>>15|sum<<17)+0xa282ead8 != binary.LittleEndian.Uint32(rest) {
		return 0, 0, false
	}
	const begins = 2 // types of chunks that begin a record
	if p := rest[header:size]; kind < begins && len(p) >= batchHeader+2+logNoteBytes && p[batchHeader] == logDataKind && p[batchHeader+1] == logNoteBytes {
		if note := p[batchHeader+2:]; binary.BigEndian.Uint64(note) == c.number {
			durable = binary.BigEndian.Uint64(note[8:])
		}
	}
	return at + size, durable, true
}

// ended says whether the log ends at an offset as a closed one does: nothing follows, or
// the header of a chunk of the next log, without a checksum.
func (c chunks) ended(at int) bool {
	rest := c.data[at:]
	return len(rest) == 0 || len(rest) >= olderHeader && rest[6] == olderType && binary.LittleEndian.Uint32(rest) == 0 &&
		binary.LittleEndian.Uint16(rest[4:]) == 0 && binary.LittleEndian.Uint32(rest[7:]) == uint32(c.number)+1
}

// skipped is the beginning of the next block if what is left of this one is too small for
// a chunk, and otherwise the same offset.
func (c chunks) skipped(at int) int {
	left := chunkBlock - at%chunkBlock
	if left >= newerHeader || len(c.data)-at < left || strings.Trim(string(c.data[at:at+left]), "\x00") != "" {
		return at
	}
	return at + left
}

// rotten finds the first place that cannot be read although it was durable, and the chunk
// behind it whose note shows it.
func (c chunks) rotten() (place, witness int, found bool) {
	at := 0
	for {
		if at = c.skipped(at); c.ended(at) {
			return 0, 0, false
		}
		end, _, ok := c.at(at)
		if !ok {
			break
		}
		at = end
	}
	for next := at + 1; next < len(c.data); next++ {
		if _, durable, ok := c.at(next); ok && durable > uint64(at) {
			return at, next, true
		}
	}
	return 0, 0, false
}

// refuseRottenLog returns a corruption error if the newest log in dir is cut short by rot.
// Pebble itself is strict with the others.
func refuseRottenLog(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("list the files: %w", err)
	}
	newest, log := uint64(0), ""
	for _, name := range names {
		if n, ok := logNumber(name); ok && n > newest {
			newest, log = n, fs.PathJoin(dir, name)
		}
	}
	if log == "" {
		return nil
	}
	data, err := readFile(fs, log)
	if err != nil {
		return err
	}
	if place, witness, found := (chunks{data, newest}).rotten(); found {
		return fmt.Errorf("%w: %s cannot be read at byte %d, and what lies at byte %d was written when that was durable", pdb.ErrCorruption, log, place, witness)
	}
	return nil
}

// settle makes all durable and then puts a note behind it that says so.
func (s *Store) settle() {
	for range 2 {
		s.sync()
	}
}

// sync makes all durable that was committed.
func (s *Store) sync() {
	if s.fence.err() == nil {
		s.commit(s.db.LogData(s.fence.note(), pdb.Sync))
	}
}

// settleWhenQuiet settles if something was applied since the last time, but nothing since
// the call before. It is called by one goroutine.
func (s *Store) settleWhenQuiet() {
	n := s.applied.Load()
	if n == s.seen && n != s.settled {
		s.settle()
		s.settled = n
	}
	s.seen = n
}
