package journey

import (
	"maps"
	"time"

	"yeban/catalog"
	"yeban/sync/record"
)

// Config is what a machine needs to know of its terminal.
type Config struct {
	Kiosk    string // identity at the hub
	Number   int    // 1–99999, the last group of its receipt numbers
	Hall     string
	Hotline  string
	Queued   string // the sentence on paper while the record waits for the network
	Lang     string // the language a visit begins in: zh or en
	Catalog  *catalog.Catalog
	Timing   Timing
	NewID    func() string       // a fresh ULID
	Clock    func() record.Clock // wall, monotonic, boot
	Location *time.Location      // for receipt numbers and dates
}

// Machine is one terminal's state. It is not safe for concurrent use: its Runner is
// its only caller.
type Machine struct {
	cfg     Config
	now     time.Time
	state   State
	visit   uint64 // grows with every visit; outcomes of an older one are dropped
	catalog *catalog.Catalog
	pending *catalog.Catalog // adopted between visits
	cond    Conditions

	lang     string
	elder    bool
	homePage int

	touchedAt time.Time
	warnedAt  time.Time // zero while no warning is up

	visitData
	lastNumber time.Time // second of the newest receipt number
}

// visitData is all that a visit leaves behind; one assignment wipes it.
type visitData struct {
	item        *catalog.Item
	person      record.Person
	photo       []byte
	answers     catalog.Answers
	problems    []catalog.Problem
	pageID      string
	editing     bool // came from Review; Next goes back there
	cardPhase   CardPhase
	cardTrouble CardTrouble
	cardSince   time.Time
	trouble     Trouble
	number      string
	renumbered  int
	application record.Application
	appended    bool
	queued      bool
	printPhase  PrintPhase
	rated       record.Level
	steps       []record.Step

	inquiry   bool // this visit asks, and hands nothing in
	untold    bool // the province did not answer
	standings []Standing
	listPage  int
}

// NewMachine returns a machine at Home.
func NewMachine(cfg Config, now time.Time) *Machine {
	if cfg.Lang == "" {
		cfg.Lang = "zh"
	}
	if cfg.Location == nil {
		cfg.Location = time.Local
	}
	return &Machine{cfg: cfg, now: now, catalog: cfg.Catalog, lang: cfg.Lang, touchedAt: now}
}

// Handle takes one event at a time and returns what is to be done about it. Events that
// do not fit the present state change nothing.
func (m *Machine) Handle(now time.Time, e Event) []Effect {
	m.now = now
	switch e.(type) {
	case Tick:
		return m.tick()
	case CardFound, CardRead, CardUnread, Appended, NotAppended, PrintEnded, EvaluatorRated, Told, NotTold:
		return m.outcome(e)
	case Conditions, NewCatalog:
		return m.circumstances(e)
	}
	m.touched()
	return m.tap(e)
}

func (m *Machine) touched() {
	m.touchedAt, m.warnedAt = m.now, time.Time{}
}

// enter moves to a state and restarts its clock.
func (m *Machine) enter(s State) {
	m.state = s
	m.touched()
}

// note adds a step to the trace. It never holds personal data.
func (m *Machine) note(name, note string) {
	m.steps = append(m.steps, record.Step{At: m.now, Name: name, Note: note})
}

func (m *Machine) circumstances(e Event) []Effect {
	switch e := e.(type) {
	case Conditions:
		e.Missing = maps.Clone(e.Missing)
		m.cond = e
	case NewCatalog:
		m.pending = e.Catalog
		if m.state == Home {
			m.adopt()
		}
	}
	return nil
}

func (m *Machine) adopt() {
	if m.pending != nil {
		m.catalog, m.pending, m.homePage = m.pending, nil, 0
	}
}

// tap handles what a finger did.
func (m *Machine) tap(e Event) []Effect {
	switch e := e.(type) {
	case LanguageTapped:
		if e.Lang == "zh" || e.Lang == "en" {
			m.lang = e.Lang
		}
		return nil
	case ElderTapped:
		m.elder = e.On
		return nil
	case StayTapped, Touched:
		return nil
	case QuitTapped:
		if m.state == Submitting {
			return nil // the record is on its way to the disk; the answer comes in a moment
		}
		if m.state == Home {
			m.homePage = 0
			return nil
		}
		m.note("visit.quit", m.state.String())
		return m.end()
	}
	switch m.state {
	case Home:
		return m.tapHome(e)
	case Consent:
		return m.tapConsent(e)
	case Card:
		return m.tapCard(e)
	case Form:
		return m.tapForm(e)
	case Review:
		return m.tapReview(e)
	case Receipt:
		return m.tapReceipt(e)
	case Rating:
		return m.tapRating(e)
	case Progress:
		return m.tapProgress(e)
	case Farewell:
		if _, ok := e.(NextTapped); ok {
			return m.end()
		}
	}
	return nil
}

// outcome handles the answer to an effect, if it is this visit's.
func (m *Machine) outcome(e Event) []Effect {
	switch e := e.(type) {
	case CardFound:
		if e.Visit == m.visit && m.state == Card && m.cardPhase == CardWaiting {
			m.cardPhase = CardReading
		}
	case CardRead:
		if e.Visit == m.visit && m.state == Card && m.cardPhase != CardFailed {
			return m.cardRead(e.Reading)
		}
	case CardUnread:
		if e.Visit == m.visit && m.state == Card && m.cardPhase != CardFailed {
			m.touched()
			m.cardPhase, m.cardTrouble = CardFailed, e.Trouble
			m.note("card.unread", string(e.Trouble))
		}
	case Appended:
		if e.Visit == m.visit && m.state == Submitting && e.ID == m.application.ID {
			return m.submitted()
		}
	case NotAppended:
		if e.Visit == m.visit && m.state == Submitting && e.ID == m.application.ID {
			if e.Trouble == TroubleNumber && m.renumbered < maxRenumbered {
				return m.renumber()
			}
			m.trouble = e.Trouble
			if e.Trouble == TroubleNumber {
				m.trouble = TroubleFailed
			}
			m.note("submit.failed", string(e.Trouble))
			m.enter(Review)
		}
	case PrintEnded:
		if e.Visit == m.visit && m.printPhase == Printing {
			m.printPhase = e.Phase
			if m.state == Receipt {
				m.touched()
			}
			m.note(printStep[e.Phase], "")
		}
	case EvaluatorRated:
		if e.Visit == m.visit && m.state == Rating {
			return m.rate(e.Level, record.RatingOnEvaluator)
		}
	case Told:
		if e.Visit == m.visit && m.state == Asking {
			m.told(e.Standings)
		}
	case NotTold:
		if e.Visit == m.visit && m.state == Asking {
			m.untold = true
			m.enter(Progress)
		}
	}
	return nil
}

var printStep = map[PrintPhase]string{
	Printed: "receipt.printed", PrintFailed: "receipt.notprinted", PrintUnproven: "receipt.unproven",
}

// end closes the visit: what came after the submission is appended as a trace, all that
// the citizen left is dropped, and the terminal is home again.
func (m *Machine) end() []Effect {
	var effects []Effect
	if m.appended {
		m.note("visit.ended", "")
		if trace := m.trace(); len(trace.Steps) > 0 {
			effects = append(effects, Append{Visit: m.visit, Record: trace})
		}
	}
	return append(effects, m.reset()...)
}

// reset wipes and goes home.
func (m *Machine) reset() []Effect {
	clear(m.photo)
	m.visitData = visitData{}
	m.lang, m.elder, m.homePage = m.cfg.Lang, false, 0
	m.visit++
	m.adopt()
	m.enter(Home)
	return []Effect{Forget{}}
}
