package outbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"yeban/sync/outbox"
)

// backedUp is an outbox of n ratings "0", "1", … with a backup of all of them.
func backedUp(t *testing.T, n int) (o *outbox.Outbox, file string) {
	t.Helper()
	dir, _ := filled(t, n)
	cfg := config(dir, newClock())
	cfg.BackupEvery = 50 * time.Millisecond
	o = open(t, cfg)
	awaitBackup(t, o, func(b outbox.Backup) bool { return !b.At.IsZero() })
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, config(dir, newClock())) // which makes the next only in a minute
	return o, filepath.Join(dir, "outbox.db")
}

func awaitBackup(t *testing.T, o *outbox.Outbox, ok func(outbox.Backup) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(o.Backup()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("backup %+v", o.Backup())
		}
	}
}

// numbers are the ids "0" to n-1 and those given.
func numbers(n int, more ...string) []string {
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(i))
	}
	return append(want, more...)
}

func TestBackupMakesGoodWhatTheFileLost(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, file string) error
		want  []string
	}{
		"all of the file is overwritten": {func(t *testing.T, file string) error {
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			return os.WriteFile(file, make([]byte, info.Size()), 0o600)
		}, numbers(40)},
		"the file is cut to nothing": {func(t *testing.T, file string) error { return os.Truncate(file, 0) }, numbers(40)},
		"the file is gone":           {func(t *testing.T, file string) error { return os.Remove(file) }, numbers(40)},
		"the root is lost, newer entries are not": {func(t *testing.T, file string) error {
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt(make([]byte, 2*os.Getpagesize()), 0)
			return err
		}, numbers(40, "newer")},
		"the backup is lost too, and half of one written": {func(t *testing.T, file string) error {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, name := range []string{file + ".new", file + ".backup.new", file + ".backup"} {
				if err := os.WriteFile(name, text[:len(text)/3], 0o600); err != nil {
					return err
				}
			}
			clear(text[:2*os.Getpagesize()])
			return os.WriteFile(file, text, 0o600)
		}, numbers(40, "newer")},
	} {
		t.Run(name, func(t *testing.T) {
			o, file := backedUp(t, 40)
			appendOne(t, o, rating("newer"))
			o.Close()
			if err := c.spoil(t, file); err != nil {
				t.Fatal(err)
			}
			o = open(t, config(filepath.Dir(file), newClock()))
			aside := o.SetAside()
			if aside == nil || aside.Recovered != len(c.want) {
				t.Fatalf("set aside %v, want %d carried over", aside, len(c.want))
			}
			if got := ids(all(t, o)); !slices.Equal(got, c.want) {
				t.Errorf("carried over %v", got)
			}
			appendOne(t, o, rating("after"))
			o.Close()
			o = open(t, config(filepath.Dir(file), newClock()))
			if o.SetAside() != nil {
				t.Error("set aside again:", o.SetAside())
			}
		})
	}
}

func TestBackupFollowsTheLog(t *testing.T) {
	o, file := backedUp(t, 3)
	o.Close()
	cfg := config(filepath.Dir(file), newClock())
	cfg.BackupEvery = 5 * time.Millisecond
	o = open(t, cfg)
	before, err := os.Stat(file + ".backup")
	if err != nil {
		t.Fatal(err)
	}
	appendOne(t, o, rating("more"))
	awaitBackup(t, o, func(outbox.Backup) bool {
		now, err := os.Stat(file + ".backup")
		return err == nil && !os.SameFile(before, now)
	})
}

func TestBackupLeavesRoomForCitizens(t *testing.T) {
	o, file := backedUp(t, 3)
	appendOne(t, o, rating("more"))
	o.Close()
	before, err := os.ReadFile(file + ".backup")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(filepath.Dir(file), newClock())
	cfg.MinFreeBytes, cfg.BackupEvery = 1<<20, 50*time.Millisecond
	cfg.FreeBytes = func(string) (int64, error) { return 5<<20 + 1<<10, nil } // a visit fits, a copy does not
	o = open(t, cfg)
	awaitBackup(t, o, func(b outbox.Backup) bool { return b.Err != nil })
	if err := o.Ready(); err != nil {
		t.Error(err)
	}
	after, err := os.ReadFile(file + ".backup")
	if err != nil || string(before) != string(after) {
		t.Errorf("the backup before was not kept: %v", err)
	}
	if _, err := os.Stat(file + ".backup.new"); err == nil {
		t.Error("half a backup was left")
	}
}
