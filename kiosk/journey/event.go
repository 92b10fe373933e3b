package journey

import (
	"yeban/catalog"
	"yeban/sync/record"
)

// Event is something that happened: a tap, the outcome of an effect, or time passing.
type Event interface{ event() }

// Taps. Those that do not fit the present state are ignored: a shaking finger taps twice.
type (
	ItemTapped     struct{ ID string }
	HomePageTapped struct{ Page int }
	InquiryTapped  struct{} // how do my applications stand?
	ListPageTapped struct{ Page int }
	AgreeTapped    struct{}
	RetryTapped    struct{} // read the card again, print again where nothing came out, hand in again
	Answered       struct{ Question, Value string }
	NextTapped     struct{}
	EditTapped     struct{ Page string } // from Review, back to one page
	BackTapped     struct{}
	QuitTapped     struct{} // 退出 and 首页: wipe and go home
	SubmitTapped   struct{}
	RateTapped     struct{ Level record.Level }
	SkipTapped     struct{}
	StayTapped     struct{} // answers the warning before a time-out
	LanguageTapped struct{ Lang string }
	ElderTapped    struct{ On bool }
	Touched        struct{} // any touch: the citizen is there
)

// Outcomes of effects. Visit says whose.
type (
	CardFound struct{ Visit uint64 } // a card lies there and is being read
	CardRead  struct {
		Visit uint64
		Reading
	}
	CardUnread struct {
		Visit   uint64
		Trouble CardTrouble
	}
	Appended struct {
		Visit uint64
		ID    string // of the record
	}
	NotAppended struct {
		Visit   uint64
		ID      string
		Trouble Trouble
	}
	PrintEnded struct {
		Visit uint64
		Phase PrintPhase // Printed, PrintFailed or PrintUnproven
	}
	EvaluatorRated struct {
		Visit uint64
		Level record.Level
	}
	Told struct {
		Visit     uint64
		Standings []Standing
	}
	NotTold struct{ Visit uint64 }
)

// Tick says that time has passed; see Machine.Deadline.
type Tick struct{}

// Conditions says what the terminal can do at the moment. A missing capability is one
// that is not there; Cause names why, for the message catalogue under "cause.<value>".
type Conditions struct {
	Missing map[catalog.Capability]Cause
	NoRoom  bool // the log cannot promise a durable write: nothing may begin
}

// NewCatalog brings another catalogue; it takes effect between visits.
type NewCatalog struct{ Catalog *catalog.Catalog }

// Cause is why something is not available.
type Cause string

const (
	CauseChecking Cause = "checking" // nobody knows yet
	CauseReader   Cause = "reader"
	CausePrinter  Cause = "printer"
	CausePaper    Cause = "paper"
	CauseNetwork  Cause = "network"
	CauseNoRoom   Cause = "noroom"
)

func (ItemTapped) event()     {}
func (HomePageTapped) event() {}
func (InquiryTapped) event()  {}
func (ListPageTapped) event() {}
func (AgreeTapped) event()    {}
func (RetryTapped) event()    {}
func (Answered) event()       {}
func (NextTapped) event()     {}
func (EditTapped) event()     {}
func (BackTapped) event()     {}
func (QuitTapped) event()     {}
func (SubmitTapped) event()   {}
func (RateTapped) event()     {}
func (SkipTapped) event()     {}
func (StayTapped) event()     {}
func (LanguageTapped) event() {}
func (ElderTapped) event()    {}
func (Touched) event()        {}
func (CardFound) event()      {}
func (CardRead) event()       {}
func (CardUnread) event()     {}
func (Appended) event()       {}
func (NotAppended) event()    {}
func (PrintEnded) event()     {}
func (EvaluatorRated) event() {}
func (Told) event()           {}
func (NotTold) event()        {}
func (Tick) event()           {}
func (Conditions) event()     {}
func (NewCatalog) event()     {}
