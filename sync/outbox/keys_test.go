package outbox_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"yeban/sync/record"
)

// TestNoKeyIsUsedTwice appends faster than keys are made ahead, and over restarts.
func TestNoKeyIsUsedTwice(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for range 3 {
		o := open(t, config(dir, newClock()))
		for range 30 {
			appendOne(t, o, rating(fmt.Sprint(n)))
			n++
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	o := open(t, config(dir, newClock()))
	epoch, _, _ := o.Position()
	keys, nonces := map[string]bool{}, map[string]bool{}
	for _, e := range all(t, o) {
		if _, err := record.Open(platform(), &e, epoch); err != nil {
			t.Error(err)
		}
		keys[string(e.Key)], nonces[string(e.Sealed[:12])] = true, true
	}
	if len(keys) != n || len(nonces) != n {
		t.Errorf("%d records under %d keys and %d nonces", n, len(keys), len(nonces))
	}
}

// TestFileGrowsByWrittenBlocks: what bbolt grows by is a hole, and every flush into a hole
// waits for the file system.
func TestFileGrowsByWrittenBlocks(t *testing.T) {
	dir := t.TempDir()
	o := open(t, config(dir, newClock()))
	for i := range 40 {
		appendOne(t, o, rating(fmt.Sprint(i)))
	}
	size, blocks := fileSize(t, dir+"/outbox.db")
	if blocks < size {
		t.Errorf("%d bytes, of which %d are on the disk", size, blocks)
	}
	if stats, err := o.Stats(); err != nil || stats.FileBytes > size {
		t.Errorf("%d bytes used of %d, %v", stats.FileBytes, size, err)
	}
}

// fileSize is the length of a file and how much of it is allocated.
func fileSize(t *testing.T, path string) (size, allocated int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size(), info.Sys().(*syscall.Stat_t).Blocks * 512
}
