package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// printJournal is a file that exists while a receipt is under way, so that a restart
// knows of a half receipt and voids it. It holds the voiding text, no receipt.
type printJournal string

// Begin implements printer.Journal.
func (j printJournal) Begin(void string) error {
	next := string(j) + ".next"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("print journal: %w", err)
	}
	_, err = f.WriteString(void)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("print journal: %w", err)
	}
	if err := os.Rename(next, string(j)); err != nil {
		return fmt.Errorf("print journal: %w", err)
	}
	return syncDir(filepath.Dir(string(j)))
}

// End implements printer.Journal.
func (j printJournal) End() error {
	if err := os.Remove(string(j)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("print journal: %w", err)
	}
	return syncDir(filepath.Dir(string(j)))
}

// Pending implements printer.Journal.
func (j printJournal) Pending() (string, bool, error) {
	raw, err := os.ReadFile(string(j))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("print journal: %w", err)
	}
	return string(raw), true, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("print journal: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
