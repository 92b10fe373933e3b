package journey

import (
	"slices"
	"strconv"

	"yeban/catalog"
	"yeban/sync/record"
)

func (m *Machine) tapHome(e Event) []Effect {
	switch e := e.(type) {
	case HomePageTapped:
		if e.Page >= 0 && e.Page < m.homePages() {
			m.homePage = e.Page
		}
	case InquiryTapped:
		return m.inquire()
	case ItemTapped:
		item, ok := m.catalog.Item(e.ID)
		if !ok || m.unavailable(item) != "" {
			return nil
		}
		m.visit++
		m.visitData = visitData{item: item, answers: catalog.Answers{}}
		m.note("item.chosen", item.ID)
		m.enter(Consent)
	}
	return nil
}

func (m *Machine) tapConsent(e Event) []Effect {
	switch e.(type) {
	case BackTapped:
		m.note("consent.declined", "")
		return m.end()
	case AgreeTapped:
		m.note("consent.given", "")
		return m.readCard()
	}
	return nil
}

func (m *Machine) readCard() []Effect {
	m.person, m.photo, m.problems = record.Person{}, nil, nil
	m.cardPhase, m.cardTrouble, m.cardSince = CardWaiting, CardOK, m.now
	m.enter(Card)
	return []Effect{ReadCard{Visit: m.visit}}
}

func (m *Machine) tapCard(e Event) []Effect {
	switch e.(type) {
	case BackTapped:
		if m.inquiry {
			return m.end()
		}
		m.enter(Consent)
		m.cardPhase, m.problems = CardWaiting, nil
		return []Effect{StopReading{}}
	case RetryTapped:
		if m.cardPhase == CardFailed {
			return m.readCard()
		}
	}
	return nil
}

// cardRead judges the card and goes on to the form.
func (m *Machine) cardRead(r Reading) []Effect {
	p := r.Person
	m.touched()
	if m.inquiry {
		return m.ask(p) // an expired card still says whose it is
	}
	fail := func(t CardTrouble) []Effect {
		m.cardPhase, m.cardTrouble = CardFailed, t
		m.note("card.refused", string(t))
		return nil
	}
	today := m.now.In(m.cfg.Location).Format("20060102")
	if len(p.ValidTo) == 8 && p.ValidTo < today {
		return fail(CardExpired)
	}
	card := cardOf(p)
	if problems := m.item.Ineligible(card, m.now); len(problems) > 0 {
		m.problems = problems
		return fail(CardRefused)
	}
	m.person = p
	if slices.Contains(m.item.Reads, catalog.FieldPhoto) {
		m.photo = r.Photo
	}
	m.note("card.read", p.CardType)
	for q, v := range m.item.Prefill(card) {
		if m.answers[q] == "" {
			m.answers[q] = v
		}
	}
	if pages := m.pages(); len(pages) > 0 {
		m.toPage(pages[0].ID)
	} else {
		m.enter(Review)
	}
	return nil
}

// cardOf is what the catalogue's conditions may know of a card.
func cardOf(p record.Person) catalog.Card {
	return catalog.Card{
		catalog.FieldName: p.Name, catalog.FieldSex: p.Sex, catalog.FieldEthnic: p.Ethnic,
		catalog.FieldBirth: p.Birth, catalog.FieldAddress: p.Address, catalog.FieldIDNumber: p.IDNumber,
		catalog.FieldIssuer: p.Issuer, catalog.FieldValidity: p.ValidTo,
	}
}

func (m *Machine) pages() []catalog.Page { return m.item.Pages(m.answers, cardOf(m.person)) }

// page finds the present page among those visible now; it may have gone because an
// answer before it changed.
func (m *Machine) page() (index int, pages []catalog.Page) {
	pages = m.pages()
	for i := range pages {
		if pages[i].ID == m.pageID {
			return i, pages
		}
	}
	return 0, pages
}

func (m *Machine) toPage(id string) {
	m.pageID, m.problems = id, nil
	m.enter(Form)
}

const maxAnswerBytes = 400 // a hundred characters; questions set narrower limits

