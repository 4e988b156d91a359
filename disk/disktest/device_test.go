package disktest

import (
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
)

// memDevice is the device of a memDisk.
type memDevice struct {
	failing, full bool
	space         int // bytes left, if full
	dead, torn    bool
	misreads      Misread
	sticks        bool
	rotten        string // a key whose value is spoiled, if some is
	rot           bool
	reads         int
	whole         map[string][]byte
}

var _ Device = (*memDisk)(nil)

func (m *memDisk) FailWrites(failing bool) { m.failing = failing }

func (m *memDisk) Fill(left int) { m.full, m.space = left >= 0, left }

// syncFails says whether a sync fails, and kills the disk.
func (m *memDisk) syncFails() bool {
	if m.dead && m.flaw != forgetsFailure {
		return true
	}
	m.dead = m.failing || m.full && m.space < 0
	return m.dead && m.flaw != hidesFailure
}

func (m *memDisk) Misread(how Misread) {
	m.misreads = how
	if m.flaw == misreadSticks && m.reads > 0 && how == Unreadable {
		m.sticks = true
	}
}

func (m *memDisk) Tear(seed uint64) {
	m.torn = true
	m.Crash(seed)
}

func (m *memDisk) Damage(_ Damage, seed uint64) (disk.Reader, error) {
	m.Reopen()
	m.whole = maps.Clone(m.content)
	if len(m.content) == 0 {
		return m, nil
	}
	keys := slices.Sorted(maps.Keys(m.content))
	m.rotten, m.rot = keys[seed%uint64(len(keys))], true
	if m.flaw == opensShort {
		m.rot = false
		delete(m.content, keys[len(keys)-1])
	} else if seed%3 == 0 {
		return nil, flow.Errorf(flow.Corrupt, "test", "what is there cannot be read")
	}
	return m, nil
}

func (m *memDisk) Restore() {
	m.rot = false
	m.open(m.whole)
}

var errMisread = flow.Errorf(flow.Corrupt, "test", "a checksum does not match")

// misget is a get that goes wrong.
func (m *memDisk) misget(key []byte) (value []byte, ok bool, err error, wrong bool) {
	m.reads++
	there := m.content[string(key)]
	switch {
	case m.dead && m.flaw == deadShowsNothing:
		return nil, false, nil, true
	case m.dead && m.full && m.flaw == fullRefusesReads || m.sticks:
		return nil, false, errMisread, true
	case m.misreads != Sound && m.reads%2 == 0:
		if m.flaw == failedReadIsAbsence {
			return nil, false, nil, true
		}
		if m.flaw == readsElsewhere && m.misreads == ReadElsewhere {
			return []byte("of another row"), true, nil, true
		}
		return nil, false, errMisread, true
	case m.rot && m.rotten == string(key):
		if m.flaw == servesRot {
			return append([]byte{'!'}, there...), true, nil, true
		}
		if m.flaw == rotIsAbsence {
			return nil, false, nil, true
		}
		return nil, false, errMisread, true
	}
	return nil, false, nil, false
}

// misscan is a scan that goes wrong at a key.
func (m *memDisk) misscan(key string) (err error, wrong bool) {
	m.reads++
	switch {
	case m.dead && m.flaw == deadShowsNothing:
		return nil, true
	case m.dead && m.full && m.flaw == fullRefusesReads || m.sticks:
		return errMisread, true
	case m.misreads != Sound && m.reads%5 == 0:
		if m.flaw == cutsScanShort {
			return nil, true
		}
		return errMisread, true
	case m.rot && m.rotten == key && m.flaw != rotIsAbsence && m.flaw != servesRot:
		return errMisread, true
	}
	return nil, false
}
