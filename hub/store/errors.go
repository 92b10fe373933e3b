package store

import (
	"errors"
	"fmt"
)

var (
	// ErrForeign means that the database is somebody else's, or no database at all.
	ErrForeign = errors.New("not a database of this hub")
	// ErrNewer means that a newer hub has been at work in the database.
	ErrNewer = errors.New("database was written by a newer hub")
	// ErrVolatile means that the database is set up to forget commits in a power cut.
	ErrVolatile = errors.New("database does not keep what it commits")
	// ErrNotFound means that there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrExists means that the name or number is already taken.
	ErrExists = errors.New("exists already")
	// ErrFenced means that a newer connection of the terminal has taken over.
	ErrFenced = errors.New("a newer connection has taken over")
	// ErrGap means that entries are missing between the cursor and what was offered.
	ErrGap = errors.New("entries are missing")
)

// ConflictKind says in which way two versions contradict each other.
type ConflictKind string

const (
	// ConflictPosition: another entry is already committed at this place.
	ConflictPosition ConflictKind = "position"
	// ConflictChain: the entry does not follow the last committed one.
	ConflictChain ConflictKind = "chain"
	// ConflictDamaged: the entry is not what its own hash says.
	ConflictDamaged ConflictKind = "damaged"
	// ConflictBehind: the terminal's log ends before the hub's: an old image was restored.
	ConflictBehind ConflictKind = "behind"
	// ConflictHole: the terminal no longer holds what the hub lacks: the hub was restored
	// from a backup older than the terminal's retention.
	ConflictHole ConflictKind = "hole"
	// ConflictBody: one record id came with two different bodies.
	ConflictBody ConflictKind = "body"
)

// ConflictError means that a terminal's log contradicts the hub's. Both versions are
// kept and an alarm is raised by the time the caller sees it.
type ConflictError struct {
	Kind ConflictKind
	Seq  uint64 // where
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("log conflicts with what is committed (%s at %d)", e.Kind, e.Seq)
}
