package printer

import (
	"testing"

	"pgregory.net/rapid"
)

// TestNamelessAnswersProveOnlyWhatWasReached plays any run of jobs against a printer whose
// answers come in order, any of them late, and which stops anywhere: whatever is taken for
// proof, the printer had reached that piece's own first marker.
func TestNamelessAnswersProveOnlyWhatWasReached(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &Printer{debt: 1}
		p.talk.doubles = rapid.Bool().Draw(t, "doubles")
		copies := 1
		if p.talk.doubles { // whether it does so always, or is only thought to
			copies = rapid.IntRange(1, 2).Draw(t, "copies")
		}
		late := rapid.IntRange(0, 1).Draw(t, "late before us") * copies
		for range rapid.IntRange(1, 6).Draw(t, "pieces") {
			s := p.stake(rapid.Bool().Draw(t, "last"))
			reached := rapid.IntRange(0, s.inside+s.outside).Draw(t, "markers reached")
			// All late answers come now, in front of those of this piece.
			answers := late + copies*reached
			held := rapid.IntRange(0, answers).Draw(t, "held back")
			proven := false
			for range answers - held {
				proven = s.hears(event{kind: eventSensor, b: 0}, p.debt, p.copies())
				if proven {
					break
				}
			}
			if s.whole && reached == 0 {
				t.Fatalf("whole without a marker reached: %+v", s)
			}
			if proven && reached <= s.inside {
				t.Fatalf("proven with %d of %d+%d markers reached", reached, s.inside, s.outside)
			}
			if reached == s.inside+s.outside && held == 0 && !proven {
				t.Fatalf("all answers came, not proven: %+v", s)
			}
			if !proven {
				p.lose(s)
			}
			if p.talk.doubles { // what is left is drained
				late = 0
			} else {
				late += reached - s.got
			}
			if p.debt == maxDebt || late > p.debt {
				return // then the printer is listened to until it is silent
			}
		}
	})
}
