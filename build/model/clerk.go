package model

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"yeban/hub/intake"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// errDown is what servers hear of a store that went down with its machine.
var errDown = errors.New("the hub's machine is down")

// clerk stands between the servers and the store. It holds what the store answers against
// the truth, and can have the whole hub go down before or behind any single write.
type clerk struct {
	intake.Store // reads go straight there

	flaw Flaw
	fail func(error) // tells a broken promise

	mu     sync.Mutex // over each write
	store  *store.Store
	folder string
	truth  *truth
	high   map[logName]uint64   // how far each log has ever been committed
	whole  map[record.Hash]bool // attachments that have ever been whole
	lied   map[record.Hash]bool // see BlobTooSoon
	before string               // folder with the files before the last commit; see ForgetfulStore
	down   bool
	fuse   int  // so many writes from now the hub goes down; 0 is never
	after  bool // behind that write, not before it
	blown  bool // it has gone off
	falls  int  // how often the hub went down
	blow   func()
}

func newClerk(flaw Flaw, fail func(error)) clerk {
	return clerk{flaw: flaw, fail: fail, truth: newTruth(),
		high: map[logName]uint64{}, whole: map[record.Hash]bool{}, lied: map[record.Hash]bool{}}
}

// begin opens for business.
func (c *clerk) begin(st *store.Store, folder string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Store, c.store, c.folder, c.before, c.down, c.fuse, c.blown = st, st, folder, "", false, 0, false
}

// fall closes for good: whoever still asks gets an error.
func (c *clerk) fall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.down {
		c.down = true
		c.falls++
	}
}

// arm lays the fuse.
func (c *clerk) arm(writes int, after bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fuse, c.after = writes, after
}

// fallen says that the fuse has gone off.
func (c *clerk) fallen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blown
}

// write does one write, unless the hub is down.
func (c *clerk) write(do func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return errDown
	}
	off := false
	if c.fuse > 0 {
		c.fuse--
		off = c.fuse == 0
	}
	if !off {
		return do()
	}
	var err error
	if c.after {
		err = do()
	}
	c.down, c.blown = true, true
	c.falls++
	c.blow()
	return errors.Join(errDown, err)
}

// Attach is part of intake.Store, as what follows.
func (c *clerk) Attach(ctx context.Context, claim store.Claim) (got store.Attachment, err error) {
	var said error
	err = c.write(func() error {
		got, said = c.store.Attach(ctx, claim)
		var conflict *store.ConflictError
		if said != nil && !errors.As(said, &conflict) {
			return said
		}
		want, wantConflict := c.truth.attach(claim)
		if got != want || fmt.Sprint(conflict) != fmt.Sprint(wantConflict) {
			c.fail(brokenf("the hub answers HELLO with %+v %v, it must be %+v %v", got, conflict, want, wantConflict))
		}
		return nil
	})
	if err == nil {
		err = said
	}
	return got, err
}

func (c *clerk) Detach(ctx context.Context, kiosk string, fence uint64) error {
	return c.write(func() error { return c.store.Detach(ctx, kiosk, fence) })
}

func (c *clerk) SaveConditions(ctx context.Context, all []store.Condition) (fenced []string, err error) {
	err = c.write(func() (err error) { fenced, err = c.store.SaveConditions(ctx, all); return err })
	return fenced, err
}

func (c *clerk) ReportCommand(ctx context.Context, kiosk string, r protocol.Report) (changed bool, err error) {
	err = c.write(func() (err error) { changed, err = c.store.ReportCommand(ctx, kiosk, r); return err })
	return changed, err
}

func (c *clerk) ExpireCommands(ctx context.Context) (kiosks []string, err error) {
	err = c.write(func() (err error) { kiosks, err = c.store.ExpireCommands(ctx); return err })
	return kiosks, err
}

func (c *clerk) ForgetStrays(ctx context.Context, before time.Time) (n int64, err error) {
	err = c.write(func() (err error) { n, err = c.store.ForgetStrays(ctx, before); return err })
	return n, err
}

func (c *clerk) PutChunks(ctx context.Context, all []store.Chunk) (out []store.Stored) {
	err := c.write(func() error { out = c.putChunks(ctx, all); return nil })
	if err != nil {
		return slices.Repeat([]store.Stored{{Err: err}}, len(all))
	}
	return out
}

