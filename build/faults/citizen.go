package main

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/record"
)

// citizen is one visit of an invented person.
type citizen struct {
	who     identity
	random  *rand.Rand
	life    int // of the terminal's process
	n       int // visit in this life
	at      time.Time
	catalog string
	largest int
}

// firstReceipt is when receipt numbers of the rig begin; each visit takes its own second,
// more of them than a real terminal would.
var firstReceipt = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

const visitsInALife = 200_000

// records are an application and, mostly, its rating.
func (c *citizen) records() []record.Record {
	at := firstReceipt.Add(time.Duration(c.life*visitsInALife+c.n) * time.Second)
	receipt, err := record.NewReceiptNumber(at, c.who.Number)
	if err != nil {
		receipt = "" // refused by Append, and then told
	}
	a := record.Application{
		ID: ulid.Make().String(), ReceiptNumber: receipt, Kiosk: c.who.ID, CatalogVersion: c.catalog,
		Item: "invented-item", TaskHandleItem: strings.Repeat("1", 33), ItemVersion: 1, ItemName: "虚构事项", Language: "zh",
		Applicant: record.Person{
			CardType: "resident", Name: "虚构", Sex: "1", Ethnic: "01", Birth: "19000101",
			Address: "虚构省", IDNumber: "340104190001010016", ValidFrom: "19180101", ValidTo: "长期",
		},
		Answers: map[string]string{"reason": c.text()},
		Trace:   []record.Step{{At: c.at, Name: "submitted"}},
		Clock:   record.Clock{Wall: c.at, BootID: "faults"},
	}
	if c.random.IntN(5) == 0 {
		return []record.Record{a}
	}
	return []record.Record{a, record.Rating{
		ID: ulid.Make().String(), Application: a.ID, Level: record.Level(1 + c.random.IntN(5)),
		Source: record.RatingOnScreen, At: c.at,
	}}
}

// text is short, now and then long.
func (c *citizen) text() string {
	most := min(400, c.largest)
	if c.random.IntN(20) == 0 {
		most = c.largest
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789 "
	b := make([]byte, c.random.IntN(most+1))
	for i := range b {
		b[i] = letters[c.random.IntN(len(letters))]
	}
	return string(b)
}
