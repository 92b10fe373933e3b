package journey

import (
	"maps"

	"yeban/catalog"
	"yeban/sync/record"
)

// TilesAPage is how many items the home screen shows at once (facts/ui: 3×4 or 4×3).
const TilesAPage = 12

// View is all that a screen needs in order to draw the present moment. It is a value:
// nothing in it is shared with the machine.
type View struct {
	State       State
	Visit       uint64
	Lang        string
	Elder       bool
	Step        int // of Steps, 0 where none is shown
	SecondsLeft int // of the warning before a time-out, 0 when none is up
	NoRoom      bool
	Offline     bool

	Tiles       []Tile   // this home page's
	Unavailable []string // ids of all items that cannot be done now, on whatever page
	HomePage    int
	HomePages   int

	InquiryCause Cause // at Home: why nothing can be asked; empty when it can

	Item        *catalog.Item // nil at Home and in an inquiry
	Inquiry     bool          // the card is read for an inquiry
	CardPhase   CardPhase
	CardTrouble CardTrouble
	Person      record.Person // number masked
	Page        *catalog.Page
	PageIndex   int
	PageCount   int
	Answers     catalog.Answers
	Problems    []catalog.Problem
	Review      []ReviewLine
	Trouble     Trouble

	Number     string // the receipt number; empty until the record is durable
	Queued     bool
	PrintPhase PrintPhase
	Rated      record.Level

	Standings []Standing // this list page's
	ListPage  int
	ListPages int
	Untold    bool // the province did not answer
}

// Tile is one item on the home screen.
type Tile struct {
	Item  *catalog.Item
	Cause Cause // why it cannot be done now; empty when it can
}

// ReviewLine is one answer on the page before submission.
type ReviewLine struct {
	Page     string // id of the page it is changed on
	Question catalog.Question
	Value    string // an option's value, a date as YYYYMMDD, or text
}

// View returns the present moment.
func (m *Machine) View() View {
	_, offline := m.cond.Missing[catalog.NeedsNetwork]
	v := View{
		State: m.state, Visit: m.visit, Lang: m.lang, Elder: m.elder, Step: m.state.step(),
		SecondsLeft: m.secondsLeft(), NoRoom: m.cond.NoRoom, Offline: offline,
		Item: m.item, CardPhase: m.cardPhase, CardTrouble: m.cardTrouble,
		Person: maskedPerson(m.person), Answers: maps.Clone(m.answers),
		Problems: append([]catalog.Problem(nil), m.problems...), Trouble: m.trouble,
		Queued: m.queued, PrintPhase: m.printPhase, Rated: m.rated,
	}
	if v.Inquiry = m.inquiry; m.inquiry {
		v.Step = 0
	}
	if m.appended {
		v.Number = m.number
	}
	switch m.state {
	case Home:
		v.HomePage, v.HomePages = m.homePage, m.homePages()
		v.Unavailable, v.InquiryCause = m.allUnavailable(), m.inquiryCause()
		first := m.homePage * TilesAPage
		for i := first; i < min(first+TilesAPage, len(m.catalog.Items)); i++ {
			item := &m.catalog.Items[i]
			v.Tiles = append(v.Tiles, Tile{Item: item, Cause: m.unavailable(item)})
		}
	case Progress:
		v.Standings, v.ListPage, v.ListPages, v.Untold = m.standingsShown(), m.listPage, m.listPages(), m.untold
	case Form:
		i, pages := m.page()
		v.PageIndex, v.PageCount = i, len(pages)
		v.Page = &pages[i]
	case Review:
		for _, p := range m.pages() {
			for _, q := range p.Questions {
				v.Review = append(v.Review, ReviewLine{Page: p.ID, Question: q, Value: m.answers[q.ID]})
			}
		}
	}
	return v
}

func (m *Machine) homePages() int {
	return max(1, (len(m.catalog.Items)+TilesAPage-1)/TilesAPage)
}

// unavailable says why an item cannot be done here and now, or is empty.
func (m *Machine) unavailable(item *catalog.Item) Cause {
	if m.cond.NoRoom {
		return CauseNoRoom
	}
	return m.missing(item.Requires)
}

// inquiryNeeds is what asking how applications stand requires.
var inquiryNeeds = []catalog.Capability{catalog.NeedsReader, catalog.NeedsNetwork}

func (m *Machine) missing(needs []catalog.Capability) Cause {
	for _, need := range needs {
		if cause, missing := m.cond.Missing[need]; missing {
			return cause
		}
	}
	return ""
}

func (m *Machine) allUnavailable() []string {
	var ids []string
	for i := range m.catalog.Items {
		if m.unavailable(&m.catalog.Items[i]) != "" {
			ids = append(ids, m.catalog.Items[i].ID)
		}
	}
	return ids
}
