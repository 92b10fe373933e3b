package printer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FileJournal is a Journal in one small file, which exists while a receipt is under
// way. Its path is the value.
type FileJournal string

// maxVoid bounds what Pending reads back.
const maxVoid = 4096

// Begin writes the file and waits until it is on the disk.
func (j FileJournal) Begin(void string) error {
	if len(void) > maxVoid {
		void = void[:maxVoid]
	}
	next := string(j) + ".next" // of a crash here one file remains, and is written over
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(void)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, string(j)); err != nil {
		return err
	}
	return j.sync()
}

// End removes the file.
func (j FileJournal) End() error {
	if err := os.Remove(string(j)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return j.sync()
}

// Pending reads the file.
func (j FileJournal) Pending() (void string, pending bool, err error) {
	b, err := os.ReadFile(string(j))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if len(b) > maxVoid {
		b = b[:maxVoid]
	}
	return string(b), true, nil
}

// sync makes the folder's entry durable.
func (j FileJournal) sync() error {
	d, err := os.Open(filepath.Dir(string(j)))
	if err != nil {
		return fmt.Errorf("sync journal folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
