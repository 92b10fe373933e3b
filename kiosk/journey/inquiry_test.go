package journey

import (
	"fmt"
	"testing"
	"time"

	"yeban/catalog"
	"yeban/sync/record"
)

func TestInquiryNeedsReaderAndNetwork(t *testing.T) {
	for need, cause := range map[catalog.Capability]Cause{catalog.NeedsReader: CauseReader, catalog.NeedsNetwork: CauseNetwork} {
		r := newRig(t, sample(t))
		r.do(Conditions{Missing: map[catalog.Capability]Cause{need: cause}}, InquiryTapped{})
		r.want(Home)
		if got := r.m.View().InquiryCause; got != cause {
			t.Errorf("cause %q, want %q", got, cause)
		}
	}
	// A full disk takes nothing in, and can still tell.
	r := newRig(t, sample(t))
	r.do(Conditions{NoRoom: true}, InquiryTapped{})
	r.want(Card)
}

func TestInquiryTakesTheNumberAndNoMore(t *testing.T) {
	r := newRig(t, sample(t))
	r.do(InquiryTapped{})
	if v := r.m.View(); !v.Inquiry || v.Step != 0 || v.Item != nil {
		t.Errorf("card page of an inquiry: %+v", v)
	}
	old := citizen
	old.ValidTo = "20200101" // an expired card still says whose it is
	r.do(CardRead{r.m.visit, Reading{Person: old, Photo: []byte("WL")}})
	r.want(Asking)
	asked := find[AskProgress](r.effects)
	if len(asked) != 1 || asked[0].Number != citizen.IDNumber {
		t.Fatalf("effects %d", len(asked))
	}
	if want := (record.Person{IDNumber: citizen.IDNumber}); r.m.person != want || r.m.photo != nil {
		t.Error("more than the number was kept")
	}
	r.do(Told{r.m.visit, nil})
	if r.m.person != (record.Person{}) {
		t.Error("the number was kept after the answer")
	}
}

func TestLateAnswerIsNobodyElses(t *testing.T) {
	r := newRig(t, sample(t)).to(Asking)
	earlier := r.m.visit
	r.do(QuitTapped{}, InquiryTapped{})
	r.do(CardRead{r.m.visit, Reading{Person: citizen}})
	r.want(Asking)
	r.do(Told{earlier, []Standing{{Number: "x"}}}, NotTold{earlier})
	r.want(Asking)
	if len(r.m.standings) != 0 {
		t.Error("the list of the citizen before is here")
	}
}

func TestListTurnsItsPages(t *testing.T) {
	r := newRig(t, sample(t)).to(Asking)
	var all []Standing
	for i := range 2*StandingsAPage + 1 {
		all = append(all, Standing{Number: fmt.Sprint(i), Item: firstItem, ItemName: "old name"})
	}
	r.do(Told{r.m.visit, all})
	seen := map[string]bool{}
	for page := range 3 {
		r.do(ListPageTapped{page}, ListPageTapped{3}, ListPageTapped{-1})
		v := r.m.View()
		if v.ListPage != page || v.ListPages != 3 {
			t.Fatalf("page %d of %d", v.ListPage, v.ListPages)
		}
		for _, s := range v.Standings {
			seen[s.Number] = true
			if s.ItemName == "old name" {
				t.Error("an item of the catalogue is not named by it")
			}
		}
	}
	if len(seen) != len(all) {
		t.Errorf("%d of %d are shown", len(seen), len(all))
	}
	r.pass(119 * time.Second)
	r.want(Progress)
	r.pass(25 * time.Second)
	r.want(Home)
}