func (m *Machine) tapForm(e Event) []Effect {
	i, pages := m.page()
	switch e := e.(type) {
	case Answered:
		for _, q := range pages[i].Questions {
			if q.ID == e.Question && len(e.Value) <= maxAnswerBytes {
				m.answers[q.ID] = e.Value
				m.dropProblem(q.ID)
			}
		}
	case NextTapped:
		m.problems = m.item.CheckPage(pages[i].ID, m.answers, cardOf(m.person), m.now)
		if len(m.problems) > 0 {
			return nil
		}
		m.note("form.page", pages[i].ID)
		if pages = m.pages(); i+1 < len(pages) && !m.editing {
			m.toPage(pages[i+1].ID)
			return nil
		}
		return m.toReview()
	case BackTapped:
		switch {
		case m.editing:
			return m.toReview()
		case i > 0:
			m.toPage(pages[i-1].ID)
		default:
			// Whoever lays the next card may be another person: what was not handed in for
			// this one is over, with its number and its attachments.
			m.visit++
			m.person, m.photo, m.problems = record.Person{}, nil, nil
			m.application, m.number, m.renumbered, m.trouble = record.Application{}, "", 0, NoTrouble
			clear(m.answers)
			m.cardPhase = CardWaiting
			m.enter(Consent)
		}
	}
	return nil
}

func (m *Machine) dropProblem(question string) {
	kept := m.problems[:0:0]
	for _, p := range m.problems {
		if p.Question != question {
			kept = append(kept, p)
		}
	}
	m.problems = kept
}

// toReview shows the answers, unless one of them does not hold (an edit can uncover a
// page that was hidden before): then that page comes first.
func (m *Machine) toReview() []Effect {
	m.editing, m.problems = false, nil
	m.dropHidden()
	for _, p := range m.pages() {
		if problems := m.item.CheckPage(p.ID, m.answers, cardOf(m.person), m.now); len(problems) > 0 {
			m.toPage(p.ID)
			m.problems = problems
			return nil
		}
	}
	m.enter(Review)
	return nil
}

// dropHidden forgets answers to questions that are no longer asked.
func (m *Machine) dropHidden() {
	asked := map[string]bool{}
	for _, p := range m.pages() {
		for _, q := range p.Questions {
			asked[q.ID] = true
		}
	}
	for q := range m.answers {
		if !asked[q] {
			delete(m.answers, q)
		}
	}
}

func (m *Machine) tapReview(e Event) []Effect {
	if m.trouble == TroubleUnsure {
		// What is kept may be these answers: others must not go under their number.
		switch e.(type) {
		case EditTapped, BackTapped:
			return nil
		}
	}
	switch e := e.(type) {
	case EditTapped:
		for _, p := range m.pages() {
			if p.ID == e.Page {
				m.toPage(p.ID)
				m.editing = true
			}
		}
	case BackTapped:
		if pages := m.pages(); len(pages) > 0 {
			m.toPage(pages[len(pages)-1].ID)
		}
	case SubmitTapped, RetryTapped:
		return m.submit()
	}
	return nil
}

func (m *Machine) tapReceipt(e Event) []Effect {
	switch e.(type) {
	case RetryTapped:
		if m.printPhase == PrintFailed {
			m.note("receipt.again", "")
			return m.print()
		}
	case NextTapped:
		return m.toRating()
	}
	return nil
}

func (m *Machine) toRating() []Effect {
	m.enter(Rating)
	return []Effect{AskRating{Visit: m.visit, Timeout: m.patience() + m.cfg.Timing.Warning}}
}

func (m *Machine) tapRating(e Event) []Effect {
	switch e := e.(type) {
	case RateTapped:
		return append(m.rate(e.Level, record.RatingOnScreen), StopRating{})
	case SkipTapped, NextTapped:
		m.note("rating.skipped", "")
		m.enter(Farewell)
		return []Effect{StopRating{}}
	}
	return nil
}

// rate takes the first rating of the visit; a later one changes nothing.
func (m *Machine) rate(level record.Level, source record.RatingSource) []Effect {
	if level < record.VeryUnsatisfied || level > record.VerySatisfied || m.rated != 0 {
		return nil
	}
	m.rated = level
	m.note("rating.given", strconv.Itoa(int(level)))
	r := record.Rating{
		ID: m.cfg.NewID(), Application: m.application.ID, Level: level, Source: source, At: m.now,
	}
	m.enter(Farewell)
	return []Effect{Append{Visit: m.visit, Record: r}}
}
