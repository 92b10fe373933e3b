package model

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"yeban/hub/store"
	"yeban/sync/record"
)

const database = "hub.db"

// databaseFiles are what a copy of the database is; the third file that SQLite keeps is
// only shared memory.
var databaseFiles = []string{database, database + "-wal"}

// hub is the real store, what it must hold, and the connections to it.
type hub struct {
	dir     string
	lives   int // folders used so far
	store   *store.Store
	truth   *truth
	flaw    Flaw
	before  string // folder with the files before the last commit; only with ForgetfulStore
	clock   *clock
	wires   []*wire
	backups []backup
}

type backup struct {
	dir   string
	truth *truth
}

// wire is one connection as the hub sees it. The terminal may have gone meanwhile.
type wire struct {
	kiosk string
	fence uint64
	epoch record.Epoch
	told  uint64
	up    []store.Batch // arrived or under way, not committed
	down  []word        // under way to the terminal
	gone  bool          // the terminal has hung up
	ended bool          // the hub has
}

// word is what a hub says: an ACK, or the fault with which it ends the connection.
type word struct {
	have  uint64
	fault string
}

const (
	faultConflict = "conflict"
	faultOther    = "other"
)

func (h *hub) open(from string) error {
	h.lives++
	dir := filepath.Join(h.dir, fmt.Sprint("hub", h.lives))
	if err := copyFiles(from, dir, databaseFiles...); err != nil {
		return err
	}
	st, err := store.Open(context.Background(), "sqlite:"+filepath.Join(dir, database), h.clock.Now)
	if err != nil {
		return err
	}
	h.store, h.before = st, ""
	return nil
}

func (h *hub) folder() string { return filepath.Join(h.dir, fmt.Sprint("hub", h.lives)) }

// crash ends every connection and opens the database as the disk has it.
func (h *hub) crash() error {
	from := h.folder()
	if h.flaw == ForgetfulStore && h.before != "" {
		from = h.before
	}
	return h.restart(from)
}

func (h *hub) restart(from string) error {
	h.cutAll()
	// The files first: closing in good order is what a crash does not do.
	copied := filepath.Join(h.dir, fmt.Sprint("left", h.lives))
	if err := copyFiles(from, copied, databaseFiles...); err != nil {
		return err
	}
	old := h.folder()
	if err := errors.Join(h.store.Close(), os.RemoveAll(old)); err != nil {
		return err
	}
	return errors.Join(h.open(copied), os.RemoveAll(copied))
}

func (h *hub) cutAll() {
	for _, w := range h.wires {
		w.ended, w.up, w.down = true, nil, nil
	}
	h.wires = nil
}

func (h *hub) backup() error {
	b := backup{filepath.Join(h.dir, fmt.Sprint("backup", len(h.backups))), h.truth.clone()}
	if err := copyFiles(h.folder(), b.dir, databaseFiles...); err != nil {
		return err
	}
	h.backups = append(h.backups, b)
	return nil
}

func (h *hub) restore(b backup) error {
	if err := h.restart(b.dir); err != nil {
		return err
	}
	h.truth = b.truth.clone()
	return nil
}

// attach answers a HELLO, and holds the answer against the truth.
func (h *hub) attach(c store.Claim) (store.Attachment, *store.ConflictError, error) {
	got, err := h.store.Attach(context.Background(), c)
	var conflict *store.ConflictError
	if err != nil && !errors.As(err, &conflict) {
		return got, nil, err
	}
	want, wantConflict := h.truth.attach(c)
	if got != want || fmt.Sprint(conflict) != fmt.Sprint(wantConflict) {
		return got, conflict, brokenf("the hub answers HELLO with %+v %v, it must be %+v %v", got, conflict, want, wantConflict)
	}
	return got, conflict, nil
}

