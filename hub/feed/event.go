package feed

import (
	"encoding/json"
	"fmt"
	"time"

	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// Event is one thing that a back office is told. ID names the record for ever, also after
// a hub was restored from a backup and tells it again: it is the idempotency key.
type Event struct {
	ID          string              `json:"id"`   // ULID of the record
	Type        record.Kind         `json:"type"` // application or rating
	Position    int64               `json:"position"`
	Kiosk       string              `json:"kiosk"`
	Received    time.Time           `json:"received"`  // hub's clock
	Committed   time.Time           `json:"committed"` // hub's clock
	Problems    []string            `json:"problems"`  // question:code, where an answer does not fit the catalogue
	Application *record.Application `json:"application,omitempty"`
	Rating      *record.Rating      `json:"rating,omitempty"`
}

// Format keeps an event's content out of logs.
func (e Event) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "«%s %s»", e.Type, e.ID) }

// open reads what is in a committed item.
func open(key *record.PrivateKey, item *store.FeedItem) (Event, error) {
	e := Event{
		ID: item.Entry.ID, Type: item.Entry.Kind, Position: item.Pos, Kiosk: item.Kiosk,
		Received: item.Received.UTC(), Committed: item.Committed.Committed.UTC(), Problems: item.Problems,
	}
	if e.Problems == nil {
		e.Problems = []string{}
	}
	r, unreadable := projector.Read(key, &item.Committed)
	if unreadable != nil {
		return e, unreadable
	}
	switch r := r.(type) {
	case *record.Application:
		e.Application = r
	case *record.Rating:
		e.Rating = r
	default:
		return e, fmt.Errorf("a %s is not for a feed", e.Type)
	}
	return e, nil
}

// Result is what the back office has decided, as it stands on the wire. One of
// Application and ReceiptNumber names what it is about.
type Result struct {
	Application   string               `json:"application,omitempty"` // ULID
	ReceiptNumber string               `json:"receiptNumber,omitempty"`
	State         protocol.ResultState `json:"state"`
	Reason        string               `json:"reason,omitempty"` // to the citizen; shown as it is
	At            time.Time            `json:"at"`               // of the decision; an older one never replaces a newer
}

const (
	maxReason  = 1000 // bytes
	maxAhead   = 10 * time.Minute
	maxResults = 1000 // in one answer
)

// check says what is wrong with a result that came from outside.
func (r *Result) check(now time.Time) error {
	switch r.State {
	case protocol.ResultAccepted, protocol.ResultNeedsMore, protocol.ResultDone, protocol.ResultRejected:
	default:
		return fmt.Errorf("state %.40q: want accepted, needs-more, done or rejected", string(r.State))
	}
	switch {
	case (r.Application == "") == (r.ReceiptNumber == ""):
		return fmt.Errorf("want one of application and receiptNumber")
	case len(r.Application) > 64, len(r.ReceiptNumber) > 64:
		return fmt.Errorf("application or receiptNumber is too long")
	case len(r.Reason) > maxReason:
		return fmt.Errorf("reason of %d bytes, at most %d", len(r.Reason), maxReason)
	case (r.State == protocol.ResultNeedsMore || r.State == protocol.ResultRejected) && r.Reason == "":
		return fmt.Errorf("%s wants a reason: the citizen must learn what to do", r.State)
	case r.At.IsZero():
		return fmt.Errorf("at is missing: the newest word must be told from one that comes again")
	case r.At.After(now.Add(maxAhead)):
		return fmt.Errorf("at is ahead of this hub's clock")
	}
	return nil
}

// Answer is what a sink may say to an event besides that it has it.
type Answer struct {
	Results []Result `json:"results"`
}

// parseAnswer reads the body of an answer; an empty body is an empty answer.
func parseAnswer(body []byte) (a Answer, err error) {
	if len(body) == 0 {
		return a, nil
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("answer is not what the feed's schema says")
	}
	if len(a.Results) > maxResults {
		return a, fmt.Errorf("%d results in one answer, at most %d", len(a.Results), maxResults)
	}
	for i := range a.Results {
		if err := a.Results[i].check(time.Now()); err != nil {
			return a, fmt.Errorf("result %d: %w", i+1, err)
		}
	}
	return a, nil
}
