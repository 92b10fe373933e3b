package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

func put(t testing.TB, o *outbox.Outbox, content string) record.BlobRef {
	t.Helper()
	ref, err := o.PutBlob(context.Background(), record.BlobCardPhoto, "image/x-wlt", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// handIn appends an application with attachments; n tells receipt numbers apart.
func handIn(t testing.TB, o *outbox.Outbox, n int, refs ...record.BlobRef) record.Application {
	t.Helper()
	a := application(t, time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC))
	a.Blobs = refs
	appendOne(t, o, a)
	return a
}

func none(record.Hash) bool { return false }

func sealedFile(dir string, ref record.BlobRef) string {
	return filepath.Join(dir, "blobs", ref.Hash.String())
}

// opened reads an attachment as the link does, and opens it as the platform does.
func opened(t testing.TB, o *outbox.Outbox, ref record.BlobRef) string {
	t.Helper()
	f, err := o.OpenBlob(ref.Hash)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sealed, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	content, err := record.OpenBlob(platform(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// pending is what the link would send, in its order.
func pending(o *outbox.Outbox) (refs []record.BlobRef) {
	seen := map[record.Hash]bool{}
	for {
		ref, ok := o.NextBlob(func(h record.Hash) bool { return seen[h] })
		if !ok {
			return refs
		}
		seen[ref.Hash] = true
		refs = append(refs, ref)
	}
}

func TestAttachmentIsSealedAndStaysUntilItsRecordGoes(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	second, first := put(t, o, "second"), put(t, o, "first")
	if text, err := os.ReadFile(sealedFile(dir, first)); err != nil || bytes.Contains(text, []byte("first")) || record.HashBlob(text) != first.Hash || int64(len(text)) != first.Bytes {
		t.Fatalf("file: %v", err)
	}
	if got := pending(o); got != nil {
		t.Errorf("%v is offered before its record is there", got)
	}
	handIn(t, o, 1, first)
	handIn(t, o, 2, second)
	for range 2 {
		if got := pending(o); !slices.Equal(got, []record.BlobRef{first, second}) {
			t.Errorf("pending %v", got)
		}
		if got := opened(t, o, first) + opened(t, o, second); got != "firstsecond" {
			t.Errorf("opened %q", got)
		}
		o.Close()
		o = open(t, config(dir, c))
	}
	if err := o.BlobDelivered(first.Hash); err != nil {
		t.Fatal(err)
	}
	o.Close()
	o = open(t, config(dir, c))
	if got := pending(o); !slices.Equal(got, []record.BlobRef{second}) {
		t.Errorf("after delivery and restart %v", got)
	}
	appendOne(t, o, rating("last"))
	epoch, _, last := o.Position()
	if err := o.Acked(epoch, last); err != nil {
		t.Fatal(err)
	}
	c.Add(8 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if _, first, _ := o.Position(); first != 2 {
		t.Errorf("holds from %d: what lists an attachment that is under way must stay", first)
	}
	if _, err := os.Stat(sealedFile(dir, first) + ".sent"); !os.IsNotExist(err) {
		t.Errorf("attachment of a pruned record: %v", err)
	}
	if err := o.BlobDelivered(second.Hash); err != nil {
		t.Fatal(err)
	}
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "blobs")); err != nil || len(entries) != 0 || o.Blobs() != (outbox.BlobStats{}) {
		t.Errorf("%d files, %+v, %v", len(entries), o.Blobs(), err)
	}
}

func TestRecordIsRefusedThatListsWhatIsNotHere(t *testing.T) {
	dir := t.TempDir()
	o := open(t, config(dir, newClock()))
	ref, gone, cut := put(t, o, "content"), put(t, o, "gone"), put(t, o, "cut")
	if err := errors.Join(os.Remove(sealedFile(dir, gone)), os.Truncate(sealedFile(dir, cut), 5)); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*record.BlobRef)) record.BlobRef { r := ref; change(&r); return r }
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, r := range map[string]record.BlobRef{
		"unknown":       with(func(r *record.BlobRef) { r.Hash[0]++ }),
		"another size":  with(func(r *record.BlobRef) { r.Bytes++ }),
		"gone meantime": gone,
		"cut meantime":  cut,
	} {
		a := application(t, at)
		a.Blobs = []record.BlobRef{ref, r}
		if _, err := o.Append(t.Context(), a); !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, last := o.Position(); last != 0 {
		t.Error("a refused record is in the log")
	}
	handIn(t, o, 1, ref)
	b := application(t, at.Add(time.Minute))
	b.Blobs = []record.BlobRef{ref}
	if _, err := o.Append(t.Context(), b); !errors.Is(err, outbox.ErrInvalid) {
		t.Errorf("attachment of another record: %v", err)
	}
}

func TestAttachmentsAreRefusedThatMakeNoSense(t *testing.T) {
	o := open(t, config(t.TempDir(), newClock()))
	for name, c := range map[string]struct {
		role    record.BlobRole
		media   string
		content []byte
	}{
		"empty":     {"document", "a/b", nil},
		"too large": {"document", "a/b", make([]byte, record.MaxBlobContent+1)},
		"no role":   {"", "a/b", []byte("x")},
		"no media":  {"document", "", []byte("x")},
		"bad media": {"document", "a\x00b", []byte("x")},
		"long role": {record.BlobRole(strings.Repeat("x", 129)), "a/b", []byte("x")},
	} {
		if _, err := o.PutBlob(t.Context(), c.role, c.media, c.content); !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := o.Blobs(); got != (outbox.BlobStats{}) {
		t.Errorf("left %+v", got)
	}
}

func TestAttachmentsCountWhereRoomIsShort(t *testing.T) {
	free := int64(1 << 40)
	dir := t.TempDir()
	cfg := config(dir, newClock())
	cfg.MaxBytes = 5 << 20
	cfg.FreeBytes = func(string) (int64, error) { return free, nil }
	o := open(t, cfg)
	if err := o.Ready(); err != nil {
		t.Fatal(err)
	}
	ref := put(t, o, strings.Repeat("x", 1<<20))
	handIn(t, o, 1, ref)
	if err := o.Ready(); !errors.Is(err, outbox.ErrFull) {
		t.Errorf("a visit fits beside 1 MiB of 5: %v", err)
	}
	appendOne(t, o, rating("newer"))
	epoch, _, last := o.Position()
	if err := o.Acked(epoch, last); err != nil {
		t.Fatal(err)
	}
	for _, refused := range []bool{false, true} {
		if refused {
			o.BlobRefused(ref.Hash)
		}
		if err := o.Ready(); !errors.Is(err, outbox.ErrFull) {
			t.Errorf("an attachment that has not arrived gave way, refused %v: %v", refused, err)
		}
	}
	if err := o.BlobDelivered(ref.Hash); err != nil {
		t.Fatal(err)
	}
	if err := o.Ready(); err != nil || o.Blobs().Bytes != 0 {
		t.Errorf("one that has arrived did not: %v, %+v", err, o.Blobs())
	}
	free = 64<<20 + 1<<20
	if _, err := o.PutBlob(t.Context(), record.BlobDocument, "a/b", make([]byte, 2<<20)); !errors.Is(err, outbox.ErrDisk) {
		t.Errorf("disk nearly full: %v", err)
	}
}

func TestOrphansGoAfterAnHour(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	old, young, listed := put(t, o, "old"), put(t, o, "young"), put(t, o, "listed")
	handIn(t, o, 1, listed)
	o.Close()
	for ref, age := range map[record.BlobRef]time.Duration{old: 61 * time.Minute, young: 59 * time.Minute, listed: 48 * time.Hour} {
		if err := os.Chtimes(sealedFile(dir, ref), c.Now(), c.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	half := filepath.Join(dir, "blobs", old.Hash.String()+".new")
	if err := errors.Join(os.WriteFile(half, []byte("half"), 0o600), os.WriteFile(filepath.Join(dir, "blobs", "README"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	o = open(t, config(dir, c))
	names, err := filepath.Glob(filepath.Join(dir, "blobs", "*"))
	want := []string{filepath.Join(dir, "blobs", "README"), sealedFile(dir, young), sealedFile(dir, listed)}
	slices.Sort(want)
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("left %v, %v", names, err)
	}
	handIn(t, o, 2, young)
	if got := o.Blobs(); got.Listed != 2 || got.Lost != 0 || got.Bytes != young.Bytes+listed.Bytes {
		t.Errorf("%+v", got)
	}
}

func TestOrphansOfALongLifeGoToo(t *testing.T) {
	c := newClock()
	o := open(t, config(t.TempDir(), c))
	put(t, o, "of a visit that was broken off")
	c.Add(59 * time.Minute)
	young := put(t, o, "of a visit that goes on")
	c.Add(2 * time.Minute)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if got := o.Blobs(); got.Bytes != young.Bytes {
		t.Errorf("%+v", got)
	}
	handIn(t, o, 1, young)
}

func TestLostAttachmentsAreToldAndStopNothing(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir, file string) error{
		"gone":     func(_ *testing.T, _, file string) error { return os.Remove(file) },
		"cut":      func(_ *testing.T, _, file string) error { return os.Truncate(file, 3) },
		"changed":  func(_ *testing.T, _, file string) error { return flip(file) },
		"a folder": func(_ *testing.T, _, file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) },
		"all gone": func(_ *testing.T, dir, _ string) error { return os.RemoveAll(filepath.Join(dir, "blobs")) },
		"no folder": func(_ *testing.T, dir, _ string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "blobs")), os.WriteFile(filepath.Join(dir, "blobs"), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			o := open(t, config(dir, c))
			ref := put(t, o, "content")
			handIn(t, o, 1, ref)
			o.Close()
			if err := spoil(t, dir, sealedFile(dir, ref)); err != nil {
				t.Fatal(err)
			}
			o = open(t, config(dir, c))
			if o.SetAside() != nil {
				t.Fatal(o.SetAside())
			}
			if next, ok := o.NextBlob(none); !ok || next != ref {
				t.Error("the hub is not asked whether it has it")
			}
			if f, err := o.OpenBlob(ref.Hash); err == nil {
				f.Close()
				t.Error("opens")
			}
			if got := o.Blobs(); got.Lost != 1 || got.Pending != 1 {
				t.Errorf("%+v", got)
			}
			if err := o.Ready(); err != nil {
				t.Error(err)
			}
			appendOne(t, o, rating("after"))
			epoch, _, last := o.Position()
			if err := o.Acked(epoch, last); err != nil {
				t.Fatal(err)
			}
			if name != "no folder" {
				put(t, o, "another")
				if err := o.BlobDelivered(ref.Hash); err != nil { // the hub has it after all
					t.Error(err)
				}
				if got := o.Blobs(); got.Lost != 0 {
					t.Errorf("%+v", got)
				}
			} else if _, err := o.PutBlob(t.Context(), record.BlobDocument, "a/b", []byte("x")); !errors.Is(err, outbox.ErrDisk) {
				t.Error(err)
			}
			c.Add(8 * 24 * time.Hour)
			if err := o.Prune(c.Now()); err != nil {
				t.Error(err)
			}
			if _, first, _ := o.Position(); first != 2 {
				t.Errorf("holds from %d", first)
			}
		})
	}
}

func flip(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text[len(text)/2] ^= 1
	return os.WriteFile(file, text, 0o600)
}

func TestAttachmentsGoAlongIntoANewEpoch(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	before, delivered, under := put(t, o, "before"), put(t, o, "delivered"), put(t, o, "under way")
	handIn(t, o, 1, before)
	handIn(t, o, 2, delivered)
	handIn(t, o, 3, under)
	for _, ref := range []record.BlobRef{before, delivered} {
		if err := o.BlobDelivered(ref.Hash); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.NewEpoch("test", 1); err != nil {
		t.Fatal(err)
	}
	want := []record.BlobRef{delivered, under} // the hub may not know what was carried over
	if got := pending(o); !slices.Equal(got, want) {
		t.Errorf("pending %v", got)
	}
	appendOne(t, o, rating("newer"))
	epoch, _, last := o.Position()
	if err := o.Acked(epoch, last); err != nil {
		t.Fatal(err)
	}
	c.Add(8 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if _, first, _ := o.Position(); first != 1 {
		t.Errorf("holds from %d: what lists an attachment that is under way must stay", first)
	}
	o.Close()
	o = open(t, config(dir, c))
	if got := pending(o); !slices.Equal(got, want) {
		t.Errorf("after a restart %v", got)
	}
	for _, ref := range want {
		if err := o.BlobDelivered(ref.Hash); err != nil {
			t.Fatal(err)
		}
	}
	appendOne(t, o, rating("last"))
	epoch, _, last = o.Position()
	if err := o.Acked(epoch, last); err != nil {
		t.Fatal(err)
	}
	c.Add(8 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if got := o.Blobs(); got != (outbox.BlobStats{}) {
		t.Errorf("left %+v", got)
	}
}

func TestEndedLogStaysUntilItsAttachmentsHaveArrived(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	ref := put(t, o, "content")
	handIn(t, o, 1, ref)
	epoch, _, _ := o.Position()
	if err := errors.Join(o.Acked(epoch, 1), o.NewEpoch("test", 1)); err != nil {
		t.Fatal(err)
	}
	c.Add(30 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if got := pending(o); !slices.Equal(got, []record.BlobRef{ref}) || opened(t, o, ref) != "content" {
		t.Errorf("pending %v", got)
	}
	if err := errors.Join(o.BlobDelivered(ref.Hash), o.Prune(c.Now())); err != nil {
		t.Fatal(err)
	}
	if got := o.Blobs(); got != (outbox.BlobStats{}) {
		t.Errorf("left %+v", got)
	}
}

func TestRestoredHubIsOfferedAttachmentsAgain(t *testing.T) {
	o := open(t, config(t.TempDir(), newClock()))
	first, second := put(t, o, "first"), put(t, o, "second")
	handIn(t, o, 1, first)
	handIn(t, o, 2, second)
	epoch, _, _ := o.Position()
	if err := errors.Join(o.Acked(epoch, 2), o.BlobDelivered(first.Hash), o.BlobDelivered(second.Hash), o.Acked(epoch, 1)); err != nil {
		t.Fatal(err)
	}
	// The first may have arrived after the hub's backup, although its record had before.
	if got := pending(o); !slices.Equal(got, []record.BlobRef{first, second}) {
		t.Errorf("pending %v", got)
	}
	if opened(t, o, first) != "first" || opened(t, o, second) != "second" {
		t.Error("cannot be sent")
	}
}

// TestLostFileDoesNotHoldARewindUp: a delivered attachment whose file has vanished is told
// as lost; the rewind, and a new epoch, go on.
func TestLostFileDoesNotHoldARewindUp(t *testing.T) {
	dir := t.TempDir()
	o := open(t, config(dir, newClock()))
	ref := put(t, o, "content")
	handIn(t, o, 1, ref)
	epoch, _, _ := o.Position()
	if err := errors.Join(o.Acked(epoch, 1), o.BlobDelivered(ref.Hash)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "blobs", ref.Hash.String()+".sent")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(o.Acked(epoch, 0), o.NewEpoch("test", 0)); err != nil {
		t.Fatal(err)
	}
	if got := o.Blobs(); got.Lost != 1 {
		t.Errorf("blobs %+v", got)
	}
}

func TestAttachmentsOutliveADamagedLog(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	ref := put(t, o, "content")
	handIn(t, o, 1, ref)
	stray := put(t, o, "its record may be lost")
	awaitBackup(t, o, func(b outbox.Backup) bool { return true })
	o.Close()
	file := filepath.Join(dir, "outbox.db")
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 2*os.Getpagesize()), 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Chtimes(sealedFile(dir, stray), c.Now(), c.Now().Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	o = open(t, config(dir, c))
	if o.SetAside() == nil {
		t.Fatal("not set aside")
	}
	if got := pending(o); !slices.Equal(got, []record.BlobRef{ref}) || opened(t, o, ref) != "content" {
		t.Errorf("pending %v", got)
	}
	aside, err := filepath.Glob(filepath.Join(dir, "blobs.bad-*", stray.Hash.String()))
	if err != nil || len(aside) != 1 {
		t.Errorf("attachment without a record: %v %v", aside, err)
	}
}

// BenchmarkPutBlob puts a card's photograph, and after each does one raw flush on the same
// disk.
func BenchmarkPutBlob(b *testing.B) {
	dir := benchDir(b)
	o := open(b, outbox.Config{Dir: dir, Platform: platform().Public()})
	write := flushed(b, dir)
	var puts, raws []time.Duration
	for b.Loop() {
		began := time.Now()
		put(b, o, strings.Repeat("x", 1024))
		puts = append(puts, time.Since(began))
		began = time.Now()
		write()
		raws = append(raws, time.Since(began))
	}
	slices.Sort(puts)
	slices.Sort(raws)
	b.ReportMetric(float64(puts[len(puts)/2])/float64(raws[len(raws)/2]), "x-of-one-flush")
}
