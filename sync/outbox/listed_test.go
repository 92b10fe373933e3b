package outbox

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/record"
)

// TestPruneAsksTheLogBeforeItSweeps: what is known of a record's attachments in memory may
// be older than the log.
func TestPruneAsksTheLogBeforeItSweeps(t *testing.T) {
	o, _, now := brokenOutbox(t, false)
	ref, err := o.PutBlob(t.Context(), record.BlobDocument, "text/plain", []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	number, err := record.NewReceiptNumber(*now, 7)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Append(t.Context(), record.Application{ID: ulid.Make().String(), ReceiptNumber: number, Blobs: []record.BlobRef{ref}}); err != nil {
		t.Fatal(err)
	}
	o.shelf.order, o.shelf.held[ref.Hash].listed = nil, false
	*now = now.Add(48 * time.Hour)
	if err := o.Prune(*now); err != nil {
		t.Fatal(err)
	}
	f, err := o.OpenBlob(ref.Hash)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if next, ok := o.NextBlob(func(record.Hash) bool { return false }); !ok || next != ref {
		t.Errorf("next is %v, %v", next, ok)
	}
}
