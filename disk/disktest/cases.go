package disktest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/ruvector-flow/ruvector-flow/disk"
)

// cases are the parts of the contract, one by one.
var cases = []struct {
	name string
	run  func(h Harness) error
}{
	{"scans are ordered and bounded", caseScan},
	{"operations of a batch happen in order", caseOrderInBatch},
	{"a range deletion removes its range only", caseDeleteRange},
	{"a value may be empty and a get is a copy", caseGet},
	{"a batch may be reused after apply", caseReuse},
	{"a snapshot does not move", caseSnapshot},
	{"a snapshot is read while batches commit", caseSnapshotConcurrent},
	{"done comes once, in order, later", caseDone},
	{"a synced batch and all before it survive", caseSync},
	{"an empty batch with sync is a barrier", caseBarrier},
	{"what a crash left stays", caseCrashTwice},
	{"a clean close keeps all", caseReopen},
	{"a large batch is atomic and durable", caseLargeBatch},
	{"many syncs are in flight at once", caseManyInFlight},
	{"usage is known", caseUsage},
	{"the size of a range follows its rows", caseSize},
}

func put(c *checker, d disk.Disk, sync bool, keysAndValues ...string) {
	var b disk.Batch
	for i := 0; i < len(keysAndValues); i += 2 {
		b.Put([]byte(keysAndValues[i]), []byte(keysAndValues[i+1]))
	}
	c.apply(d, &b, sync)
}

// drain drives until every done has come.
func drain(h Harness, c *checker) error {
	return (&walker{h: h, c: c}).driveAll()
}

func crash(h Harness, c *checker, seed uint64) error {
	return (&walker{h: h, c: c, draw: func(string, int) int { return int(seed) }}).crash()
}