func (c *clerk) putChunks(ctx context.Context, all []store.Chunk) (out []store.Stored) {
	for i := range all {
		a := &all[i]
		if c.flaw == BlobTooSoon && (a.Offset > 0 && len(a.Data) > 0 || c.lied[a.Hash]) {
			c.lied[a.Hash] = true
			out = append(out, store.Stored{Have: a.Bytes})
			continue
		}
		got := c.store.PutChunks(ctx, all[i:i+1])[0]
		if out = append(out, got); got.Err == nil && got.Have == a.Bytes {
			c.whole[a.Hash] = true
		}
	}
	return out
}

func (c *clerk) Commit(ctx context.Context, batches []store.Batch) (out []store.Outcome, err error) {
	err = c.write(func() error { out, err = c.commit(ctx, batches); return err })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// commit commits as the store does, or as a mistaken hub would, and compares what becomes
// of each batch with what must.
func (c *clerk) commit(ctx context.Context, batches []store.Batch) (got []store.Outcome, err error) {
	var want []verdict
	switch c.flaw {
	case AckBeforeCommit:
		if batches[0].Entries[0].Seq%2 == 0 { // acknowledged, and lost on the way to the disk
			for i := range batches {
				got = append(got, store.Outcome{Have: batches[i].Entries[len(batches[i].Entries)-1].Seq})
			}
			return got, nil
		}
	case NoCursor, DropConflict:
		for i := range batches {
			v := c.expect(&batches[i])
			o, err := c.mistake(ctx, batches[i], v)
			if err != nil {
				return nil, err
			}
			got = append(got, o)
		}
		return got, nil
	case ForgetfulStore:
		c.before = c.folder + "-before"
		if err := errors.Join(os.RemoveAll(c.before), copyFiles(c.folder, c.before, databaseFiles...)); err != nil {
			return nil, err
		}
	}
	for i := range batches {
		want = append(want, c.expect(&batches[i]))
		if c.flaw == NoFence {
			k, err := c.store.Kiosk(ctx, batches[i].Kiosk)
			if err != nil {
				return nil, err
			}
			batches[i].Fence = k.Fence
		}
	}
	if got, err = c.store.Commit(ctx, batches); err != nil {
		return nil, err
	}
	for i, o := range got {
		if v := verdictOf(o); !v.equal(want[i]) {
			c.fail(brokenf("batch %d of %d from %s: the hub says %v, it must be %v", i+1, len(got), batches[i].Kiosk, v, want[i]))
		}
	}
	return got, nil
}

// expect says what must become of a batch that is about to be committed.
func (c *clerk) expect(b *store.Batch) verdict {
	v := c.truth.commit(b)
	name := logName{b.Kiosk, b.Epoch}
	c.high[name] = max(c.high[name], v.have)
	return v
}

// mistake commits one batch wrongly and says that all is well.
func (c *clerk) mistake(ctx context.Context, b store.Batch, v verdict) (store.Outcome, error) {
	lie := store.Outcome{Have: v.have, Added: v.added}
	switch {
	case c.flaw == NoCursor && v.added == 0 && v.err == "":
		// All of it is there; it is put behind the cursor once more.
		seq, hash := c.truth.have(logName{b.Kiosk, b.Epoch})
		b.Entries = slices.Clone(b.Entries)
		for i := range b.Entries {
			e := &b.Entries[i]
			e.Seq, e.Prev = seq+1, hash
			e.Hash = e.Sum(b.Epoch)
			seq, hash = e.Seq, e.Hash
		}
	case c.flaw == DropConflict && v.conflict != nil:
		lie.Err = v.conflict
		b.Entries = b.Entries[:slices.IndexFunc(b.Entries, func(e record.Entry) bool { return e.Seq == v.conflict.Seq })]
	default:
		out, err := c.store.Commit(ctx, []store.Batch{b})
		if err != nil {
			return lie, err
		}
		return out[0], nil
	}
	_, err := c.store.Commit(ctx, []store.Batch{b})
	return lie, err
}

// heard holds what a terminal hears against all that was ever committed: a hub that was
// restored since may have less by now.
func (c *clerk) heard(name logName, have uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if high := c.high[name]; have > high {
		return brokenf("%s hears that %d are committed, and %d are", name.kiosk, have, high)
	}
	return nil
}

func (c *clerk) everWhole(hash record.Hash) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whole[hash]
}

// last is the newest hash of a log.
func (c *clerk) last(name logName) record.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, hash := c.truth.have(name)
	return hash
}
