package outbox

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"yeban/sync/record"
)

const (
	shelfName = "blobs"
	sentMark  = ".sent"
	newMark   = ".new"
)

// shelf is the folder of attachments and what is known of it. Every file is written once,
// under the name of its hash, and never changed; delivery is a change of its name.
type shelf struct {
	dir string

	mu    sync.Mutex
	held  map[record.Hash]*blob
	order []record.Hash // of what records list, by their place
	bytes int64         // of all files
	// broken is why the folder cannot be used, since load.
	broken error
	// unflushed says that names were changed which a crash may change back.
	unflushed bool
	// compared says that list was called.
	compared bool
	// checked is the last attachment that delivered gave in turn.
	checked record.Hash
}

// blob is an attachment.
type blob struct {
	ref     record.BlobRef
	at      place
	size    int64 // of the file; 0 when there is none
	since   time.Time
	listed  bool // by a record
	gone    bool // with the record that listed it
	sent    bool // the hub has it
	lost    bool // cannot be read here
	refused bool // the hub does not take it
}

// place is where the record stands that lists an attachment.
type place struct {
	epoch record.Epoch
	seq   uint64
}

func (s *shelf) path(hash record.Hash, sent bool) string {
	name := hash.String()
	if sent {
		name += sentMark
	}
	return filepath.Join(s.dir, name)
}

// names makes the folder, or lists it.
func (s *shelf) names() ([]fs.DirEntry, error) {
	err := os.Mkdir(s.dir, 0o700)
	switch {
	case err == nil:
		return nil, syncDir(filepath.Dir(s.dir))
	case !errors.Is(err, fs.ErrExist):
		return nil, err
	}
	return os.ReadDir(s.dir)
}

// load finds what is there. A folder that cannot be read holds nothing and takes nothing;
// records do not need it.
func (s *shelf) load() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.order, s.bytes = map[record.Hash]*blob{}, nil, 0
	entries, err := s.names()
	if err != nil {
		s.broken = err
		return
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), newMark) { // never promised to anybody
			_ = os.Remove(filepath.Join(s.dir, entry.Name())) // if it stays, it is only in the way
			continue
		}
		name, sent := strings.CutSuffix(entry.Name(), sentMark)
		var hash record.Hash
		if hash.UnmarshalText([]byte(name)) != nil || name != hash.String() {
			continue // not ours
		}
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // what a record lists of it will be missing
		}
		b := s.held[hash]
		if b == nil {
			b = &blob{ref: record.BlobRef{Hash: hash}}
			s.held[hash] = b
		}
		s.bytes += info.Size()
		b.sent = b.sent || sent
		if !b.sent || sent {
			b.size, b.since = info.Size(), info.ModTime()
		}
	}
}

// listedBlob is a reference with the place of its record.
type listedBlob struct {
	ref record.BlobRef
	at  place
}

// list takes over what records list, in order.
func (s *shelf) list(listed []listedBlob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hash := range s.order {
		b := s.held[hash]
		b.listed, b.gone = false, true
	}
	s.order, s.compared = nil, true
	for _, l := range listed {
		b := s.held[l.ref.Hash]
		if b == nil {
			b = &blob{lost: true}
			s.held[l.ref.Hash] = b
		}
		if !b.listed {
			s.order = append(s.order, l.ref.Hash)
		}
		b.ref, b.at, b.listed, b.gone = l.ref, l.at, true, false // of two logs, the later
		if b.size != l.ref.Bytes {
			b.lost = true
		}
	}
}

// sweep removes what records listed and no longer do, and what no record lists and is older
// than a moment; or it moves them to a folder aside. Files that will not go are left: they
// cost room, and no more.
func (s *shelf) sweep(before time.Time, aside string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.held {
		if !b.listed && (b.gone || b.since.Before(before)) {
			s.discard(b, aside)
		}
	}
}

// discard removes an attachment, or moves it to a folder; the caller holds mu.
func (s *shelf) discard(b *blob, aside string) {
	if s.broken == nil {
		for _, path := range []string{s.path(b.ref.Hash, false), s.path(b.ref.Hash, true)} {
			if err := putAway(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return
			}
		}
	}
	s.bytes -= b.size
	delete(s.held, b.ref.Hash)
}

func putAway(path, aside string) error {
	if aside == "" {
		return os.Remove(path)
	}
	if err := os.Mkdir(aside, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(path, filepath.Join(aside, filepath.Base(path)))
}

// put writes a file that is whole and durable under its name, or not there.
func (s *shelf) put(ref record.BlobRef, sealed []byte, now time.Time) error {
	if s.broken != nil {
		return s.broken
	}
	next := filepath.Join(s.dir, ref.Hash.String()+newMark)
	err := writeDurably(next, sealed)
	if err == nil {
		err = os.Rename(next, s.path(ref.Hash, false))
	}
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(next), removeIfThere(s.path(ref.Hash, false)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[ref.Hash] = &blob{ref: ref, size: ref.Bytes, since: now}
	s.bytes += ref.Bytes
	return nil
}

func writeDurably(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// claim says nil when an attachment is durable here and no record lists it.
func (s *shelf) claim(ref record.BlobRef) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.held[ref.Hash]
	switch {
	case b == nil || b.size != ref.Bytes:
		return errNotHeld
	case b.listed:
		return errOthers
	}
	return blobFile(s.path(ref.Hash, b.sent), ref.Bytes)
}

// own says which record lists attachments.
func (s *shelf) own(at place, refs []record.BlobRef) {
	if len(refs) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ref := range refs {
		b := s.held[ref.Hash]
		if b.listed {
			continue // twice in one record
		}
		b.ref, b.at, b.listed = ref, at, true
		s.order = append(s.order, ref.Hash)
	}
}

func (s *shelf) open(hash record.Hash) (f *os.File, err error) {
	s.mu.Lock()
	b := s.held[hash]
	if b == nil {
		s.mu.Unlock()
		return nil, errNotHeld
	}
	path, bytes := s.path(hash, b.sent), b.ref.Bytes
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		b.lost = err != nil
		s.mu.Unlock()
		if err != nil && f != nil {
			f.Close()
			f = nil
		}
	}()
	if err := blobFile(path, bytes); err != nil {
		return nil, err
	}
	if f, err = os.Open(path); err != nil {
		return nil, err
	}
	h := sm3.New()
	if _, err := io.Copy(h, f); err != nil {
		return f, err
	}
	if record.Hash(h.Sum(nil)) != hash {
		return f, errors.New("its hash is another")
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

// empty says that there is nothing, and that no record lists anything.
func (s *shelf) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.compared && len(s.held) == 0
}

func (s *shelf) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}
