package screen

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"yeban/catalog"
	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// tapAt taps a target through the canvas, as a finger would.
func tapAt(t *testing.T, s *Screen, w fyne.Window, id string) {
	t.Helper()
	for _, p := range touch.Targets(s.Root()) {
		if p.ID == id {
			test.TapCanvas(w.Canvas(), fyne.NewPos(p.X+p.W/2, p.Y+p.H/2))
			return
		}
	}
	t.Fatalf("no target %q among %v", id, ids(s))
}

func ids(s *Screen) string {
	var all []string
	for _, p := range touch.Targets(s.Root()) {
		all = append(all, p.ID)
	}
	return strings.Join(all, " ")
}

func formView(t *testing.T, page int) journey.View {
	t.Helper()
	c, err := catalog.Load("../../assets/catalog")
	if err != nil {
		t.Fatal(err)
	}
	item, _ := c.Item("residence-permit-endorsement")
	return journey.View{State: journey.Form, Visit: 1, Lang: "zh", Item: item, Page: &item.Form.Pages[page],
		PageIndex: page, PageCount: 3, Answers: catalog.Answers{}, Step: 3}
}

func TestTappingAFieldBringsUpItsKeys(t *testing.T) {
	s, w := newScreen(t, sizes["portrait"])
	var sent []journey.Event
	s.cfg.Send = func(e journey.Event) { sent = append(sent, e) }
	v := formView(t, 1)
	s.Draw(v)
	if !strings.Contains(ids(s), "field:date:signed_on*") {
		t.Fatalf("the first question is not active: %s", ids(s))
	}
	tapAt(t, s, w, "field:choice:state")
	if !strings.Contains(ids(s), "field:choice:state*") || !strings.Contains(ids(s), "option:state:") {
		t.Errorf("after the tap: %s", ids(s))
	}
	if len(sent) == 0 {
		t.Error("the tap does not keep the visit alive")
	}
	s.Draw(v)
	if !strings.Contains(ids(s), "field:choice:state*") {
		t.Errorf("the next draw forgot which field was tapped: %s", ids(s))
	}
}

func TestKeysTypeIntoTheActiveFieldOnly(t *testing.T) {
	s, w := newScreen(t, sizes["portrait"])
	var sent []journey.Event
	s.cfg.Send = func(e journey.Event) { sent = append(sent, e) }
	v := formView(t, 1)
	s.Draw(v)
	for _, key := range []string{"2", "0", "2", "6"} {
		tapAt(t, s, w, "key:"+key)
	}
	if last, ok := sent[len(sent)-1].(journey.Answered); !ok || last.Question != "signed_on" || last.Value != "2026" {
		t.Errorf("typed 2026, sent %v", sent[len(sent)-1])
	}
	tapAt(t, s, w, "key:back")
	if last := sent[len(sent)-1].(journey.Answered); last.Value != "202" {
		t.Errorf("after deleting: %v", last)
	}
}
