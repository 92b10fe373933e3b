package journey

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"yeban/catalog"
	"yeban/sync/record"
)

func TestWholeVisit(t *testing.T) {
	r := newRig(t, sample(t))
	r.to(Submitting)
	if v := r.m.View(); v.Number != "" {
		t.Fatalf("number %q is shown before the record is durable", v.Number)
	}
	appends := find[Append](r.effects)
	if len(appends) != 1 {
		t.Fatalf("submitting asked for %d appends", len(appends))
	}
	app := appends[0].Record.(record.Application)
	if app.Applicant != citizen || app.Item != firstItem || len(app.Answers) == 0 {
		t.Error("the application lacks what the citizen said")
	}
	var names []string
	for _, s := range app.Trace {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); !strings.HasPrefix(got, "item.chosen consent.given card.read") || !strings.HasSuffix(got, "submitted") {
		t.Errorf("trace %q does not run from the first tap to the submission", got)
	}
	r.do(Appended{r.m.visit, app.ID})
	r.want(Receipt)
	v := r.m.View()
	if err := record.CheckReceiptNumber(v.Number); err != nil || v.Number != app.ReceiptNumber {
		t.Errorf("number %q: %v; the record says %q", v.Number, err, app.ReceiptNumber)
	}
	prints := find[Print](r.effects)
	if len(prints) != 1 || prints[0].Receipt.Fields["receipt"] != v.Number {
		t.Fatalf("print effects %v", prints)
	}
	r.do(PrintEnded{r.m.visit, Printed}, NextTapped{})
	r.want(Rating)
	if len(find[AskRating](r.effects)) != 1 {
		t.Error("the evaluator was not asked")
	}
	r.do(EvaluatorRated{r.m.visit, record.Satisfied})
	r.want(Farewell)
	rating := find[Append](r.effects)[0].Record.(record.Rating)
	if rating.Application != app.ID || rating.Level != record.Satisfied || rating.Source != record.RatingOnEvaluator {
		t.Errorf("rating %+v", rating)
	}
	r.do(NextTapped{})
	r.want(Home)
	trace := find[Append](r.effects)[0].Record.(record.Trace)
	if trace.Application != app.ID || len(trace.Steps) < 3 {
		t.Errorf("closing trace %+v", trace)
	}
	if len(find[Forget](r.effects)) != 1 {
		t.Error("nothing was asked to forget the visit")
	}
}

// TestEveryTransition walks each tap in each state; what is not listed must change
// nothing.
func TestEveryTransition(t *testing.T) {
	c := sample(t)
	taps := map[string]func(*rig) Event{
		"item":       func(*rig) Event { return ItemTapped{"residence-permit-endorsement"} },
		"none":       func(*rig) Event { return ItemTapped{"no-such-item"} },
		"agree":      func(*rig) Event { return AgreeTapped{} },
		"retry":      func(*rig) Event { return RetryTapped{} },
		"next":       func(*rig) Event { return NextTapped{} },
		"back":       func(*rig) Event { return BackTapped{} },
		"quit":       func(*rig) Event { return QuitTapped{} },
		"submit":     func(*rig) Event { return SubmitTapped{} },
		"rate":       func(*rig) Event { return RateTapped{record.Fair} },
		"badrate":    func(*rig) Event { return RateTapped{9} },
		"skip":       func(*rig) Event { return SkipTapped{} },
		"edit":       func(r *rig) Event { return EditTapped{r.m.pages()[0].ID} },
		"stay":       func(*rig) Event { return StayTapped{} },
		"touch":      func(*rig) Event { return Touched{} },
		"found":      func(r *rig) Event { return CardFound{r.m.visit} },
		"card":       func(r *rig) Event { return CardRead{r.m.visit, Reading{Person: citizen}} },
		"unread":     func(r *rig) Event { return CardUnread{r.m.visit, CardMoved} },
		"saved":      func(r *rig) Event { return Appended{r.m.visit, r.m.application.ID} },
		"unsaved":    func(r *rig) Event { return NotAppended{r.m.visit, r.m.application.ID, TroubleFull} },
		"othersaved": func(r *rig) Event { return Appended{r.m.visit, "another"} },
		"printed":    func(r *rig) Event { return PrintEnded{r.m.visit, Printed} },
		"rated":      func(r *rig) Event { return EvaluatorRated{r.m.visit, record.Fair} },
		"inquiry":    func(*rig) Event { return InquiryTapped{} },
		"turn":       func(*rig) Event { return ListPageTapped{1} },
		"told":       func(r *rig) Event { return Told{r.m.visit, nil} },
		"nottold":    func(r *rig) Event { return NotTold{r.m.visit} },
		"latetold":   func(r *rig) Event { return Told{r.m.visit - 1, nil} },
	}
	moves := map[State]map[string]State{
		Home:       {"item": Consent, "inquiry": Card},
		Consent:    {"agree": Card, "back": Home, "quit": Home},
		Card:       {"card": Form, "back": Consent, "quit": Home},
		Form:       {"back": Consent, "quit": Home},
		Review:     {"submit": Submitting, "retry": Submitting, "back": Form, "edit": Form, "quit": Home},
		Submitting: {"saved": Receipt, "unsaved": Review},
		Receipt:    {"next": Rating, "quit": Home},
		Rating:     {"rate": Farewell, "rated": Farewell, "skip": Farewell, "next": Farewell, "quit": Home},
		Farewell:   {"next": Home, "quit": Home},
		Asking:     {"told": Progress, "nottold": Progress, "quit": Home},
		Progress:   {"next": Home, "back": Home, "quit": Home},
	}
	for from := Home; from <= Progress; from++ {
		for name, event := range taps {
			r := newRig(t, c).to(from)
			if r.m.item == nil && name == "edit" {
				continue // there is no item whose page could be named
			}
			r.do(event(r))
			want, listed := moves[from][name]
			if !listed {
				want = from
			}
			if r.m.state != want {
				t.Errorf("%v on %s: now %v, want %v", from, name, r.m.state, want)
			}
		}
	}
}

