package projector

import (
	"errors"
	"fmt"

	"yeban/hub/store"
	"yeban/sync/record"
)

// Reason says why an entry waits for a person. Its sentence is in the console's messages
// under "parked.<reason>".
type Reason string

const (
	ReasonSealed    Reason = "sealed"    // does not open with this hub's key
	ReasonVersion   Reason = "version"   // from newer software
	ReasonMalformed Reason = "malformed" // not what a record looks like
	ReasonForeign   Reason = "foreign"   // names another terminal
	ReasonReceipt   Reason = "receipt"   // has no right receipt number
	ReasonItem      Reason = "item"      // its item is not in its catalogue
	ReasonAnswers   Reason = "answers"   // answers do not fit the item
	ReasonRating    Reason = "rating"    // rating outside the scale
)

// Unreadable is an entry that waits for a person.
type Unreadable struct {
	Reason Reason
	Err    error // no personal data
}

// Ours says that the fault may lie with this program, started with another key or older
// than the record, rather than with the record.
func (u *Unreadable) Ours() bool { return u.Reason == ReasonSealed || u.Reason == ReasonVersion }

func (u *Unreadable) Error() string { return fmt.Sprintf("%s: %v", u.Reason, u.Err) }
func (u *Unreadable) Unwrap() error { return u.Err }

// Read opens and decodes a committed entry. What it gives holds personal data.
func Read(key *record.PrivateKey, c *store.Committed) (record.Record, *Unreadable) {
	plain, err := record.Open(key, &c.Entry, c.Epoch)
	if errors.Is(err, record.ErrSealed) {
		return nil, &Unreadable{ReasonSealed, err}
	} else if err != nil {
		return nil, &Unreadable{ReasonMalformed, err}
	}
	defer clear(plain)
	r, err := record.Decode(&c.Entry, plain)
	switch {
	case errors.Is(err, record.ErrVersion):
		return nil, &Unreadable{ReasonVersion, err}
	case err != nil:
		return nil, &Unreadable{ReasonMalformed, err}
	}
	return r, nil
}
