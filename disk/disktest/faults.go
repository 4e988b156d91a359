package disktest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
)

// action is a step of a walk.
type action struct {
	name string
	run  func() error
}

// What faults come to, as a walk counts it. Many walks meet each.
const (
	metDeath   = "the disk dies of a failed write"
	metFull    = "the disk dies of a lack of space"
	metSpace   = "what is left of the space suffices"
	metTorn    = "a torn write"
	metMisread = "a read fails"
	metRefusal = "an opening fails, or a read of what is spoiled"
	metSpared  = "what is spoiled is not needed"
)

var outcomes = []string{metDeath, metFull, metSpace, metTorn, metMisread, metRefusal}

// faults are the steps that need a device. Each ends with one that is sound.
func (w *walker) faults(d Device) []action {
	return []action{
		{"fail", func() error { return w.fail(d) }},
		{"fill", func() error { return w.fill(d) }},
		{"tear", func() error { return w.tear(d) }},
		{"misread", func() error { return w.misread(d, Unreadable) }},
		{"misread elsewhere", func() error { return w.misread(d, ReadElsewhere) }},
		{"rot", func() error { return w.damage(d, BitRot) }},
		{"write elsewhere", func() error { return w.damage(d, WriteElsewhere) }},
	}
}

// fail makes the device fail: the disk must say so, and be dead until it is opened again.
func (w *walker) fail(d Device) error {
	d.FailWrites(true)
	w.c.failing(true)
	for range w.draw("batches", 3) {
		w.write(w.draw("sync", 2) == 0)
	}
	w.write(true)
	if err := w.driveAll(); err != nil {
		return err
	}
	if w.draw("heal", 2) == 0 { // too late
		d.FailWrites(false)
	}
	w.met[metDeath]++
	return w.bury(d, func() { d.FailWrites(false) })
}

// fill leaves little space, and more later.
func (w *walker) fill(d Device) error {
	left := []int{0, 100, 5_000, 100_000}
	d.Fill(left[w.draw("left", len(left))])
	w.c.failing(false)
	for range w.draw("batches", 4) {
		w.write(w.draw("sync", 2) == 0)
	}
	w.write(true)
	if err := w.driveAll(); err != nil {
		return err
	}
	if w.c.died() != nil {
		w.met[metFull]++
		return w.bury(d, func() { d.Fill(-1) })
	}
	w.met[metSpace]++
	d.Fill(-1)
	if err := w.look(); err != nil {
		return err
	}
	w.write(true)
	if err := w.driveAll(); err != nil {
		return err
	}
	return w.crash() // a task in the background may have met the end of the space
}

// bury reads from a dead disk, writes to it, and opens it on a sound device.
func (w *walker) bury(d Device, heal func()) error {
	if err := w.look(); err != nil {
		return err
	}
	w.write(false)
	w.write(true) // its done must be given an error, too
	if err := w.driveAll(); err != nil {
		return err
	}
	if err := w.look(); err != nil {
		return err
	}
	heal()
	if w.draw("torn", 2) == 0 {
		return w.stop(d.Tear)
	}
	return w.crash()
}

// look reads all from a disk that may be dead. Its device can be read.
func (w *walker) look() error {
	found, err := content(w.h.Disk())
	if err != nil {
		return err
	}
	return w.c.shown(found)
}

// tear writes some batches and loses power in the midst of the last write.
func (w *walker) tear(d Device) error {
	for range 1 + w.draw("batches", 3) {
		if err := w.apply(w.draw("sync", 2) == 0); err != nil {
			return err
		}
	}
	w.met[metTorn]++
	return w.stop(d.Tear)
}

// misread reads while the device misreads: an error or what is right. Then all is right.
func (w *walker) misread(d Device, how Misread) error {
	if w.draw("cold", 2) == 0 { // what was just opened has little in memory
		if err := w.reopen(); err != nil {
			return err
		}
	}
	d.Misread(how)
	from := []view{{want: w.c.now()}}
	from = append(from, w.views...)
	for _, v := range from {
		var r disk.Reader = w.h.Disk()
		if v.snap != nil {
			r = v.snap
		}
		if _, err := w.readAll(r, v.want, metMisread); err != nil {
			return err
		}
	}
	d.Misread(Sound)
	return checkContent(w.h.Disk(), w.c.now())
}

// damage spoils what lies on the device: it is refused as a whole, or what is read of it is
// refused or right.
func (w *walker) damage(d Device, how Damage) error {
	if err := w.closeViews(); err != nil {
		return err
	}
	want := w.c.now()
	spoiled, err := d.Damage(how, uint64(w.draw("damage", 1<<16)))
	w.c.nextOpening()
	switch {
	case err != nil:
		w.met[metRefusal]++
	default:
		var failed int
		if failed, err = w.readAll(spoiled, want, metRefusal); err != nil {
			return err
		}
		if failed == 0 {
			w.met[metSpared]++
		}
	}
	if err != nil && flow.KindOf(err) != flow.Corrupt {
		return fmt.Errorf("what is spoiled is refused as %v, want %v: %w", flow.KindOf(err), flow.Corrupt, err)
	}
	d.Restore()
	found, err := content(w.h.Disk())
	if err != nil {
		return err
	}
	return w.c.reopened(found)
}

// readAll reads every key that is there, one that may not be, and all, and counts the reads
// that fail as met. What does not fail must be right.
func (w *walker) readAll(r disk.Reader, want state, met string) (failed int, err error) {
	try := func(err error) error {
		var f failedRead
		if err == nil || !errors.As(err, &f) {
			return err
		}
		if k := flow.KindOf(f.error); k != flow.Corrupt && met != metMisread {
			return fmt.Errorf("the kind of %w is %v, want %v", err, k, flow.Corrupt)
		}
		failed++
		w.met[met]++
		return nil
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if err := try(checkGet(r, want, []byte(k))); err != nil {
			return failed, err
		}
	}
	if err := try(checkGet(r, want, w.key())); err != nil {
		return failed, err
	}
	return failed, try(checkScan(r, want, nil, nil, len(want)+1))
}
