package outbox_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// model is what the outbox must be seen from outside: ids by sequence.
type model struct {
	dir     string
	clock   *clock
	box     *outbox.Outbox
	log     []string // ids, log[i] at sequence i+1
	ackedAt []time.Time
	first   int // index of the oldest that must still be held
	epoch   record.Epoch
	used    map[string]bool
	next    int
}

// TestOutboxIsItsModel plays random lives of an outbox; a failure prints how to
// replay it.
func TestOutboxIsItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "outbox")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &model{dir: dir, clock: newClock(), used: map[string]bool{}}
		m.open(t)
		defer func() { m.box.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"append":    m.append,
			"twice":     m.twice,
			"ack":       m.ack,
			"late ack":  m.lateAck,
			"prune":     m.prune,
			"wait":      func(t *rapid.T) { m.clock.Add(time.Duration(rapid.IntRange(-48, 96).Draw(t, "hours")) * time.Hour) },
			"restart":   func(t *rapid.T) { m.box.Close(); m.open(t) },
			"new epoch": m.newEpoch,
			"":          m.check,
		})
	})
}

func (m *model) open(t *rapid.T) {
	var err error
	if m.box, err = outbox.Open(config(m.dir, m.clock)); err != nil {
		t.Fatal(err)
	}
	if m.box.SetAside() != nil {
		t.Fatal(m.box.SetAside())
	}
	m.epoch, _, _ = m.box.Position()
}

func (m *model) append(t *rapid.T) {
	id := fmt.Sprintf("r%d", m.next)
	m.next++
	p, err := m.box.Append(t.Context(), rating(id))
	if err != nil {
		t.Fatal(err)
	}
	m.log = append(m.log, id)
	m.used[id] = true
	if p.Seq != uint64(len(m.log)) || p.Epoch != m.epoch {
		t.Fatalf("appended at %d, want %d", p.Seq, len(m.log))
	}
}

func (m *model) twice(t *rapid.T) {
	if len(m.log) == m.first {
		t.Skip("nothing held")
	}
	id := rapid.SampledFrom(m.log[m.first:]).Draw(t, "id")
	if _, err := m.box.Append(t.Context(), rating(id)); !errors.Is(err, outbox.ErrDuplicate) {
		t.Fatalf("%s twice: %v", id, err)
	}
}

func (m *model) ack(t *rapid.T) {
	have := rapid.IntRange(0, len(m.log)).Draw(t, "have")
	if err := m.box.Acked(m.epoch, uint64(have)); err != nil {
		t.Fatal(err)
	}
	if have < len(m.ackedAt) {
		m.ackedAt = m.ackedAt[:have]
	}
	for len(m.ackedAt) < have {
		m.ackedAt = append(m.ackedAt, m.clock.Now())
	}
}

func (m *model) lateAck(t *rapid.T) {
	if err := m.box.Acked(record.Epoch{1}, 1<<40); err != nil {
		t.Fatal(err)
	}
}

// prune lets the outbox drop what the model allows it to; how much of that it does
// drop is its own affair, since acknowledgements are written down by the second.
func (m *model) prune(t *rapid.T) {
	if err := m.box.Prune(m.clock.Now()); err != nil {
		t.Fatal(err)
	}
	_, first, last := m.box.Position()
	if last == 0 {
		return
	}
	allowed := m.first
	for i := m.first; i < len(m.ackedAt); i++ {
		if !m.ackedAt[i].After(m.clock.Now().Add(-7 * 24 * time.Hour)) {
			allowed = i + 1
		}
	}
	if got := int(first) - 1; got < m.first || got > allowed || got >= len(m.log) {
		t.Fatalf("holds from %d, may have dropped %d of %d", first, allowed, len(m.log))
	}
	m.first = int(first) - 1
}

func (m *model) newEpoch(t *rapid.T) {
	after := rapid.IntRange(0, len(m.log)).Draw(t, "after")
	if err := m.box.NewEpoch("test", uint64(after)); err != nil {
		t.Fatal(err)
	}
	m.log = append([]string(nil), m.log[max(after, m.first):]...)
	m.first, m.ackedAt = 0, nil
	before := m.epoch
	if m.epoch, _, _ = m.box.Position(); m.epoch == before {
		t.Fatal("same epoch")
	}
}

func (m *model) check(t *rapid.T) {
	epoch, first, last := m.box.Position()
	if epoch != m.epoch || int(last) != len(m.log) || m.box.Acknowledged() != uint64(len(m.ackedAt)) {
		t.Fatalf("at %d, acked %d; want %d, %d", last, m.box.Acknowledged(), len(m.log), len(m.ackedAt))
	}
	if last == 0 {
		return
	}
	if int(first) != m.first+1 {
		t.Fatalf("holds from %d, want %d", first, m.first+1)
	}
	entries, err := m.box.Read(first-1, 1<<30, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := m.box.Hash(first - 1)
	if err != nil {
		t.Fatal(err)
	}
	seq := first - 1
	for i := range entries {
		if err := entries[i].Follows(epoch, seq, hash); err != nil {
			t.Fatal(err)
		}
		seq, hash = entries[i].Seq, entries[i].Hash
		if entries[i].ID != m.log[seq-1] {
			t.Fatalf("%s at %d, want %s", entries[i].ID, seq, m.log[seq-1])
		}
	}
	s, err := m.box.Stats()
	if err != nil || s.Queued != uint64(len(m.log)-len(m.ackedAt)) || s.Counts[record.KindRating] != len(m.log)-m.first {
		t.Fatalf("%+v %v", s, err)
	}
}
