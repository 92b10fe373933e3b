package outbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// exported is a terminal's life as JSON lines: an ended log of three, and one that
// carries two of them and has two more.
func exported(t *testing.T) (dir string, c *clock, lines []string) {
	t.Helper()
	dir, c = t.TempDir(), newClock()
	o := open(t, config(dir, c))
	for _, id := range []string{"r0", "r1", "r2"} {
		appendOne(t, o, rating(id))
	}
	if err := o.NewEpoch("test", 1); err != nil {
		t.Fatal(err)
	}
	appendOne(t, o, application(t, c.Now()))
	appendOne(t, o, rating("r4"))
	o.Close()
	return dir, c, export(t, dir)
}

func export(t *testing.T, dir string) (lines []string) {
	t.Helper()
	r, err := outbox.OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = r.Export(t.Context(), func(l record.ExportLine) error {
		b, err := json.Marshal(l)
		lines = append(lines, string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func prove(t *testing.T, lines []string) (logs []record.ExportedLog, err error) {
	t.Helper()
	err = record.VerifyExport(t.Context(), strings.NewReader(strings.Join(lines, "\n")+"\n"), func(l record.ExportedLog) { logs = append(logs, l) })
	return logs, err
}

func TestExportProvesItself(t *testing.T) {
	dir, c, lines := exported(t)
	logs, err := prove(t, lines)
	if err != nil || len(logs) != 2 || len(lines) != 2+3+4 {
		t.Fatalf("%d lines, logs %+v, %v", len(lines), logs, err)
	}
	if logs[0].Last != 3 || logs[0].Reason != "test" || logs[0].Ended.IsZero() || logs[1].Last != 4 || !logs[1].Ended.IsZero() {
		t.Errorf("logs %+v", logs)
	}
	if strings.Contains(strings.Join(lines, ""), `"level"`) {
		t.Error("a judgement stands outside the seal")
	}

	// What is left after the retention time proves itself too.
	o := open(t, config(dir, c))
	epoch, _, _ := o.Position()
	if err := o.Acked(epoch, 3); err != nil {
		t.Fatal(err)
	}
	c.Add(8 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	o.Close()
	logs, err = prove(t, export(t, dir))
	if err != nil || len(logs) != 1 || logs[0].After != 3 || logs[0].AfterHash.IsZero() || logs[0].Last != 4 {
		t.Errorf("pruned: %+v, %v", logs, err)
	}
}

func TestTamperedExportIsNamed(t *testing.T) {
	_, _, lines := exported(t)
	for name, c := range map[string]struct {
		tamper func(lines []string) []string
		line   int
		seq    uint64
	}{
		"a changed header":  {func(l []string) []string { l[2] = strings.Replace(l[2], `"atMs":1`, `"atMs":2`, 1); return l }, 3, 2},
		"a missing entry":   {func(l []string) []string { return append(l[:6:6], l[7:]...) }, 7, 2},
		"a missing end":     {func(l []string) []string { return l[:len(l)-1] }, 9, 4},
		"swapped entries":   {func(l []string) []string { l[6], l[7] = l[7], l[6]; return l }, 7, 2},
		"no log":            {func(l []string) []string { return l[1:] }, 1, 0},
		"garbage":           {func(l []string) []string { l[3] = "{"; return l }, 4, 3},
		"an empty object":   {func(l []string) []string { l[3] = "{}"; return l }, 4, 3},
		"an entry repeated": {func(l []string) []string { l[3] = l[2]; return l }, 4, 3},
	} {
		_, err := prove(t, c.tamper(append([]string(nil), lines...)))
		var broken *record.ExportError
		if !errors.As(err, &broken) || broken.Line != c.line || broken.Seq != c.seq {
			t.Errorf("%s: %v, want line %d, entry %d", name, err, c.line, c.seq)
		}
	}
}

func TestExportNamesAttachments(t *testing.T) {
	dir := t.TempDir()
	o := open(t, config(dir, newClock()))
	first, second := put(t, o, "first"), put(t, o, "second")
	appendOne(t, o, rating("r1"))
	handIn(t, o, 1, first, second)
	o.Close()
	lines := export(t, dir)
	if _, err := prove(t, lines); err != nil {
		t.Fatal(err)
	}
	named := func(n int) (l record.ExportLine) {
		if err := json.Unmarshal([]byte(lines[n]), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	if got := named(2).Blobs; !slices.Equal(got, []record.BlobRef{first, second}) {
		t.Errorf("names %v", got)
	}
	other := first
	other.Hash[0]++
	for name, c := range map[string]struct {
		line  int
		blobs []record.BlobRef
		whole bool
	}{
		"another":             {2, []record.BlobRef{other, second}, false},
		"fewer":               {2, []record.BlobRef{first}, false},
		"of a record of none": {1, []record.BlobRef{first}, false},
		"an older export":     {2, nil, true},
	} {
		l := named(c.line)
		l.Blobs = c.blobs
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		_, err = prove(t, slices.Concat(lines[:c.line], []string{string(text)}, lines[c.line+1:]))
		var broken *record.ExportError
		if c.whole && err != nil || !c.whole && (!errors.As(err, &broken) || broken.Line != c.line+1) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExportStopsAtABreak(t *testing.T) {
	dir, file := filled(t, 6)
	edit(t, file, func(tx *bolt.Tx) error {
		log := tx.Bucket([]byte("log"))
		v := bytes.Clone(log.Get(key(4)))
		v[len(v)-1] ^= 1
		return log.Put(key(4), v)
	})
	if filepath.Dir(file) != dir {
		t.Fatal(file)
	}
	r, err := outbox.OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var entries int
	err = r.Export(t.Context(), func(l record.ExportLine) error {
		if l.Entry != nil {
			entries++
		}
		return nil
	})
	var broken *outbox.ChainError
	if !errors.As(err, &broken) || broken.Seq != 4 || entries != 3 {
		t.Errorf("%d entries, %v", entries, err)
	}
}
