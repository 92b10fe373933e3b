package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"yeban/sync/protocol"
)

const (
	fileName = "commands.log"
	// begunName stands for ever from when a notebook was first begun.
	begunName = "commands.begun"
	magic     = "yeban commands"
	format    = 1
	// maxFile is far more than maxKnown commands take.
	maxFile = 64 << 20
)

// VersionError means a file of newer software. It is left as it is.
type VersionError struct {
	Path  string
	Found int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has format %d, this software knows %d: start the newer software", e.Path, e.Found, format)
}

// head is the first line.
type head struct {
	Is     string `json:"is"`
	Format int    `json:"format"`
	// Lost says that lines were lost to damage; commands given up to Since, by the hub's
	// clock, may have been in them. Since is set when the next command is heard of.
	Lost  bool      `json:"lost,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// line is one step of one command, or, with Told, that the hub has answered its report.
type line struct {
	ID      string                `json:"id"`
	Name    protocol.CommandName  `json:"name,omitempty"`
	State   protocol.CommandState `json:"state"`
	Detail  string                `json:"detail,omitempty"`
	At      time.Time             `json:"at"`
	Expires time.Time             `json:"expires,omitzero"`
	Told    bool                  `json:"told,omitempty"`
}

func (l *line) report() protocol.Report {
	return protocol.Report{Command: l.ID, State: l.State, Detail: l.Detail, At: l.At}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode gives lines as they stand in the file.
func encode(values ...any) ([]byte, error) {
	var out []byte
	for _, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		out = fmt.Appendf(out, "%08x %s\n", crc32.Checksum(text, castagnoli), text)
	}
	return out, nil
}

// decode reads one line without its newline.
func decode(text []byte, into any) bool {
	if len(text) < 10 || text[8] != ' ' {
		return false
	}
	sum, err := strconv.ParseUint(string(text[:8]), 16, 32)
	return err == nil && uint32(sum) == crc32.Checksum(text[9:], castagnoli) && json.Unmarshal(text[9:], into) == nil
}

// read gives what a file says, and whether all of it could be read. A file that is not
// there says nothing.
func read(path string) (h head, lines []line, whole bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return head{Is: magic, Format: format}, nil, true, nil
	}
	if err != nil {
		return h, nil, false, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return h, nil, false, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return h, nil, false, err
	}
	first, rest, ended := bytes.Cut(text, []byte("\n"))
	whole = ended && decode(first, &h) && h.Is == magic
	if whole && h.Format > format {
		return h, nil, false, &VersionError{Path: path, Found: h.Format}
	}
	for {
		one, after, ended := bytes.Cut(rest, []byte("\n"))
		var l line
		if !ended {
			// All but the newline: cut there, or damaged there. Both times it is safe to
			// believe what it says has begun.
			if decode(one, &l) || len(one) > 0 && decode(one[:len(one)-1], &l) {
				lines = append(lines, l)
			}
			return h, lines, whole, nil
		}
		if decode(one, &l) && l.ID != "" {
			lines = append(lines, l)
		} else {
			whole = false
		}
		rest = after
	}
}

// file is what the journal needs of one.
type file interface {
	Write([]byte) (int, error)
	Sync() error
	Close() error
}

func create(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
}

// journal is the file being written.
type journal struct {
	path   string
	create func(path string) (file, error)
	file   file
	lines  int
	// anew says that the file must be written anew before the next line: a write has
	// failed, and what it left is not known.
	anew   bool
	closed bool
}

// append writes and flushes. After an error nothing may be built on the line, though a
// restart may find it.
func (j *journal) append(l line) error {
	text, err := encode(l)
	if err != nil {
		return err
	}
	if j.closed {
		return ErrClosed
	}
	_, err = j.file.Write(text)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.anew = true
		return fmt.Errorf("note a command: %w", err)
	}
	j.lines++
	return nil
}

// replace puts a file with these lines in the place of the one before.
func (j *journal) replace(h head, lines []line) error {
	if j.closed {
		return ErrClosed
	}
	j.anew = true
	values := []any{h}
	for _, l := range lines {
		values = append(values, l)
	}
	text, err := encode(values...)
	if err != nil {
		return err
	}
	next := j.path + ".new"
	f, err := j.create(next)
	if err != nil {
		return fmt.Errorf("write commands anew: %w", err)
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(next, j.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(j.path))
	}
	if err != nil {
		return fmt.Errorf("write commands anew: %w", errors.Join(err, f.Close()))
	}
	if j.file != nil {
		j.file.Close() // its content stands in the new one
	}
	j.file, j.lines, j.anew = f, len(lines), false
	return nil
}

func (j *journal) close() error {
	if j.closed {
		return nil
	}
	j.closed = true
	return j.file.Close()
}

func (j *journal) begunPath() string { return filepath.Join(filepath.Dir(j.path), begunName) }

// markBegun notes that the folder has had a notebook, which must be on stable storage.
func (j *journal) markBegun() error {
	f, err := j.create(j.begunPath())
	if err != nil {
		return err
	}
	err = errors.Join(f.Sync(), f.Close())
	return errors.Join(err, syncDir(filepath.Dir(j.path)))
}

func there(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// keepAside gives a damaged file another name.
func (j *journal) keepAside(now time.Time) (string, error) {
	base := j.path + ".bad-" + now.UTC().Format("20060102T150405Z")
	for i := range 1000 {
		name := base
		if i > 0 {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name, os.Rename(j.path, name)
		}
	}
	return "", fmt.Errorf("a thousand files named %s", base)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
