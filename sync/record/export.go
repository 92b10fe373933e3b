package record

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// ExportLine is one line of JSON in an export for auditors: a Log, then its entries in
// order, then perhaps another log. Bodies stay sealed; the chain that proves the log
// goes through the entries' hashes, from the Log's After to its Last.
type ExportLine struct {
	Log       *ExportedLog `json:"log,omitempty"`
	Entry     *Entry       `json:"entry,omitempty"`
	Blobs     []BlobRef    `json:"blobs,omitempty"`    // its attachments, as its header names them; their hashes are of the sealed files
	Pos       int64        `json:"pos,omitempty"`      // at a hub: place in its own order
	Received  time.Time    `json:"received,omitzero"`  // at a hub, by its clock
	Committed time.Time    `json:"committed,omitzero"` // at a hub, by its clock
}

// ExportedLog begins a log.
type ExportedLog struct {
	Kiosk     string    `json:"kiosk,omitempty"` // known to a hub
	Epoch     Epoch     `json:"epoch"`
	After     uint64    `json:"after"`     // sequence before the first entry; 0 unless older ones were pruned
	AfterHash Hash      `json:"afterHash"` // zeros when After is 0
	Last      uint64    `json:"last"`
	LastHash  Hash      `json:"lastHash"`
	Ended     time.Time `json:"ended,omitzero"`   // on a terminal: when another log took over
	Reason    string    `json:"reason,omitempty"` // and why
}

// ExportError names the first place at which an export does not hold together.
type ExportError struct {
	Line  int // of the file, from 1
	Kiosk string
	Epoch Epoch
	Seq   uint64 // 0 when no log had begun
	Cause error
}

func (e *ExportError) Error() string {
	return fmt.Sprintf("line %d, log %s %s, entry %d: %v", e.Line, e.Kiosk, e.Epoch, e.Seq, e.Cause)
}

func (e *ExportError) Unwrap() error { return e.Cause }

// maxExportLine bounds a line that is read: an entry is at most a frame of the socket.
const maxExportLine = 2 << 20

var (
	errExport = errors.New("not a line of an export")
	errBlobs  = errors.New("attachments are not those that the entry names")
)

// exported is an export being read.
type exported struct {
	log  *ExportedLog
	at   uint64
	hash Hash
}

// VerifyExport proves every log of an export, calling done for each that is whole. The
// first break is an *ExportError.
func VerifyExport(ctx context.Context, r io.Reader, done func(ExportedLog)) error {
	var x exported
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxExportLine)
	for n := 1; ; n++ {
		last := !lines.Scan()
		if err := cmp.Or(lines.Err(), ctx.Err()); err != nil {
			return x.fail(n, err)
		}
		var line ExportLine
		if !last && (json.Unmarshal(lines.Bytes(), &line) != nil || (line.Log == nil) == (line.Entry == nil)) {
			return x.fail(n, errExport)
		}
		switch {
		case last || line.Log != nil:
			if x.log != nil {
				if x.at != x.log.Last || x.hash != x.log.LastHash {
					return x.fail(n, fmt.Errorf("log ends at %d, its head says %d: %w", x.at, x.log.Last, ErrChain))
				}
				done(*x.log)
			}
			if last {
				return nil
			}
			x = exported{line.Log, line.Log.After, line.Log.AfterHash}
			if (x.at == 0) != x.hash.IsZero() {
				return x.fail(n, fmt.Errorf("hash before the first entry: %w", ErrChain))
			}
		case x.log == nil:
			return x.fail(n, errors.New("entry before its log"))
		default:
			if err := line.Entry.Follows(x.log.Epoch, x.at, x.hash); err != nil {
				return x.fail(n, err)
			}
			if err := line.checkBlobs(); err != nil {
				return x.fail(n, err)
			}
			x.at, x.hash = line.Entry.Seq, line.Entry.Hash
		}
	}
}

// checkBlobs compares attachments with the header, which the chain proves. A line need not
// name them.
func (l *ExportLine) checkBlobs() error {
	if l.Blobs == nil {
		return nil
	}
	named, err := l.Entry.Blobs()
	if err == nil && !slices.Equal(named, l.Blobs) {
		err = errBlobs
	}
	return err
}

func (x *exported) fail(line int, cause error) error {
	out := &ExportError{Line: line, Cause: cause}
	if x.log != nil {
		out.Kiosk, out.Epoch, out.Seq = x.log.Kiosk, x.log.Epoch, x.at+1
	}
	return out
}
