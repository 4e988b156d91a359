package disktest

import (
	"fmt"

	"github.com/ruvector-flow/ruvector-flow/disk"
)

// walker is one random walk over a disk.
type walker struct {
	h     Harness
	c     *checker
	draw  func(label string, n int) int
	batch disk.Batch
	count int // of values, so that each is unlike all others
	views []view
	met   map[string]int // counts what faults came to
}

// view is a snapshot with what it must show.
type view struct {
	snap disk.Snapshot
	want state
}

// walk drives the disk through random actions until the first thing that breaks
// the contract. draw(label, n) chooses a number in [0, n); met counts what faults came to.
func walk(h Harness, draw func(label string, n int) int, met map[string]int) error {
	w := &walker{h: h, c: newChecker(), draw: draw, met: met}
	actions := []action{
		{"apply", func() error { return w.apply(false) }},
		{"apply", func() error { return w.apply(false) }},
		{"apply with sync", func() error { return w.apply(true) }},
		{"apply with sync", func() error { return w.apply(true) }},
		{"drive", w.drive},
		{"drive", w.drive},
		{"drive all", w.driveAll},
		{"crash", w.crash},
		{"reopen", w.reopen},
		{"get", w.get},
		{"scan", w.scan},
		{"take snapshot", w.take},
		{"read snapshot", w.read},
	}
	if d, ok := h.(Device); ok {
		actions = append(actions, w.faults(d)...)
	}
	for step := range draw("steps", maxWalkSteps) {
		a := actions[draw("action", len(actions))]
		err := a.run()
		if err == nil {
			_, err = w.c.outstanding()
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", step, a.name, err)
		}
	}
	if err := w.driveAll(); err != nil {
		return err
	}
	if err := w.closeViews(); err != nil {
		return err
	}
	return checkContent(h.Disk(), w.c.now())
}

// key draws one of a few dozen keys, close to each other and at both ends.
func (w *walker) key() []byte {
	first := []byte{0x00, 'a', 'b', 0xff}
	k := []byte{first[w.draw("key", len(first))]}
	for range w.draw("key length", 3) {
		k = append(k, first[w.draw("key", len(first))])
	}
	return k
}

func (w *walker) value() []byte {
	sizes := []int{0, 10, 10, 300, 3000, 40000}
	w.count++
	v := fmt.Appendf(nil, "%d.", w.count)
	for n := sizes[w.draw("size", len(sizes))]; len(v) < n; {
		v = append(v, byte(len(v)*w.count))
	}
	return v
}

func (w *walker) apply(sync bool) error {
	some := w.write(sync)
	if some == nil {
		return nil
	}
	return checkGet(w.h.Disk(), w.c.now(), some)
}

// write applies a batch and returns one of its keys, or nil.
func (w *walker) write(sync bool) (some []byte) {
	const maxOps = 6
	for range w.draw("ops", maxOps) {
		k := w.key()
		some = append(some[:0], k...)
		switch w.draw("kind", 6) {
		case 0:
			w.batch.Delete(k)
		case 1:
			w.batch.DeleteRange(k, w.key())
		default:
			w.batch.Put(k, w.value())
		}
	}
	w.c.apply(w.h.Disk(), &w.batch, sync)
	return some
}

func (w *walker) drive() error {
	before, _ := w.c.outstanding()
	drove := w.h.Drive()
	after, err := w.c.outstanding()
	if err != nil {
		return err
	}
	if drove && after >= before {
		return fmt.Errorf("nothing was done, %d outstanding", after)
	}
	if !drove && after > 0 {
		return fmt.Errorf("%d done calls are due, and none comes", after)
	}
	return nil
}

func (w *walker) driveAll() error {
	for {
		n, err := w.c.outstanding()
		if n == 0 || err != nil {
			return err
		}
		if err := w.drive(); err != nil {
			return err
		}
	}
}

func (w *walker) crash() error { return w.stop(w.h.Crash) }

// stop crashes the disk in some way and judges what it left.
func (w *walker) stop(crash func(seed uint64)) error {
	if err := w.closeViews(); err != nil {
		return err
	}
	crash(uint64(w.draw("crash", 1<<16)))
	w.c.nextOpening()
	found, err := content(w.h.Disk())
	if err != nil {
		return err
	}
	return w.c.crashed(found)
}

func (w *walker) reopen() error {
	if err := w.closeViews(); err != nil {
		return err
	}
	w.h.Reopen()
	w.c.nextOpening()
	found, err := content(w.h.Disk())
	if err != nil {
		return err
	}
	return w.c.reopened(found)
}

func (w *walker) get() error { return checkGet(w.h.Disk(), w.c.now(), w.key()) }

func (w *walker) scan() error { return w.scanOf(w.h.Disk(), w.c.now()) }

func (w *walker) scanOf(r disk.Reader, want state) error {
	lo, hi := w.key(), w.key()
	switch w.draw("bounds", 4) {
	case 0:
		lo = nil
	case 1:
		hi = nil
	}
	return checkScan(r, want, lo, hi, 1+w.draw("limit", 50))
}

func (w *walker) take() error {
	const maxViews = 3
	if len(w.views) == maxViews {
		v := w.views[0]
		w.views = w.views[1:]
		if err := v.snap.Close(); err != nil {
			return err
		}
	}
	w.views = append(w.views, view{w.h.Disk().Snapshot(), w.c.now()})
	return nil
}

func (w *walker) read() error {
	if len(w.views) == 0 {
		return nil
	}
	v := w.views[w.draw("snapshot", len(w.views))]
	if err := checkGet(v.snap, v.want, w.key()); err != nil {
		return err
	}
	if err := w.scanOf(v.snap, v.want); err != nil {
		return err
	}
	return checkContent(v.snap, v.want)
}

func (w *walker) closeViews() error {
	for _, v := range w.views {
		if err := checkContent(v.snap, v.want); err != nil {
			return err
		}
		if err := v.snap.Close(); err != nil {
			return err
		}
	}
	w.views = nil
	return nil
}
