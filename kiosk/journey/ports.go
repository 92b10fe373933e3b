package journey

import (
	"context"
	"time"

	"yeban/sync/record"
)

// Reader reads one identity card.
type Reader interface {
	// ReadCard waits for a card, calls found once when one lies there, and reads it.
	// An error is a *CardError, or the context's.
	ReadCard(ctx context.Context, found func()) (Reading, error)
}

// Reading is what was read off a card.
type Reading struct {
	Person record.Person
	Photo  []byte // as the card has it; empty where it has none
}

// CardError says why a card was not read, in the citizen's terms.
type CardError struct {
	Trouble CardTrouble
	Err     error
}

func (e *CardError) Error() string { return "read card: " + string(e.Trouble) + ": " + e.Err.Error() }

func (e *CardError) Unwrap() error { return e.Err }

// Printer prints one receipt.
type Printer interface {
	// PrintReceipt returns nil once the paper is proven to be out, ErrPrintUnproven where
	// that is not known, and another error where nothing usable came out.
	PrintReceipt(ctx context.Context, r PrintedReceipt) error
}

// Evaluator is the rating device beside the screen.
type Evaluator interface {
	// AskRating waits for one key press. An answer to an earlier question, also one of an
	// earlier run of the program, is never taken for an answer to this one.
	AskRating(ctx context.Context, timeout time.Duration) (record.Level, error)
}

// Log is the durable log that records go to.
type Log interface {
	// Append returns once the record is on stable storage. ErrNoRoom says that the
	// record can never fit; any other error that the disk refused it.
	Append(ctx context.Context, r record.Record) error
	// Attach returns once an attachment of a record to come is on stable storage. Its
	// errors are those of Append.
	Attach(ctx context.Context, a Attachment) (record.BlobRef, error)
}
