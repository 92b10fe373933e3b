package outbox_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// shelfModel is what the attachments of an outbox must be, seen from outside.
type shelfModel struct {
	dir     string
	clock   *clock
	box     *outbox.Outbox
	loose   []record.BlobRef       // put, not listed
	listed  []record.BlobRef       // in the order of their records
	record  map[record.Hash]int    // number of the record that lists one
	arrived map[record.Hash]bool   // at the hub
	content map[record.Hash]string // that was put
	next    int
}

// TestAttachmentsAreTheirModel plays random lives of an outbox with attachments: what a
// record lists can be sent until it has arrived, in the order of the records, and the
// folder holds nothing else than it should.
func TestAttachmentsAreTheirModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "blobs")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &shelfModel{dir: dir, clock: newClock(), record: map[record.Hash]int{}, arrived: map[record.Hash]bool{}, content: map[record.Hash]string{}}
		m.open(t)
		defer func() { m.box.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"put":       m.put,
			"hand in":   m.handIn,
			"deliver":   m.deliver,
			"doubt":     m.doubt,
			"ack":       m.ack,
			"prune":     m.prune,
			"wait":      func(t *rapid.T) { m.clock.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "hours")) * time.Hour) },
			"restart":   func(t *rapid.T) { m.box.Close(); m.open(t) },
			"new epoch": m.newEpoch,
			"":          m.check,
		})
	})
}

func (m *shelfModel) open(t *rapid.T) {
	var err error
	if m.box, err = outbox.Open(config(m.dir, m.clock)); err != nil {
		t.Fatal(err)
	}
	if m.box.SetAside() != nil {
		t.Fatal(m.box.SetAside())
	}
	m.forgetLoose()
}

// forgetLoose: files are as old as the real clock says, or the model's; only those that are
// still there may be listed.
func (m *shelfModel) forgetLoose() {
	m.loose = slices.DeleteFunc(m.loose, func(ref record.BlobRef) bool {
		_, err := os.Stat(sealedFile(m.dir, ref))
		return err != nil
	})
}

func (m *shelfModel) put(t *rapid.T) {
	m.next++
	content := fmt.Sprintf("content %d", m.next)
	ref, err := m.box.PutBlob(t.Context(), record.BlobDocument, "text/plain", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	m.loose = append(m.loose, ref)
	m.content[ref.Hash] = content
}

func (m *shelfModel) handIn(t *rapid.T) {
	m.next++
	n := rapid.IntRange(0, len(m.loose)).Draw(t, "attachments")
	number, err := record.NewReceiptNumber(time.Unix(1_000_000_000+int64(m.next), 0), 7)
	if err != nil {
		t.Fatal(err)
	}
	refs := slices.Clone(m.loose[:n])
	if _, err := m.box.Append(t.Context(), record.Application{ID: ulid.Make().String(), ReceiptNumber: number, Blobs: refs}); err != nil {
		t.Fatal(err)
	}
	m.loose = slices.Clone(m.loose[n:])
	m.listed = append(m.listed, refs...)
	for _, ref := range refs {
		m.record[ref.Hash] = m.next
	}
}

func (m *shelfModel) deliver(t *rapid.T) {
	ref, ok := m.box.NextBlob(none)
	if !ok {
		return
	}
	f, err := m.box.OpenBlob(ref.Hash)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := io.ReadAll(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	if content, err := record.OpenBlob(platform(), sealed); err != nil || string(content) != m.content[ref.Hash] {
		t.Fatalf("%q, %v", content, err)
	}
	if err := m.box.BlobDelivered(ref.Hash); err != nil {
		t.Fatal(err)
	}
	m.arrived[ref.Hash] = true
}

// doubt: the hub has lost some of what it had.
func (m *shelfModel) doubt(t *rapid.T) {
	delivered := m.box.DeliveredBlobs(1 << 20)
	if err := m.box.DoubtBlobs(); err != nil {
		t.Fatal(err)
	}
	for _, ref := range delivered {
		m.arrived[ref.Hash] = false
	}
}

// ack goes forwards only: what a rewind offers again has a test of its own.
func (m *shelfModel) ack(t *rapid.T) {
	epoch, _, last := m.box.Position()
	at := m.box.Acknowledged()
	if err := m.box.Acked(epoch, at+rapid.Uint64Range(0, last-at).Draw(t, "forward")); err != nil {
		t.Fatal(err)
	}
}

func (m *shelfModel) prune(t *rapid.T) {
	if err := m.box.Prune(m.clock.Now()); err != nil {
		t.Fatal(err)
	}
	m.forgetLoose()
}

func (m *shelfModel) newEpoch(t *rapid.T) {
	m.clock.Add(time.Millisecond) // logs are told apart by when they ended
	if err := m.box.NewEpoch("test", m.box.Acknowledged()); err != nil {
		t.Fatal(err)
	}
	for _, ref := range pending(m.box) {
		m.arrived[ref.Hash] = false // of those carried over, the hub is asked again
	}
}

func (m *shelfModel) check(t *rapid.T) {
	var want []int
	for _, ref := range m.listed {
		if !m.arrived[ref.Hash] {
			want = append(want, m.record[ref.Hash])
		}
	}
	var got []int
	for _, ref := range pending(m.box) {
		got = append(got, m.record[ref.Hash])
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("records %v wait for their attachments, %v must", got, want)
	}
	stats := m.box.Blobs()
	var bytes int64
	files, err := os.ReadDir(filepath.Join(m.dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	if stats.Lost != 0 || stats.Bytes != bytes || len(files) != stats.Listed+len(m.loose) || stats.Pending != len(want) {
		t.Fatalf("%+v with %d files of %d bytes, %d of them loose", stats, len(files), bytes, len(m.loose))
	}
}
