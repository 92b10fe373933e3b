package journey

import (
	"fmt"
	"time"

	"yeban/sync/record"
)

// Effect is something the machine wants done. The runner answers with the event named.
type Effect interface{ effect() }

type (
	// ReadCard waits for a card and reads it: CardFound, then CardRead or CardUnread.
	ReadCard struct{ Visit uint64 }
	// StopReading gives the reader back; no answer.
	StopReading struct{}
	// Append writes a record durably: Appended or NotAppended.
	Append struct {
		Visit       uint64
		Record      record.Record
		Attachments []Attachment // of an application; written before it
	}
	// Print prints the receipt once: PrintEnded.
	Print struct {
		Visit   uint64
		Receipt PrintedReceipt
	}
	// AskRating opens the evaluator's window: EvaluatorRated, or nothing.
	AskRating struct {
		Visit   uint64
		Timeout time.Duration
	}
	// StopRating closes the window; no answer.
	StopRating struct{}
	// AskProgress asks how the applications of the card's holder stand: Told or NotTold.
	AskProgress struct {
		Visit  uint64
		Number string // of the card; never to be logged
	}
	// Forget ends the visit: whatever still runs for it is cancelled.
	Forget struct{}
)

// Attachment is something that goes along with an application.
type Attachment struct {
	Role    record.BlobRole
	Media   string // media type of Content
	Content []byte
}

// Format keeps the content out of logs.
func (a Attachment) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "«%s»", a.Role) }

// PrintedReceipt is what goes on paper: the fields of the catalogue's receipt template.
type PrintedReceipt struct {
	Application string            // ULID, the print job's identity
	Fields      map[string]string // see catalog.FillReceipt
}

func (ReadCard) effect()    {}
func (StopReading) effect() {}
func (Append) effect()      {}
func (Print) effect()       {}
func (AskRating) effect()   {}
func (StopRating) effect()  {}
func (AskProgress) effect() {}
func (Forget) effect()      {}