func TestOutcomesOfAnEarlierVisitAreDropped(t *testing.T) {
	r := newRig(t, sample(t)).to(Card)
	earlier := r.m.visit
	r.do(QuitTapped{}, ItemTapped{firstItem}, AgreeTapped{})
	r.want(Card)
	other := citizen
	other.Name = "别的人"
	r.do(CardFound{earlier}, CardRead{earlier, Reading{Person: other}}, CardUnread{earlier, ReaderFailed})
	r.want(Card)
	if r.m.cardPhase != CardWaiting || r.m.person.Name != "" {
		t.Fatal("a late card reached the next visit")
	}
	r.to2(Rating)
	r.do(EvaluatorRated{earlier, record.VeryUnsatisfied})
	r.want(Rating)
	if r.m.rated != 0 {
		t.Error("a late key rated the next citizen's visit")
	}
}

// to2 goes on from Card.
func (r *rig) to2(s State) {
	r.do(CardRead{r.m.visit, Reading{Person: citizen}})
	for range 8 {
		if r.m.state != Form {
			break
		}
		r.answer()
		r.do(NextTapped{})
	}
	r.do(SubmitTapped{})
	r.do(Appended{r.m.visit, r.m.application.ID}, PrintEnded{r.m.visit, Printed}, NextTapped{})
	r.want(s)
}

func TestSecondTapOnSubmitIsNoSecondRecord(t *testing.T) {
	r := newRig(t, sample(t)).to(Submitting)
	r.do(SubmitTapped{})
	if n := len(find[Append](r.effects)); n != 0 {
		t.Errorf("a second tap appended %d records", n)
	}
	id, number := r.m.application.ID, r.m.number
	r.do(NotAppended{r.m.visit, id, TroubleFailed})
	r.want(Review)
	if r.m.View().Trouble != TroubleFailed || r.m.View().Number != "" {
		t.Error("the citizen is not told that nothing was handed in")
	}
	r.do(SubmitTapped{})
	again := find[Append](r.effects)
	if len(again) != 1 || again[0].Record.Key() != id || r.m.number != number {
		t.Error("trying again made another record")
	}
}

func TestAnswersAreFixedWhileTheDiskMayHaveThem(t *testing.T) {
	r := newRig(t, sample(t)).to(Submitting)
	first := r.m.application
	page := r.m.pages()[0].ID
	r.do(NotAppended{r.m.visit, first.ID, TroubleUnsure})
	for _, e := range []Event{EditTapped{page}, BackTapped{}} {
		r.do(e)
		r.want(Review)
	}
	r.do(SubmitTapped{})
	again := find[Append](r.effects)
	if len(again) != 1 || again[0].Record.Key() != first.ID || r.m.number != first.ReceiptNumber {
		t.Fatal("trying again made another record")
	}
	if got := again[0].Record.(record.Application); !maps.Equal(got.Answers, first.Answers) || got.Applicant != first.Applicant {
		t.Error("trying again handed in something else")
	}
	r.do(NotAppended{r.m.visit, first.ID, TroubleFailed}) // now it is known: nothing was kept
	r.do(EditTapped{page})
	r.want(Form)
}

func TestReceiptNumbersNeverRepeat(t *testing.T) {
	r := newRig(t, sample(t)).to(Submitting)
	first := r.m.number
	r.m.reset()
	r.now = night // the clock went back
	r.to(Submitting)
	if r.m.number == first {
		t.Errorf("number %s was given twice", first)
	}
	if r.m.number < first {
		t.Errorf("number %s is older than %s", r.m.number, first)
	}
}