func caseScan(h Harness) error {
	c, d := newChecker(), h.Disk()
	put(c, d, false, "b", "2", "a\x00", "1", "\x00", "0", "\xff\xff", "9", "a", "1", "ab", "3")
	for _, lo := range [][]byte{nil, {}, {0}, []byte("a"), []byte("aa"), []byte("zz"), {0xff, 0xff, 0xff}} {
		for _, hi := range [][]byte{nil, {}, {0}, []byte("a"), []byte("ab"), []byte("b"), []byte("c"), {0xff, 0xff}} {
			for _, limit := range []int{1, 2, 100} {
				if err := checkScan(d, c.now(), lo, hi, limit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func caseOrderInBatch(h Harness) error {
	c, d := newChecker(), h.Disk()
	put(c, d, false, "a", "old", "b", "old", "c", "old")
	var b disk.Batch
	b.Put([]byte("a"), []byte("1"))
	b.Put([]byte("a"), []byte("2"))
	b.Put([]byte("b"), []byte("1"))
	b.Delete([]byte("b"))
	b.Delete([]byte("b"))
	b.DeleteRange([]byte("c"), []byte("e"))
	b.Put([]byte("c"), []byte("new"))
	b.Put([]byte("d"), []byte("new"))
	b.Put([]byte("f"), []byte("new"))
	b.DeleteRange([]byte("f"), []byte("g"))
	c.apply(d, &b, false)
	if err := checkContent(d, c.now()); err != nil {
		return err
	}
	for _, k := range []string{"a", "b", "c", "d", "e", "f"} {
		if err := checkGet(d, c.now(), []byte(k)); err != nil {
			return err
		}
	}
	return nil
}

func caseDeleteRange(h Harness) error {
	c, d := newChecker(), h.Disk()
	ranges := [][2]string{{"k05", "k10"}, {"k07", "k12"}, {"k20", "k20"}, {"k30", "k25"}, {"", "k01"}, {"k39", ""}, {"k39", "\xff"}, {"x", "y"}}
	for _, r := range ranges {
		for i := range 40 {
			put(c, d, false, fmt.Sprintf("k%02d", i), r[0]+r[1])
		}
		var b disk.Batch
		b.DeleteRange([]byte(r[0]), []byte(r[1]))
		c.apply(d, &b, false)
		if err := checkContent(d, c.now()); err != nil {
			return fmt.Errorf("after deleting [%q, %q): %w", r[0], r[1], err)
		}
	}
	return nil
}

func caseGet(h Harness) error {
	c, d := newChecker(), h.Disk()
	put(c, d, false, "empty", "", "one", "1")
	for _, k := range []string{"empty", "one", "none", "on", "one\x00"} {
		if err := checkGet(d, c.now(), []byte(k)); err != nil {
			return err
		}
	}
	return nil
}

func caseReuse(h Harness) error {
	c, d := newChecker(), h.Disk()
	for i := range 20 { // apply spoils the bytes it was given
		put(c, d, i%3 == 0, fmt.Sprintf("k%d", i%7), fmt.Sprint(i))
		if err := checkContent(d, c.now()); err != nil {
			return err
		}
	}
	return drain(h, c)
}

func caseSnapshot(h Harness) error {
	c, d := newChecker(), h.Disk()
	var views []view
	for i := range 30 {
		put(c, d, false, fmt.Sprintf("k%02d", i), "1", fmt.Sprintf("k%02d", i*7%30), fmt.Sprint(i))
		if i%5 == 0 {
			var b disk.Batch
			b.DeleteRange(fmt.Appendf(nil, "k%02d", i/2), fmt.Appendf(nil, "k%02d", i/2+3))
			c.apply(d, &b, false)
		}
		if i%3 == 0 {
			views = append(views, view{d.Snapshot(), c.now()})
		}
	}
	for _, v := range views {
		if err := checkContent(v.snap, v.want); err != nil {
			return err
		}
		for i := range 31 {
			if err := checkGet(v.snap, v.want, fmt.Appendf(nil, "k%02d", i)); err != nil {
				return err
			}
		}
		if err := v.snap.Close(); err != nil {
			return err
		}
	}
	return checkContent(d, c.now())
}

func caseSnapshotConcurrent(h Harness) error {
	c, d := newChecker(), h.Disk()
	for i := range 200 {
		put(c, d, false, fmt.Sprintf("k%03d", i), "old")
	}
	snap, want := d.Snapshot(), c.now()
	var wg sync.WaitGroup
	var err error
	wg.Add(1)
	go func() { // ends after ten scans; waited for below
		defer wg.Done()
		for range 10 {
			if err == nil {
				err = checkContent(snap, want)
			}
		}
	}()
	for i := range 200 {
		put(c, d, false, fmt.Sprintf("k%03d", i), "new", fmt.Sprintf("l%03d", i), "new")
	}
	wg.Wait()
	if err != nil {
		return err
	}
	return snap.Close()
}

func caseDone(h Harness) error {
	c, d := newChecker(), h.Disk()
	for i := range 50 {
		put(c, d, i%4 != 1, fmt.Sprintf("k%d", i), "v")
		if i%10 == 9 {
			h.Drive()
		}
	}
	if err := drain(h, c); err != nil {
		return err
	}
	if h.Drive() {
		return fmt.Errorf("a done came although none was due")
	}
	return nil
}

func caseSync(h Harness) error {
	for seed := range uint64(5) {
		c := newChecker()
		found, err := content(h.Disk())
		if err != nil {
			return err
		}
		c.states[0] = found
		put(c, h.Disk(), false, "a", fmt.Sprint("1.", seed))
		put(c, h.Disk(), false, "b", fmt.Sprint("2.", seed))
		put(c, h.Disk(), true, "c", fmt.Sprint("3.", seed))
		if err := drain(h, c); err != nil {
			return err
		}
		put(c, h.Disk(), false, "d", fmt.Sprint("4.", seed))
		put(c, h.Disk(), true, "a", fmt.Sprint("5.", seed)) // its done has not come
		if err := crash(h, c, seed); err != nil {
			return err
		}
	}
	return nil
}

func caseBarrier(h Harness) error {
	c := newChecker()
	put(c, h.Disk(), false, "a", "1")
	c.apply(h.Disk(), &disk.Batch{}, true)
	c.apply(h.Disk(), &disk.Batch{}, false)
	if err := drain(h, c); err != nil {
		return err
	}
	return crash(h, c, 0)
}

func caseCrashTwice(h Harness) error {
	c := newChecker()
	for i := range 10 {
		put(c, h.Disk(), i == 3, fmt.Sprintf("k%d", i), "v")
	}
	for seed := range uint64(4) { // after the first crash all that is left was promised
		if err := crash(h, c, seed*9377+3); err != nil {
			return err
		}
	}
	return nil
}

func caseReopen(h Harness) error {
	c := newChecker()
	for i := range 20 {
		put(c, h.Disk(), i%2 == 0, fmt.Sprintf("k%d", i), fmt.Sprint(i))
	}
	w := &walker{h: h, c: c}
	if err := w.reopen(); err != nil {
		return err
	}
	put(c, h.Disk(), false, "k3", "again")
	return w.reopen()
}

func caseLargeBatch(h Harness) error {
	c := newChecker()
	var b disk.Batch
	for i := range 300 {
		b.Put(fmt.Appendf(nil, "k%04d", i), bytes.Repeat([]byte{byte(i)}, 10_000))
	}
	c.apply(h.Disk(), &b, false)
	put(c, h.Disk(), false, "small", "1")
	if err := checkContent(h.Disk(), c.now()); err != nil {
		return err
	}
	put(c, h.Disk(), true, "small", "2")
	if err := drain(h, c); err != nil {
		return err
	}
	return crash(h, c, 1)
}

func caseManyInFlight(h Harness) error {
	c := newChecker()
	// The model copies its state for every batch: a small one is overwritten often.
	for i := range 6000 {
		put(c, h.Disk(), true, fmt.Sprintf("k%d", i%5), fmt.Sprint(i))
	}
	if err := drain(h, c); err != nil {
		return err
	}
	return crash(h, c, 2)
}

func caseUsage(h Harness) error {
	if u := h.Disk().Usage(); u.Free == 0 {
		return fmt.Errorf("usage %+v: the test needs a disk with free space", u)
	}
	return nil
}

// caseSize writes two neighbouring ranges of rows that do not compress, the second four
// times the first, and removes the first again.
func caseSize(h Harness) error {
	const rows, rowBytes = 300, 4 << 10
	c, d, random := newChecker(), h.Disk(), rand.New(rand.NewPCG(1, 2))
	value := make([]byte, rowBytes)
	for i := range 5 * rows {
		for j := range value {
			value[j] = byte(random.Uint32())
		}
		put(c, d, true, fmt.Sprintf("%c%06d", 'b'+min(i/rows, 1), i), string(value))
	}
	sizes := func() (first, second, both, beside uint64, err error) {
		view := d.Snapshot()
		size := func(lo, hi string) (bytes uint64) {
			var failed error
			if bytes, failed = view.Size([]byte(lo), []byte(hi)); err == nil {
				err = failed
			}
			return bytes
		}
		first, second, both, beside = size("b", "c"), size("c", "d"), size("a", "z"), size("d", "z")
		return first, second, both, beside, errors.Join(err, view.Close())
	}
	near := func(what string, got, want uint64) error {
		if slack := want/20 + 64<<10; got+slack < want || got > want+slack {
			return fmt.Errorf("%s takes %d bytes, want about %d", what, got, want)
		}
		return nil
	}
	if err := drain(h, c); err != nil {
		return err
	}
	const one = rows * (rowBytes + 7)
	first, second, both, beside, err := sizes()
	err = errors.Join(err, near("the first range", first, one), near("the second range", second, 4*one),
		near("all", both, 5*one), near("an empty range", beside, 0))
	if err != nil {
		return err
	}
	var b disk.Batch
	b.DeleteRange([]byte("b"), []byte("c"))
	c.apply(d, &b, true)
	if err := drain(h, c); err != nil {
		return err
	}
	first, second, _, _, err = sizes()
	if first > one+64<<10 {
		err = errors.Join(err, fmt.Errorf("an emptied range takes %d bytes, more than the %d it had", first, one))
	}
	return errors.Join(err, near("the range beside an emptied one", second, 4*one))
}
