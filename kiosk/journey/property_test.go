package journey

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yeban/catalog"
	"yeban/sync/record"
)

// TestNoNumberWithoutADurableRecord plays random fingers, devices and disks, and holds
// the promise against every moment: a number is shown only for the application that the
// log has confirmed, with the answers that the log has; no visit hands in two
// applications, and Home knows nobody.
func TestNoNumberWithoutADurableRecord(t *testing.T) {
	c := sample(t)
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, c)
		if rapid.Bool().Draw(rt, "begin at the review") {
			r.to(Review)
		}
		kept := disk{}
		handedIn := map[uint64]string{} // visit → application
		var waiting []Append
		for range rapid.IntRange(1, 120).Draw(rt, "events") {
			e := event(rt, r, &waiting, kept)
			r.now = r.now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "ms")) * time.Millisecond)
			for _, f := range find[Append](r.m.Handle(r.now, e)) {
				waiting = append(waiting, f)
				if a, ok := f.Record.(record.Application); ok {
					if other := handedIn[f.Visit]; other != "" && other != a.ID {
						rt.Fatalf("visit %d hands in %s and %s", f.Visit, other, a.ID)
					}
					handedIn[f.Visit] = a.ID
				}
			}
			v := r.m.View()
			if v.Number != "" {
				a, durable := kept[v.Number]
				if !durable {
					rt.Fatalf("%v shows %s, which is not durable", v.State, v.Number)
				}
				if !maps.Equal(a.Answers, r.m.application.Answers) || a.Applicant != r.m.application.Applicant {
					rt.Fatalf("%v shows %s, and other answers are kept under it", v.State, v.Number)
				}
			}
			if v.State == Home && (v.Person != record.Person{} || len(v.Answers) > 0 || v.Number != "") {
				rt.Fatal("home knows somebody")
			}
			if d := r.m.Deadline(); !d.IsZero() && d.Before(r.now.Add(-4*time.Second)) {
				r.m.Handle(r.now, Tick{})
			}
		}
	})
}

// disk is what is on stable storage, by receipt number.
type disk map[string]record.Application

// write answers an Append as the log does. A disk that refuses for certain has not been
// written to by an attempt before.
func (d disk) write(rt *rapid.T, f Append) Event {
	id := f.Record.Key()
	a, ok := f.Record.(record.Application)
	_, there := d[a.ReceiptNumber]
	switch rapid.IntRange(0, 4).Draw(rt, "disk") {
	case 0:
		return NotAppended{f.Visit, id, TroubleUnsure}
	case 1:
		if ok && !there {
			d[a.ReceiptNumber] = a
		}
		return NotAppended{f.Visit, id, TroubleUnsure}
	case 2:
		if !there {
			return NotAppended{f.Visit, id, TroubleFailed}
		}
	}
	if ok && !there {
		d[a.ReceiptNumber] = a
	}
	return Appended{f.Visit, id}
}

func event(rt *rapid.T, r *rig, waiting *[]Append, kept disk) Event {
	visit := r.m.visit - uint64(rapid.IntRange(0, 1).Draw(rt, "late"))
	v := r.m.View()
	switch rapid.IntRange(0, 21).Draw(rt, "event") {
	case 0, 1:
		return ItemTapped{firstItem}
	case 2, 3:
		return AgreeTapped{}
	case 4, 5:
		return CardRead{visit, Reading{Person: citizen}}
	case 6, 7, 8:
		if v.Page != nil {
			q := rapid.SampledFrom(v.Page.Questions).Draw(rt, "question")
			answer := goodAnswer(q)
			if q.Kind == catalog.Choice {
				answer = rapid.SampledFrom(q.Options).Draw(rt, "option").Value
			}
			return Answered{q.ID, answer}
		}
		if v.State == Review {
			return EditTapped{rapid.SampledFrom(v.Review).Draw(rt, "page").Page}
		}
		return NextTapped{}
	case 9, 10:
		return NextTapped{}
	case 11, 12:
		return SubmitTapped{}
	case 13, 14, 15:
		if len(*waiting) == 0 {
			return Tick{}
		}
		f := (*waiting)[0]
		*waiting = (*waiting)[1:]
		return kept.write(rt, f)
	case 16:
		return BackTapped{}
	case 17:
		return PrintEnded{visit, rapid.SampledFrom([]PrintPhase{Printed, PrintFailed, PrintUnproven}).Draw(rt, "paper")}
	case 18:
		return rapid.SampledFrom([]Event{EvaluatorRated{visit, record.Fair}, RateTapped{record.Satisfied}, SkipTapped{}}).Draw(rt, "rating")
	case 19:
		return rapid.SampledFrom([]Event{QuitTapped{}, RetryTapped{}, StayTapped{}, ElderTapped{true}, LanguageTapped{"en"}}).Draw(rt, "nav")
	case 20:
		return CardUnread{visit, CardMoved}
	default:
		return Conditions{NoRoom: rapid.Bool().Draw(rt, "full"), Missing: map[catalog.Capability]Cause{}}
	}
}
