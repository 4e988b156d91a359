package disktest

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	flow "github.com/ruvector-flow/ruvector-flow"
	"github.com/ruvector-flow/ruvector-flow/disk"
)

// state is the content of a disk. It is never changed once it is in a checker.
type state map[string]string

// checker is the model: the content after each batch since the disk was opened,
// and which of them the disk has promised to keep. It only sees what a caller of
// the disk sees.
type checker struct {
	mu       sync.Mutex // guards the fields below: done may come from any goroutine
	states   []state    // states[0] is the content at opening, states[i] after batch i
	synced   int        // states[synced] was promised: a crash may not go back behind it
	waiting  []int      // the batches whose done is due, in order
	opening  int        // counts crashes and reopenings
	violated error      // the first done that broke the contract
	mayFail  bool       // the device has failed since the opening
	mustFail int        // the first batch that cannot be durable, or 0
	dead     error      // what done was given
}

func newChecker() *checker { return &checker{states: []state{{}}} }

// failing tells that the device may fail from now on, or, with certain, that nothing becomes
// durable that is applied from now on.
func (c *checker) failing(certain bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mayFail = true
	if certain {
		c.mustFail = len(c.states)
	}
}

// died returns the error of the disk's death, or nil.
func (c *checker) died() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// failedRead is the error of a read that the disk itself gave.
type failedRead struct{ error }

func (f failedRead) Unwrap() error { return f.error }

// now returns the content that reads must see.
func (c *checker) now() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.states[len(c.states)-1]
}

// outstanding returns how many done calls are due, and the first that was wrong.
func (c *checker) outstanding() (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting), c.violated
}

// apply gives the batch to the disk and to the model. Then it spoils the batch's
// bytes, which the disk must not need any more.
func (c *checker) apply(d disk.Disk, b *disk.Batch, sync bool) {
	next := maps.Clone(c.now())
	for _, op := range b.Ops() {
		applyOp(next, op)
	}
	c.mu.Lock()
	c.states = append(c.states, next)
	number, opening := len(c.states)-1, c.opening
	if sync {
		c.waiting = append(c.waiting, number)
	}
	c.mu.Unlock()
	if sync {
		d.Apply(b, true, func(err error) { c.done(number, opening, err) })
	} else {
		d.Apply(b, false, nil)
	}
	for _, op := range b.Ops() {
		spoil(op.Key)
		spoil(op.Value)
	}
	b.Reset()
}

func spoil(p []byte) {
	for i := range p {
		p[i] = 0xEE
	}
}

func applyOp(s state, op disk.Op) {
	switch op.Kind {
	case disk.Put:
		s[string(op.Key)] = string(op.Value)
	case disk.Delete:
		delete(s, string(op.Key))
	case disk.DeleteRange:
		maps.DeleteFunc(s, func(k, _ string) bool { return k >= string(op.Key) && k < string(op.Value) })
	}
}

// done is the done function of a batch.
func (c *checker) done(number, opening int, err error) {
	inside := insideApply()
	c.mu.Lock()
	defer c.mu.Unlock()
	bad := func(format string, args ...any) {
		if c.violated == nil {
			c.violated = fmt.Errorf("done of batch %d: "+format, append([]any{number}, args...)...)
		}
	}
	switch {
	case opening != c.opening:
		bad("called after the crash or the reopening that followed it")
	case inside:
		bad("called from inside Apply")
	case err != nil && !c.mayFail:
		bad("error on a healthy device: %v", err)
	case len(c.waiting) == 0 || c.waiting[0] != number:
		bad("called again or out of order; due were %v", c.waiting)
	case err != nil:
		c.waiting = c.waiting[1:]
		c.dead = err
		if k := flow.KindOf(err); k != flow.Unknown {
			bad("the kind of %v is %v, want %v", err, k, flow.Unknown)
		}
	case c.dead != nil:
		bad("durable, although the disk had died: %v", c.dead)
	case c.mustFail > 0 && number >= c.mustFail:
		bad("durable, although the device failed before it was applied")
	default:
		c.waiting = c.waiting[1:]
		c.synced = number
	}
}

// insideApply tells whether a call of checker.apply is on this goroutine's stack.
func insideApply() bool {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, ".(*checker).apply") {
			return true
		}
		if !more {
			return false
		}
	}
}

// crashed takes the content found after a crash: it must be that after some batch
// at or past the last promise. From here on all of it is promised, since a caller
// that has read it acts on it.
func (c *checker) crashed(found state) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.prefixLocked(found); err != nil {
		return fmt.Errorf("after a crash: %w", err)
	}
	c.reopenLocked(found)
	return c.violated
}

// shown takes the content that a disk shows which may be dead: what some batch at or past
// the last promise left.
func (c *checker) shown(found state) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.prefixLocked(found); err != nil {
		return fmt.Errorf("on a device that failed: %w", err)
	}
	return c.violated
}

