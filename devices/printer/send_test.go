package printer

import (
	"bytes"
	"context"
	"testing"

	"pgregory.net/rapid"
)

// hoarder is the laziest of printers: it empties its buffer only when nothing else can
// happen, as the host waits for it to speak, and only up to the next marker.
type hoarder struct {
	buffer, printed []byte
	most            int
	outstanding     int // markers in the buffer at most
}

var sensorMarker = []byte{0x1D, 'r', 1}

func (h *hoarder) Write(_ context.Context, p []byte) (int, error) {
	h.buffer = append(h.buffer, p...)
	h.most = max(h.most, len(h.buffer))
	h.outstanding = max(h.outstanding, bytes.Count(h.buffer, sensorMarker))
	return len(p), nil
}

func (h *hoarder) Read(ctx context.Context, p []byte) (int, error) {
	before, after, found := bytes.Cut(h.buffer, sensorMarker)
	if !found {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	h.printed = append(h.printed, before...)
	h.buffer = after
	p[0] = 0
	return 1, nil
}

func (h *hoarder) Reset(context.Context) error { return nil }
func (h *hoarder) Close() error                { return nil }

// TestSendNeverFillsMoreThanTheBuffer: all atoms arrive in order, with never more than the
// buffer under way, and never more markers than those of one piece.
func TestSendNeverFillsMoreThanTheBuffer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		profile := Paper80()
		profile.BufferBytes = rapid.IntRange(45, 600).Draw(t, "buffer")
		h := &hoarder{}
		p := New(h, profile, Options{})
		p.debt = rapid.IntRange(1, 2).Draw(t, "late answers")
		markers := len(sensorMarker) * (2*p.debt + 2)
		var atoms [][]byte
		var want []byte
		for i := range rapid.IntRange(1, 60).Draw(t, "atoms") {
			a := bytes.Repeat([]byte{'a' + byte(i%26)}, rapid.IntRange(1, min(profile.BufferBytes-markers, 120)).Draw(t, "size"))
			atoms, want = append(atoms, a), append(want, a...)
		}
		whole, err := p.send(context.Background(), atoms)
		if err != nil || !whole {
			t.Fatalf("whole %v, %v", whole, err)
		}
		if got := append(h.printed, bytes.ReplaceAll(h.buffer, sensorMarker, nil)...); !bytes.Equal(got, want) {
			t.Fatalf("printed %q, want %q", got, want)
		}
		if h.most > profile.BufferBytes {
			t.Fatalf("%d bytes under way, buffer has %d", h.most, profile.BufferBytes)
		}
		// What was not needed of the piece before may still be there.
		if h.outstanding > 2*(2*p.debt+2)-1 {
			t.Fatalf("%d markers under way", h.outstanding)
		}
	})
}
