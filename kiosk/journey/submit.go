package journey

import (
	"maps"
	"time"

	"yeban/catalog"
	"yeban/sync/record"
)

// submit fixes the application and asks for it to be written. Its id and number stay
// the same when the citizen tries again after a refusal, so that no attempt can become
// a second record.
func (m *Machine) submit() []Effect {
	if problems := m.item.Check(m.answers, cardOf(m.person), m.now); len(problems) > 0 {
		m.problems = problems
		return nil
	}
	m.note("submitted", "")
	id := m.application.ID
	if id == "" {
		id = m.cfg.NewID()
	}
	if m.number == "" {
		m.number = m.nextNumber()
	}
	m.application = record.Application{
		ID: id, ReceiptNumber: m.number, Kiosk: m.cfg.Kiosk,
		CatalogVersion: m.catalog.Version, Item: m.item.ID, TaskHandleItem: m.item.HandleItem,
		ItemVersion: m.item.Version, ItemName: m.item.Name.Zh, Language: m.lang,
		Applicant: m.person, Answers: maps.Clone(map[string]string(m.answers)),
		Trace: append([]record.Step(nil), m.steps...), Clock: m.cfg.Clock(),
	}
	m.trouble = NoTrouble
	m.enter(Submitting)
	return []Effect{m.handIn()}
}

// mediaWLT is the picture of an identity card in the card's own coding.
const mediaWLT = "application/x-wlt"

// handIn asks for the application to be written, with what goes along.
func (m *Machine) handIn() Append {
	a := Append{Visit: m.visit, Record: m.application}
	if len(m.photo) > 0 {
		a.Attachments = []Attachment{{Role: record.BlobCardPhoto, Media: mediaWLT, Content: m.photo}}
	}
	return a
}

// nextNumber makes the number from the second; two visits in one second, or a clock that
// went back, get the next free one.
func (m *Machine) nextNumber() string {
	at := m.now.Truncate(time.Second)
	if !at.After(m.lastNumber) {
		at = m.lastNumber.Add(time.Second)
	}
	m.lastNumber = at
	n, err := record.NewReceiptNumber(at.In(m.cfg.Location), m.cfg.Number)
	if err != nil {
		// Only a kiosk number out of range can do this, and the configuration refuses it.
		panic(err)
	}
	return n
}

// maxRenumbered bounds how many taken numbers are stepped over: a restart after the
// clock went back an hour meets at most a few dozen.
const maxRenumbered = 200

// renumber takes the next number after the log has refused the present one. It happens
// when the clock went back over a restart, so that the numbers given before are unknown.
func (m *Machine) renumber() []Effect {
	m.renumbered++
	m.number = m.nextNumber()
	m.application.ReceiptNumber = m.number
	return []Effect{m.handIn()}
}

// submitted is called once the application is on stable storage: from here on the
// number may be shown.
func (m *Machine) submitted() []Effect {
	m.appended = true
	_, offline := m.cond.Missing[catalog.NeedsNetwork]
	m.queued = offline
	m.steps = []record.Step{{At: m.now, Name: "receipt.shown"}}
	m.enter(Receipt)
	if m.cond.Missing[catalog.NeedsPrinter] != "" {
		m.printPhase = PrintFailed
		m.note(printStep[PrintFailed], string(m.cond.Missing[catalog.NeedsPrinter]))
		return nil
	}
	return m.print()
}

func (m *Machine) print() []Effect {
	m.printPhase = Printing
	return []Effect{Print{Visit: m.visit, Receipt: m.receipt()}}
}

// trace is what happened after the submission.
func (m *Machine) trace() record.Trace {
	return record.Trace{
		ID: m.cfg.NewID(), Application: m.application.ID, Steps: append([]record.Step(nil), m.steps...),
	}
}
