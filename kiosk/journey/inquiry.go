package journey

import (
	"context"
	"slices"
	"time"

	"yeban/sync/record"
)

// Inquiry asks the province what became of a citizen's applications.
type Inquiry interface {
	// Progress gives the newest applications of the person whose card has this number,
	// newest first; none is no error.
	Progress(ctx context.Context, number string) ([]Standing, error)
}

// Standing is how one application stands.
type Standing struct {
	Number    string // receipt number
	Item      string // catalogue id
	ItemName  string // in the language of the page where the catalogue has the item, else Chinese
	Submitted time.Time
	Stage     Stage
	Reason    string // the back office's words, as they are
	At        time.Time
}

// Stage is what the back office has said. Its words stand in the message catalogue
// under "inquiry.<value>".
type Stage string

const (
	StageReceived  Stage = "received"
	StageAccepted  Stage = "accepted"
	StageNeedsMore Stage = "needs-more"
	StageDone      Stage = "done"
	StageRejected  Stage = "rejected"
)

// StandingsAPage is how many applications the progress page shows at once.
const StandingsAPage = 3

// inquire begins a visit that asks and hands nothing in. Only the card's number is used,
// so the card page itself says why it is read.
func (m *Machine) inquire() []Effect {
	if m.inquiryCause() != "" {
		return nil
	}
	m.visit++
	m.visitData = visitData{inquiry: true}
	return m.readCard()
}

// inquiryCause says why nothing can be asked here and now, or is empty.
func (m *Machine) inquiryCause() Cause { return m.missing(inquiryNeeds) }

// ask takes the number off the card and drops the rest of it.
func (m *Machine) ask(p record.Person) []Effect {
	m.person = record.Person{IDNumber: p.IDNumber}
	m.untold = false
	m.enter(Asking)
	return []Effect{AskProgress{Visit: m.visit, Number: p.IDNumber}}
}

func (m *Machine) told(all []Standing) {
	m.person = record.Person{}
	m.standings = slices.Clone(all)
	m.enter(Progress)
}

func (m *Machine) tapProgress(e Event) []Effect {
	switch e := e.(type) {
	case RetryTapped:
		if m.untold {
			return m.ask(m.person)
		}
	case ListPageTapped:
		if e.Page >= 0 && e.Page < m.listPages() {
			m.listPage = e.Page
		}
	case BackTapped, NextTapped:
		return m.end()
	}
	return nil
}

func (m *Machine) listPages() int {
	return max(1, (len(m.standings)+StandingsAPage-1)/StandingsAPage)
}

// standingsShown is this page's part of the list, items named in the page's language.
func (m *Machine) standingsShown() []Standing {
	first := min(m.listPage*StandingsAPage, len(m.standings))
	shown := slices.Clone(m.standings[first:min(first+StandingsAPage, len(m.standings))])
	for i := range shown {
		if item, ok := m.catalog.Item(shown[i].Item); ok {
			shown[i].ItemName = item.Name.In(m.lang)
		}
	}
	return shown
}
