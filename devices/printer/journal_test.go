package printer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yeban/devices/printer"
)

// TestJournalKeepsOneNote: the latest one, whole, whatever a crash has left beside it.
func TestJournalKeepsOneNote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := printer.FileJournal(filepath.Join(dir, "print-job"))
	want := func(when, void string, pending bool) {
		t.Helper()
		if got, found, err := j.Pending(); err != nil || found != pending || got != void {
			t.Errorf("%s: %q, pending %v, %v", when, got, found, err)
		}
	}
	if err := os.WriteFile(string(j)+".next", []byte("half a no"), 0o600); err != nil { // a crash in Begin
		t.Fatal(err)
	}
	want("after a crash", "", false)
	for _, void := range []string{"VOID", "", strings.Repeat("x", 5000)} {
		if err := j.Begin(void); err != nil {
			t.Fatal(err)
		}
		want("begun", void[:min(len(void), 4096)], true)
	}
	for range 2 {
		if err := j.End(); err != nil {
			t.Fatal(err)
		}
		want("ended", "", false)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if err := printer.FileJournal(filepath.Join(dir, "none", "print-job")).Begin(""); err == nil {
		t.Error("a note without a folder")
	}
}
