package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yeban/build/stage"
	"yeban/devices/simulator"
)

// TestOneCitizenOneItem is the whole of Yeban once, in both orientations and for the
// three items that must work: from the first tap to the province's database.
func TestOneCitizenOneItem(t *testing.T) {
	for name, tc := range map[string]struct {
		item      string
		landscape bool
		key       int // on the evaluator
	}{
		"social card, portrait":         {"social-card-reissue", false, 0},
		"residence permit, landscape":   {"residence-permit-endorsement", true, 0},
		"no criminal record, landscape": {"no-criminal-record", true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, func(c *stage.Config) {
				if tc.landscape {
					c.Width, c.Height = 1920, 1080
				}
			})
			h.start(h.StartHub, h.StartBench, h.StartKiosk)
			v := visit
			v.Item, v.Key = tc.item, tc.key
			h.must(h.citizen.Submit(h.ctx, h.Control, v))
			h.must(h.Printed(h.ctx, 1))
			h.must(h.citizen.Finish(h.ctx, h.Control, v))
			got := h.arrive(1)
			if len(got) != 1 || got[0].item != tc.item {
				t.Fatalf("the province has %v", got)
			}
			paper := h.receipts()
			if len(paper) != 1 || !strings.Contains(paper[0].Text(), got[0].number) {
				t.Errorf("number %s is not on the paper: %v", got[0].number, paper)
			}
			want := v.Rating
			if tc.key > 0 {
				want = tc.key
			}
			if level := h.rating(got[0].id); level != want {
				t.Errorf("the province has rating %d, the citizen gave %d", level, want)
			}
			if err := h.Stage.Close(); err != nil {
				t.Error(err)
			}
			nothingPersonal(t, h, v.Card)
		})
	}
}

// nothingPersonal searches everything that a run left on disk for the citizen: logs,
// settings, targets, outbox and the hub's database.
func nothingPersonal(t *testing.T, h *hall, card string) {
	t.Helper()
	c, err := simulator.CardByKey(card)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{c.Name, c.IDNumber, c.Address, stage.Phone}
	searched := 0
	err = filepath.WalkDir(h.Dir(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Type()&os.ModeType != 0 {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		searched++
		for _, secret := range secrets {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%s holds %q of the citizen", filepath.Base(path), secret[:3])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if searched < 8 {
		t.Errorf("only %d files searched", searched)
	}
	// The control: the search finds what is there.
	if raw, err := os.ReadFile(filepath.Join(h.Dir(), "kiosk.log")); err != nil || !strings.Contains(string(raw), "receipt") && !strings.Contains(string(raw), "submitting") {
		t.Errorf("the kiosk's log does not tell of the visit: %v", err)
	}
}
