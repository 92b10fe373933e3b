package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/emmansun/gmsm/sm3"

	"yeban/sync/record"
)

// promise is one record whose Append has returned nil.
type promise struct {
	writer string // the file it was found in: one process's promises, in their order
	kiosk  string
	id     string
	body   string // SM3 of the plaintext in hex
	sealed bool   // to a key that the hub has not got: it cannot be opened, and is to be parked
}

func bodyHash(plaintext []byte) string {
	sum := sm3.Sum(plaintext)
	return hex.EncodeToString(sum[:])
}

// oracle notes promises in a file that no fault touches.
type oracle struct {
	mu   sync.Mutex
	file *os.File
	n    int
}

func openOracle(path string) (*oracle, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open oracle: %w", err)
	}
	return &oracle{file: f}, nil
}

// note writes and flushes one promise. The result is how many this process has noted.
func (o *oracle) note(kiosk string, r record.Record, unreadable bool) (int, error) {
	plaintext, err := record.Encode(r)
	if err != nil {
		return 0, err
	}
	kind := "open"
	if unreadable {
		kind = "sealed"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := fmt.Fprintln(o.file, kiosk, r.Key(), bodyHash(plaintext), kind); err != nil {
		return 0, fmt.Errorf("note a promise: %w", err)
	}
	if err := o.file.Sync(); err != nil {
		return 0, fmt.Errorf("note a promise: %w", err)
	}
	o.n++
	return o.n, nil
}

// readOracle gives all promises of the files, each file in its order. A last line that is
// cut short was never a promise: its writer died before the note was whole.
func readOracle(paths ...string) ([]promise, error) {
	var all []promise
	for _, path := range paths {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // its writer promised nothing
		} else if err != nil {
			return nil, fmt.Errorf("read oracle: %w", err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if w := strings.Fields(lines.Text()); len(w) == 4 && (w[3] == "open" || w[3] == "sealed") {
				all = append(all, promise{path, w[0], w[1], w[2], w[3] == "sealed"})
			}
		}
		if err := errors.Join(lines.Err(), f.Close()); err != nil {
			return nil, fmt.Errorf("read oracle: %w", err)
		}
	}
	return all, nil
}
