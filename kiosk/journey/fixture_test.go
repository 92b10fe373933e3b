package journey

import (
	"fmt"
	"testing"
	"time"

	"yeban/catalog"
	"yeban/sync/record"
)

var zone = time.FixedZone("CST", 8*3600)

// night is when visits in these tests begin.
var night = time.Date(2026, 11, 22, 3, 12, 4, 0, zone)

// citizen is invented, like every person here.
var citizen = record.Person{
	CardType: "resident", Name: "徽小安", Sex: "2", Ethnic: "01", Birth: "19000101",
	Address: "安徽省合肥市庐阳区虚构路1号", IDNumber: "340103190001010020", Issuer: "合肥市公安局庐阳分局",
	ValidFrom: "20200101", ValidTo: "20400101",
}

const firstItem = "social-card-reissue"

func sample(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load("../../assets/catalog")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rig is a machine with a clock of its own.
type rig struct {
	t       testing.TB
	m       *Machine
	now     time.Time
	effects []Effect // of the last event
	ids     int
}

func newRig(t testing.TB, c *catalog.Catalog) *rig {
	r := &rig{t: t, now: night}
	r.m = NewMachine(Config{
		Kiosk: "340103-0017", Number: 17, Hall: "测试大厅", Hotline: "12345", Queued: "已保存，联网后自动提交", Catalog: c,
		Timing: DefaultTiming(), Location: zone,
		NewID: func() string { r.ids++; return fmt.Sprintf("01TEST%020d", r.ids) },
		Clock: func() record.Clock { return record.Clock{Wall: r.now, MonoMs: 1, BootID: "boot"} },
	}, r.now)
	return r
}

// do handles events one second apart.
func (r *rig) do(events ...Event) {
	r.t.Helper()
	for _, e := range events {
		r.now = r.now.Add(time.Second)
		r.effects = r.m.Handle(r.now, e)
	}
}

// pass lets time go by in the steps that the machine asks for.
func (r *rig) pass(d time.Duration) {
	end := r.now.Add(d)
	for {
		next := r.m.Deadline()
		if next.IsZero() || next.After(end) {
			r.now = end
			return
		}
		r.now = next
		r.effects = append(r.effects, r.m.Handle(r.now, Tick{})...)
	}
}

func (r *rig) want(s State) {
	r.t.Helper()
	if r.m.state != s {
		r.t.Fatalf("state %v, want %v; problems %v", r.m.state, s, r.m.problems)
	}
}

// answer fills the present page with answers that hold.
func (r *rig) answer() {
	v := r.m.View()
	for _, q := range v.Page.Questions {
		r.do(Answered{q.ID, goodAnswer(q)})
	}
}

// goodAnswer is one that the sample catalogue's rules take.
func goodAnswer(q catalog.Question) string {
	switch q.Kind {
	case catalog.Choice:
		return q.Options[0].Value
	case catalog.Date:
		return "20261101"
	}
	if q.Keyboard == catalog.KeysLetters {
		return "AH20260001"
	}
	return "13800000000"
}

// to brings a fresh machine to a state by the shortest way.
func (r *rig) to(s State) *rig {
	r.t.Helper()
	if s >= Asking {
		r.do(InquiryTapped{})
		r.do(CardRead{r.m.visit, Reading{Person: citizen}})
		if s == Progress {
			r.do(Told{r.m.visit, []Standing{{Number: "261122-031204-000178", Stage: StageDone}}})
		}
		r.want(s)
		return r
	}
	if s >= Consent {
		r.do(ItemTapped{firstItem})
	}
	if s >= Card {
		r.do(AgreeTapped{})
	}
	if s >= Form {
		r.do(CardFound{r.m.visit}, CardRead{r.m.visit, Reading{Person: citizen}})
	}
	if s >= Review {
		for range 10 {
			if r.m.state != Form {
				break
			}
			r.answer()
			r.do(NextTapped{})
		}
	}
	if s >= Submitting {
		r.do(SubmitTapped{})
	}
	if s >= Receipt {
		r.do(Appended{r.m.visit, r.m.application.ID})
	}
	if s >= Rating {
		r.do(PrintEnded{r.m.visit, Printed}, NextTapped{})
	}
	if s >= Farewell {
		r.do(RateTapped{record.VerySatisfied})
	}
	r.want(s)
	return r
}

func find[E Effect](effects []Effect) (found []E) {
	for _, e := range effects {
		if f, ok := e.(E); ok {
			found = append(found, f)
		}
	}
	return found
}
