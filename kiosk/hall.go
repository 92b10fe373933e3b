package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"yeban/catalog"
	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/printer"
	"yeban/kiosk/journey"
	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// The adapters below put each device and the outbox into the journey's terms.

// cardPoll is how often the reader is asked for a card (facts: 200–300 ms).
const cardPoll = 250 * time.Millisecond

type cardReader struct {
	worker *devices.Worker[*idcard.Reader]
}

// ReadCard implements journey.Reader.
func (c cardReader) ReadCard(ctx context.Context, found func()) (journey.Reading, error) {
	var card idcard.Record
	err := c.worker.Use(ctx, func(ctx context.Context, r *idcard.Reader) error {
		var err error
		card, err = r.WaitCard(ctx, cardPoll, found)
		return err
	})
	if err != nil {
		if ctx.Err() != nil {
			return journey.Reading{}, ctx.Err()
		}
		return journey.Reading{}, &journey.CardError{Trouble: cardTrouble(err), Err: err}
	}
	return journey.Reading{Person: person(card), Photo: card.Photo}, nil
}

func cardTrouble(err error) journey.CardTrouble {
	var field *idcard.FieldError
	switch {
	case errors.Is(err, idcard.ErrLiftAndLayAgain), errors.Is(err, idcard.ErrNoCard):
		return journey.CardMoved
	case errors.Is(err, idcard.ErrWrongCard), errors.As(err, &field):
		return journey.CardUnreadable
	default:
		return journey.ReaderFailed
	}
}

var cardTypes = map[idcard.CardType]string{
	idcard.Resident: "resident", idcard.Permit: "hk-macao-taiwan",
	idcard.Foreign2017: "foreign-2017", idcard.Foreign2023: "foreign-2023",
}

// person is what the record tells of a card.
func person(c idcard.Record) record.Person {
	p := record.Person{
		CardType: cardTypes[c.Type], Name: c.Name, EnglishName: c.EnglishName, Sex: string(rune(c.Sex)),
		Ethnic: string(c.Ethnic), Nation: c.Nation, Birth: string(c.Birth), Address: c.CurrentAddress(),
		IDNumber: c.IDNumber, Issuer: c.Issuer, ValidFrom: string(c.From), ValidTo: string(c.To),
	}
	if c.LongTerm {
		p.ValidTo = "长期"
	}
	return p
}

type receiptPrinter struct {
	worker  *devices.Worker[*printer.Printer]
	catalog func() *catalog.Catalog
	void    string // printed on half a receipt
	logger  *slog.Logger
	due     *atomic.Int32 // receipts that wait for the printer, or are being printed
}

// PrintReceipt implements journey.Printer.
func (p receiptPrinter) PrintReceipt(ctx context.Context, r journey.PrintedReceipt) error {
	p.due.Add(1)
	defer p.due.Add(-1)
	doc := printer.Document{VoidText: p.void}
	for _, l := range p.catalog().FillReceipt(r.Fields) {
		line := printer.Line{Text: l.Text, QR: l.QR, Rule: l.Rule, Size: l.Size, Bold: l.Bold}
		if l.Align == catalog.Center {
			line.Align = printer.Center
		}
		doc.Lines = append(doc.Lines, line)
	}
	err := p.worker.Use(ctx, func(ctx context.Context, d *printer.Printer) error { return d.Print(ctx, doc) })
	switch {
	case errors.Is(err, printer.ErrUnconfirmed), errors.Is(err, devices.ErrStuck), errors.Is(err, devices.ErrPanic):
		// What was cut off may have come out: it is never printed again unasked.
		return fmt.Errorf("%w: %w", journey.ErrPrintUnproven, err)
	case errors.Is(err, printer.ErrJournal) && !errors.Is(err, printer.ErrNotPrinted):
		// The paper is proven to be out; only the note that a job is under way is still there.
		p.logger.Error("print journal not ended", "error", err)
		return nil
	}
	return err
}

type ratingKeys struct {
	worker *devices.Worker[evaluator.Evaluator]
}

// AskRating implements journey.Evaluator.
func (k ratingKeys) AskRating(ctx context.Context, timeout time.Duration) (record.Level, error) {
	ask := evaluator.Ask{Timeout: min(timeout, evaluator.MaxTimeout)}
	rand.Read(ask.Session[:]) // a counter would begin anew with every restart
	var answer evaluator.Answer
	err := k.worker.Use(ctx, func(ctx context.Context, e evaluator.Evaluator) error {
		var err error
		answer, err = e.Ask(ctx, ask)
		return err
	})
	if err != nil { // one who was left behind may still be writing the answer
		return 0, err
	}
	return record.Level(answer.Level), nil
}

type durableLog struct{ box *outbox.Outbox }

// Append implements journey.Log. A record that is already there has been written by an
// attempt whose answer was lost: that is success.
func (l durableLog) Append(ctx context.Context, r record.Record) error {
	_, err := l.box.Append(ctx, r)
	var dup *outbox.DuplicateError
	switch {
	case errors.As(err, &dup) && dup.By == "id":
		return nil
	case errors.As(err, &dup):
		return fmt.Errorf("%w: %w", journey.ErrNumberTaken, err)
	case errors.Is(err, outbox.ErrFull):
		return fmt.Errorf("%w: %w", journey.ErrNoRoom, err)
	case errors.Is(err, outbox.ErrUnsure):
		return fmt.Errorf("%w: %w", journey.ErrUnsure, err)
	default:
		return err
	}
}

// Attach implements journey.Log.
func (l durableLog) Attach(ctx context.Context, a journey.Attachment) (record.BlobRef, error) {
	ref, err := l.box.PutBlob(ctx, a.Role, a.Media, a.Content)
	if errors.Is(err, outbox.ErrFull) {
		return ref, fmt.Errorf("%w: %w", journey.ErrNoRoom, err)
	}
	return ref, err
}

type progressDesk struct{ link *link.Link }

// Progress implements journey.Inquiry.
func (d progressDesk) Progress(ctx context.Context, number string) ([]journey.Standing, error) {
	all, err := d.link.Progress(ctx, number)
	if err != nil {
		return nil, err
	}
	standings := make([]journey.Standing, len(all))
	for i, p := range all {
		standings[i] = journey.Standing{
			Number: p.ReceiptNumber, Item: p.Item, ItemName: p.ItemName, Submitted: p.Submitted,
			Stage: stages[p.State], Reason: p.Reason, At: p.At,
		}
	}
	return standings, nil
}

// stages puts the back office's states into the journey's terms. One that this version
// does not know becomes the empty stage, which the screen shows as received.
var stages = map[protocol.ResultState]journey.Stage{
	protocol.ResultReceived: journey.StageReceived, protocol.ResultAccepted: journey.StageAccepted,
	protocol.ResultNeedsMore: journey.StageNeedsMore, protocol.ResultDone: journey.StageDone, protocol.ResultRejected: journey.StageRejected,
}
