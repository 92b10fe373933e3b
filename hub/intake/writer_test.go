package intake

import (
	"context"
	"errors"
	"testing"

	"yeban/hub/store"
	"yeban/sync/record"
)

// choosy is a store in which what belongs to one terminal cannot be written.
type choosy struct {
	Store
	refuse string
}

var errDamagedRow = errors.New("row is damaged")

func (c *choosy) Commit(ctx context.Context, batches []store.Batch) ([]store.Outcome, error) {
	for i := range batches {
		if batches[i].Kiosk == c.refuse {
			return nil, errDamagedRow
		}
	}
	return c.Store.Commit(ctx, batches)
}

func TestOneTerminalFailsAlone(t *testing.T) {
	h := startHub(t, Config{}, func(s Store) Store { return &choosy{s, "hall-2"} })
	type answer struct {
		store.Outcome
		err error
	}
	answers := map[string]answer{}
	var group []job
	for _, kiosk := range []string{"hall-1", "hall-2", "hall-3"} {
		at, err := h.store.Attach(t.Context(), store.Claim{Kiosk: kiosk, Epoch: testEpoch, First: 1, Last: 1})
		if err != nil {
			t.Fatal(err)
		}
		e := record.Entry{Seq: 1, Kind: record.KindRating, ID: kiosk, Header: []byte("{}")}
		e.Hash = e.Sum(testEpoch)
		group = append(group, job{
			batch: store.Batch{Kiosk: kiosk, Fence: at.Fence, Epoch: testEpoch, Entries: []record.Entry{e}},
			done:  func(o store.Outcome, err error) { answers[kiosk] = answer{o, err} },
		})
	}
	h.server.writer.commit(group)
	if got := answers["hall-2"]; !errors.Is(got.err, errDamagedRow) || got.Have != 0 {
		t.Errorf("hall-2: %+v", got)
	}
	for _, kiosk := range []string{"hall-1", "hall-3"} {
		if got := answers[kiosk]; got.err != nil || got.Err != nil || got.Have != 1 {
			t.Errorf("%s: %+v", kiosk, got)
		}
	}
}