func TestTakenNumberIsSteppedOver(t *testing.T) {
	r := newRig(t, sample(t)).to(Submitting)
	id, taken := r.m.application.ID, r.m.number
	r.do(NotAppended{r.m.visit, id, TroubleNumber})
	again := find[Append](r.effects)
	if len(again) != 1 || again[0].Record.Key() != id {
		t.Fatalf("after a taken number: %v", r.effects)
	}
	if got := again[0].Record.(record.Application).ReceiptNumber; got <= taken || record.CheckReceiptNumber(got) != nil {
		t.Errorf("number %s after %s", got, taken)
	}
	for range maxRenumbered {
		r.do(NotAppended{r.m.visit, id, TroubleNumber})
	}
	r.want(Review)
	if r.m.View().Trouble != TroubleFailed {
		t.Errorf("a log that takes no number at all: trouble %q", r.m.View().Trouble)
	}
}

func TestNothingOfTheCitizenStays(t *testing.T) {
	for from := Consent; from <= Progress; from++ {
		r := newRig(t, sample(t)).to(from)
		r.m.elder, r.m.lang = true, "en"
		if from == Submitting {
			r.do(Appended{r.m.visit, r.m.application.ID})
		}
		r.do(QuitTapped{})
		r.want(Home)
		if !reflect.DeepEqual(r.m.visitData, visitData{}) {
			t.Errorf("after %v something is left: %+v", from, r.m.visitData)
		}
		raw, err := json.Marshal(r.m.View())
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{citizen.Name, citizen.IDNumber, citizen.Address, "13800000000"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("after %v the view holds %q", from, secret)
			}
		}
		if v := r.m.View(); v.Lang != "zh" || v.Elder {
			t.Errorf("after %v the next citizen meets language %s, elder %v", from, v.Lang, v.Elder)
		}
	}
}

func TestIDNumberIsMaskedOnScreenAndPaper(t *testing.T) {
	r := newRig(t, sample(t)).to(Receipt)
	if got := r.m.View().Person.IDNumber; got != "3401************20" {
		t.Errorf("screen shows %q", got)
	}
	for name, value := range find[Print](r.effects)[0].Receipt.Fields {
		if strings.Contains(value, citizen.IDNumber) || strings.Contains(value, citizen.Name) {
			t.Errorf("the receipt's %s names the citizen: %q", name, value)
		}
	}
}

func TestCardIsJudged(t *testing.T) {
	r := newRig(t, sample(t)).to(Card)
	old := citizen
	old.ValidTo = "20261121"
	r.do(CardRead{r.m.visit, Reading{Person: old}})
	if v := r.m.View(); v.State != Card || v.CardTrouble != CardExpired {
		t.Errorf("a card that expired yesterday: %v %v", v.State, v.CardTrouble)
	}
	r.do(RetryTapped{})
	long := citizen
	long.ValidTo = "长期"
	r.do(CardRead{r.m.visit, Reading{Person: long}})
	r.want(Form)
}

func TestMissingCapabilityClosesItemsAndOpensThemAgain(t *testing.T) {
	r := newRig(t, sample(t))
	r.do(Conditions{Missing: map[catalog.Capability]Cause{catalog.NeedsReader: CauseReader}})
	if tile := r.m.View().Tiles[0]; tile.Cause != CauseReader {
		t.Fatalf("tile %q has cause %q", tile.Item.ID, tile.Cause)
	}
	r.do(ItemTapped{firstItem})
	r.want(Home)
	r.do(Conditions{})
	r.do(ItemTapped{firstItem})
	r.want(Consent)
}

func TestNoRoomRefusesBeforeACitizenBegins(t *testing.T) {
	r := newRig(t, sample(t))
	r.do(Conditions{NoRoom: true}, ItemTapped{firstItem})
	r.want(Home)
	if v := r.m.View(); !v.NoRoom || v.Tiles[0].Cause != CauseNoRoom {
		t.Error("the home screen does not say so")
	}
}

func TestDeadPrinterStillGivesANumber(t *testing.T) {
	r := newRig(t, sample(t)).to(Submitting)
	r.do(Conditions{Missing: map[catalog.Capability]Cause{catalog.NeedsPrinter: CausePaper}})
	r.do(Appended{r.m.visit, r.m.application.ID})
	if v := r.m.View(); v.State != Receipt || v.Number == "" || v.PrintPhase != PrintFailed {
		t.Errorf("view %v %q %v", v.State, v.Number, v.PrintPhase)
	}
	r.do(RetryTapped{})
	if len(find[Print](r.effects)) != 1 {
		t.Error("the citizen cannot ask for the paper again")
	}
}

