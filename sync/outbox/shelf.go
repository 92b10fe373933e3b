package outbox

import (
	"errors"
	"fmt"
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
	// broken is why the folder cannot be used.
	broken error // since load
}

// blob is an attachment.
type blob struct {
	ref     record.BlobRef
	at      place
	size    int64 // of the file; 0 when there is none
	since   time.Time
	listed  bool // by a record
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

// list takes over what records list, in order. What they listed before and no longer do
// has been pruned with them and is removed, or else moved to a folder aside. Files that
// will not go are left: they cost room, and no more.
func (s *shelf) list(listed []listedBlob, aside string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.order
	s.order = nil
	for _, b := range s.held {
		b.listed = false
	}
	for _, l := range listed {
		b := s.held[l.ref.Hash]
		if b == nil {
			b = &blob{lost: true}
			s.held[l.ref.Hash] = b
		}
		if !b.listed {
			s.order = append(s.order, l.ref.Hash)
		}
		b.ref, b.at, b.listed = l.ref, l.at, true // of two logs, the later
		if b.size != l.ref.Bytes {
			b.lost = true
		}
	}
	for _, hash := range was {
		if b := s.held[hash]; !b.listed {
			s.discard(b, aside)
		}
	}
}

// discard removes an attachment that no record lists, or moves it to a folder; the caller
// holds mu.
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

// sweep removes what no record lists and is older than a moment, or moves all that no
// record lists to a folder aside.
func (s *shelf) sweep(before time.Time, aside string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.held {
		if !b.listed && (aside != "" || b.since.Before(before)) {
			s.discard(b, aside)
		}
	}
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

// mark notes durably that the hub has an attachment, or may not have it after all. One
// that is lost here is noted by an empty file.
func (s *shelf) mark(hash record.Hash, sent bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.held[hash]
	if b == nil {
		return errNotHeld
	}
	if b.sent == sent {
		return nil
	}
	err := os.Rename(s.path(hash, b.sent), s.path(hash, sent))
	switch {
	case errors.Is(err, fs.ErrNotExist) && sent:
		err = writeDurably(s.path(hash, true), nil)
	case errors.Is(err, fs.ErrNotExist): // gone while nobody looked: told as lost, and in nobody's way
		b.sent, b.lost = false, true
		return nil
	}
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil {
		return err
	}
	b.sent, b.refused = sent, false
	return nil
}

// doubt takes back the word that the hub has what stands behind a sequence of a log.
func (s *shelf) doubt(epoch record.Epoch, after uint64) error {
	s.mu.Lock()
	var hashes []record.Hash
	for _, hash := range s.order {
		if b := s.held[hash]; b.sent && b.at.epoch == epoch && b.at.seq > after {
			hashes = append(hashes, hash)
		}
	}
	s.mu.Unlock()
	var errs []error
	for _, hash := range hashes {
		errs = append(errs, s.mark(hash, false))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("offer attachments again: %w", err)
	}
	return nil
}

// waits says whether a log lists an attachment that the hub does not have and that can be
// sent, and which is the first sequence to do so.
func (s *shelf) waits(epoch record.Epoch) (seq uint64, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hash := range s.order {
		if b := s.held[hash]; !b.sent && !b.lost && b.at.epoch == epoch && (!yes || b.at.seq < seq) {
			seq, yes = b.at.seq, true
		}
	}
	return seq, yes
}

func (s *shelf) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held) == 0
}

func (s *shelf) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}