func (c *checker) prefixLocked(found state) error {
	for i := len(c.states) - 1; i >= c.synced; i-- {
		if maps.Equal(c.states[i], found) {
			return nil
		}
	}
	for i := range c.states[:c.synced] {
		if maps.Equal(c.states[i], found) {
			return fmt.Errorf("a durable batch is lost: content is that after batch %d, but done was called up to %d", i, c.synced)
		}
	}
	last := len(c.states) - 1
	return fmt.Errorf("content is that of no prefix: batches %d, durable up to %d\nagainst the last: %s\nagainst the durable: %s",
		last, c.synced, difference(found, c.states[last]), difference(found, c.states[c.synced]))
}

// reopened takes the content found after a clean close.
func (c *checker) reopened(found state) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) > 0 {
		return fmt.Errorf("clean close left %d done calls undone, the first of batch %d", len(c.waiting), c.waiting[0])
	}
	if last := c.states[len(c.states)-1]; !maps.Equal(last, found) {
		return fmt.Errorf("clean close changed the content: %s", difference(found, last))
	}
	c.reopenLocked(found)
	return c.violated
}

func (c *checker) reopenLocked(content state) {
	c.states, c.synced, c.waiting = []state{content}, 0, nil
}

// nextOpening tells that the disk has crashed or was reopened: from the moment
// that crash returns no done of before may come.
func (c *checker) nextOpening() {
	c.mu.Lock()
	c.opening++
	c.mayFail, c.mustFail, c.dead = false, 0, nil
	c.mu.Unlock()
}

// content reads everything by a scan and checks the order of the keys.
func content(r disk.Reader) (state, error) {
	found := state{}
	var last []byte
	var wrong error
	err := r.Scan(nil, nil, func(k, v []byte) bool {
		if last != nil && bytes.Compare(last, k) >= 0 {
			wrong = fmt.Errorf("scan gave %q after %q", k, last)
		}
		last = append([]byte{}, k...)
		found[string(k)] = string(v)
		return wrong == nil
	})
	if err == nil {
		err = wrong
	}
	return found, err
}

// checkContent compares everything with what must be there.
func checkContent(r disk.Reader, want state) error {
	found, err := content(r)
	if err != nil {
		return err
	}
	if !maps.Equal(found, want) {
		return fmt.Errorf("content: %s", difference(found, want))
	}
	return nil
}

// checkScan scans [lo, hi) until limit keys were seen and compares.
func checkScan(r disk.Reader, want state, lo, hi []byte, limit int) error {
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if k >= string(lo) && (hi == nil || k < string(hi)) && len(keys) < limit {
			keys = append(keys, k)
		}
	}
	i := 0
	var wrong error
	err := r.Scan(lo, hi, func(k, v []byte) bool {
		switch {
		case i >= len(keys):
			wrong = fmt.Errorf("gave %q after the end", k)
		case string(k) != keys[i]:
			wrong = fmt.Errorf("gave %q, want %q", k, keys[i])
		case string(v) != want[keys[i]]:
			wrong = fmt.Errorf("gave %s for %q, want %s", brief(string(v)), k, brief(want[keys[i]]))
		}
		i++
		return wrong == nil && i < limit
	})
	if err != nil {
		err = failedRead{err}
	}
	if wrong != nil {
		err = wrong
	}
	if err == nil && i != len(keys) {
		err = fmt.Errorf("gave %d keys, want %d", i, len(keys))
	}
	if err != nil {
		return fmt.Errorf("scan of [%q, %q) up to %d keys: %w", lo, hi, limit, err)
	}
	return nil
}

// checkGet compares one key, and spoils the copy it got.
func checkGet(r disk.Reader, want state, key []byte) error {
	for range 2 {
		v, ok, err := r.Get(key)
		if err != nil {
			return fmt.Errorf("get %q: %w", key, failedRead{err})
		}
		w, there := want[string(key)]
		if ok != there || string(v) != w {
			return fmt.Errorf("get %q: found %v %s, want %v %s", key, ok, brief(string(v)), there, brief(w))
		}
		if ok && v == nil {
			return fmt.Errorf("get %q: nil for a key that is there", key)
		}
		spoil(v)
	}
	return nil
}

// difference names the first keys that differ.
func difference(found, want state) string {
	const shown = 5
	union := maps.Clone(found)
	maps.Copy(union, want)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(union)) {
		f, inFound := found[k]
		w, inWant := want[k]
		switch {
		case inFound && !inWant:
			out = append(out, fmt.Sprintf("%q is there", k))
		case !inFound && inWant:
			out = append(out, fmt.Sprintf("%q is missing", k))
		case f != w:
			out = append(out, fmt.Sprintf("%q is %s, want %s", k, brief(f), brief(w)))
		}
	}
	if len(out) > shown {
		out = append(out[:shown], fmt.Sprintf("and %d more", len(out)-shown))
	}
	return strings.Join(out, "; ")
}

func brief(v string) string {
	const shown = 12
	if len(v) <= shown {
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprintf("%q… (%d bytes)", v[:shown], len(v))
}