func TestUnprovenReceiptIsNotPrintedAgain(t *testing.T) {
	r := newRig(t, sample(t)).to(Receipt)
	r.do(PrintEnded{r.m.visit, PrintUnproven}, RetryTapped{})
	if len(find[Print](r.effects)) != 0 {
		t.Error("a receipt that may be out was printed again")
	}
}

func TestOfflineReceiptSaysQueued(t *testing.T) {
	r := newRig(t, sample(t)).to(Submitting)
	r.do(Conditions{Missing: map[catalog.Capability]Cause{catalog.NeedsNetwork: CauseNetwork}})
	r.do(Appended{r.m.visit, r.m.application.ID})
	if !r.m.View().Queued || find[Print](r.effects)[0].Receipt.Fields["queued"] == "" {
		t.Error("neither screen nor paper says that the record is queued")
	}
}

func TestNewCatalogueWaitsForTheEndOfTheVisit(t *testing.T) {
	r := newRig(t, sample(t)).to(Form)
	other := *r.m.catalog
	other.Version = "2099.1.1"
	r.do(NewCatalog{&other})
	if r.m.catalog.Version == other.Version {
		t.Fatal("the catalogue changed under the citizen's hands")
	}
	r.do(QuitTapped{})
	if r.m.catalog.Version != other.Version {
		t.Error("the new catalogue was not adopted at home")
	}
}

func TestProblemsHoldThePage(t *testing.T) {
	r := newRig(t, sample(t)).to(Form)
	page := r.m.pageID
	for _, q := range r.m.View().Page.Questions {
		r.do(Answered{q.ID, ""})
	}
	r.do(NextTapped{})
	if v := r.m.View(); v.State != Form || v.Page.ID != page || len(v.Problems) == 0 {
		t.Errorf("an empty page went on: %v, %d problems", v.State, len(v.Problems))
	}
	r.do(Answered{"no.such.question", "x"}, Answered{r.m.View().Page.Questions[0].ID, strings.Repeat("长", 500)})
	if _, ok := r.m.answers["no.such.question"]; ok {
		t.Error("an answer to no question was kept")
	}
	if r.m.answers[r.m.View().Page.Questions[0].ID] != "" {
		t.Error("an answer without measure was kept")
	}
}

func TestTimeOuts(t *testing.T) {
	for _, tc := range []struct {
		state State
		warn  time.Duration
	}{{Consent, 60 * time.Second}, {Form, 120 * time.Second}, {Review, 120 * time.Second}, {Rating, 30 * time.Second}} {
		r := newRig(t, sample(t)).to(tc.state)
		r.pass(tc.warn - time.Second)
		if r.m.View().SecondsLeft != 0 {
			t.Errorf("%v warns too early", tc.state)
		}
		r.pass(time.Second)
		if got := r.m.View().SecondsLeft; got != 20 {
			t.Errorf("%v: %d seconds left as the warning comes up", tc.state, got)
		}
		r.pass(15 * time.Second)
		if got := r.m.View().SecondsLeft; got != 5 {
			t.Errorf("%v: %d seconds left after 15", tc.state, got)
		}
		r.do(StayTapped{})
		if r.m.state != tc.state || r.m.View().SecondsLeft != 0 {
			t.Errorf("%v: one tap did not keep the visit", tc.state)
		}
		r.pass(tc.warn + 20*time.Second)
		r.want(Home)
	}
}

func TestElderModeWaitsLonger(t *testing.T) {
	r := newRig(t, sample(t)).to(Consent)
	r.do(ElderTapped{true})
	r.pass(119 * time.Second)
	if r.m.View().SecondsLeft != 0 {
		t.Error("elder mode warned before its time")
	}
	r.pass(time.Second)
	if r.m.View().SecondsLeft == 0 {
		t.Error("elder mode never warns")
	}
}

func TestClockStopsWhileADeviceWorks(t *testing.T) {
	r := newRig(t, sample(t)).to(Receipt)
	if !r.m.Deadline().IsZero() {
		t.Error("a clock runs while the receipt is printing")
	}
	r.do(PrintEnded{r.m.visit, Printed})
	r.pass(30 * time.Second)
	r.want(Rating)
}

func TestCardPageOffersAWayOnWhenNothingComes(t *testing.T) {
	r := newRig(t, sample(t)).to(Card)
	r.pass(45 * time.Second)
	if v := r.m.View(); v.CardPhase != CardFailed || v.CardTrouble != CardTooSlow {
		t.Fatalf("after 45 s: %v %v", v.CardPhase, v.CardTrouble)
	}
	if len(find[StopReading](r.effects)) != 1 {
		t.Error("the reader was not given back")
	}
	r.do(CardRead{r.m.visit, Reading{Person: citizen}})
	r.want(Card)
	r.do(RetryTapped{})
	if len(find[ReadCard](r.effects)) != 1 {
		t.Error("trying again does not read")
	}
}