// commit takes some waiting batches in one transaction. With lost set the hub goes down
// after it, and nobody hears of it.
func (h *hub) commit(choose func(n int) int, lost bool) error {
	var from []*wire
	var batches []store.Batch
	for _, w := range h.wires {
		if len(w.up) == 0 || choose(3) == 0 {
			continue
		}
		n := 1 + choose(len(w.up))
		for _, b := range w.up[:n] {
			from, batches = append(from, w), append(batches, b)
		}
		w.up = w.up[n:]
	}
	if len(batches) == 0 {
		return nil
	}
	if h.flaw == AckBeforeCommit {
		for i, w := range from {
			w.acknowledge(batches[i].Entries[len(batches[i].Entries)-1].Seq)
		}
		if choose(2) == 0 { // and here the hub stalls; the batches are dropped with the connections
			return nil
		}
	}
	got, want, err := h.take(batches)
	if err != nil {
		return err
	}
	for i, o := range got {
		if v := verdictOf(o); !v.equal(want[i]) {
			return brokenf("batch %d of %d from %s: the hub says %v, it must be %v", i+1, len(got), batches[i].Kiosk, v, want[i])
		}
	}
	if lost {
		return h.crash()
	}
	for i, w := range from {
		w.acknowledge(got[i].Have)
		if got[i].Err == nil || w.ended {
			continue
		}
		fault := faultOther
		if _, is := errors.AsType[*store.ConflictError](got[i].Err); is {
			fault = faultConflict
		}
		w.down, w.ended = append(w.down, word{fault: fault}), true
	}
	return nil
}

func (w *wire) acknowledge(have uint64) {
	if have > w.told && !w.ended {
		w.told = have
		w.down = append(w.down, word{have: have})
	}
}

// take commits as the store does, or as a mistaken hub would, and says beside it what
// must become of each batch.
func (h *hub) take(batches []store.Batch) (got []store.Outcome, want []verdict, err error) {
	ctx := context.Background()
	switch h.flaw {
	case NoCursor, DropConflict:
		for i := range batches {
			v := h.truth.commit(&batches[i])
			o, err := h.mistake(ctx, batches[i], v)
			if err != nil {
				return nil, nil, err
			}
			got, want = append(got, o), append(want, v)
		}
		return got, want, nil
	case ForgetfulStore:
		h.before = filepath.Join(h.dir, "before")
		if err := errors.Join(os.RemoveAll(h.before), copyFiles(h.folder(), h.before, databaseFiles...)); err != nil {
			return nil, nil, err
		}
	}
	for i := range batches {
		want = append(want, h.truth.commit(&batches[i]))
		if h.flaw == NoFence {
			k, err := h.store.Kiosk(ctx, batches[i].Kiosk)
			if err != nil {
				return nil, nil, err
			}
			batches[i].Fence = k.Fence
		}
	}
	got, err = h.store.Commit(ctx, batches)
	return got, want, err
}

// mistake commits one batch wrongly and says that all is well.
func (h *hub) mistake(ctx context.Context, b store.Batch, v verdict) (store.Outcome, error) {
	lie := store.Outcome{Have: v.have, Added: v.added}
	switch {
	case h.flaw == NoCursor && v.added == 0 && v.err == "":
		// All of it is there; it is put behind the cursor once more.
		seq, hash := h.truth.have(logName{b.Kiosk, b.Epoch})
		b.Entries = slices.Clone(b.Entries)
		for i := range b.Entries {
			e := &b.Entries[i]
			e.Seq, e.Prev = seq+1, hash
			e.Hash = e.Sum(b.Epoch)
			seq, hash = e.Seq, e.Hash
		}
	case h.flaw == DropConflict && v.conflict != nil:
		lie.Err = v.conflict
		b.Entries = b.Entries[:slices.IndexFunc(b.Entries, func(e record.Entry) bool { return e.Seq == v.conflict.Seq })]
	default:
		out, err := h.store.Commit(ctx, []store.Batch{b})
		if err != nil {
			return lie, err
		}
		return out[0], nil
	}
	_, err := h.store.Commit(ctx, []store.Batch{b})
	return lie, err
}
