package outbox_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// justReady is an outbox that is full but for the one visit that Ready promises.
func justReady(t *testing.T) *outbox.Outbox {
	t.Helper()
	cfg := config(t.TempDir(), newClock())
	o := open(t, cfg)
	for i := range 20 {
		handIn(t, o, i, put(t, o, strings.Repeat("x", 10<<10)))
	}
	s, err := o.Stats()
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxBytes = s.LiveBytes + o.Blobs().Bytes + 4<<20 + 8<<10
	o.Close()
	o = open(t, cfg)
	if err := o.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := o.Spare(); !errors.Is(err, outbox.ErrFull) {
		t.Fatal(err)
	}
	return o
}

// largest is an application of the largest size that lists attachments.
func largest(t *testing.T, refs []record.BlobRef) record.Application {
	a := application(t, time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC))
	a.Blobs = refs
	a.Answers = map[string]string{"x": strings.Repeat("x", record.MaxPlaintext-16<<10)}
	return a
}

func TestVisitFitsThatWasPromisedRoom(t *testing.T) {
	o := justReady(t)
	var refs []record.BlobRef
	for i := range 16 {
		refs = append(refs, put(t, o, strings.Repeat("x", 63<<10)+fmt.Sprint(i)))
	}
	a := largest(t, refs)
	appendOne(t, o, a)
	appendOne(t, o, rating("of the visit"))
	appendOne(t, o, record.Trace{ID: "trace", Application: a.ID, Steps: make([]record.Step, 500)})
}

// TestAttachmentTooLargeTakesNoRoomFromItsRecord: it is refused, and the application can
// be handed in without it.
func TestAttachmentTooLargeTakesNoRoomFromItsRecord(t *testing.T) {
	o := justReady(t)
	before := o.Blobs()
	for _, size := range []int{2 << 20, 3 << 20, record.MaxBlobContent} {
		if _, err := o.PutBlob(t.Context(), record.BlobDocument, "image/jpeg", make([]byte, size)); !errors.Is(err, outbox.ErrFull) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if o.Blobs() != before {
		t.Errorf("left behind %+v", o.Blobs())
	}
	appendOne(t, o, largest(t, []record.BlobRef{put(t, o, "picture")}))
}
