package outbox

import (
	"errors"
	"fmt"
)

// What a caller decides by. Each leaves the log exactly as it was.
var (
	ErrFull      = errors.New("outbox is full")                // MaxBytes is used up by what is not acknowledged
	ErrDisk      = errors.New("disk does not take the record") // too little free, or a write failed
	ErrDuplicate = errors.New("already in the outbox")         // this record id or receipt number; see DuplicateError
	ErrInvalid   = errors.New("not a record that can be sent") // no id, too large, bad receipt number
	ErrLocked    = errors.New("outbox is open in another program")
	ErrNoEntry   = errors.New("no entry at this position") // pruned, or not yet written
	ErrClosed    = errors.New("outbox is closed")
)

// ErrUnsure is an Append of which nobody knows yet whether the log has the record: it may
// be found there when the disk takes writes again. Only the same Append again tells. It is
// an ErrDisk too.
var ErrUnsure = errors.New("it is not known whether the record was kept")

// DuplicateError says where the record, or another with its receipt number, stands.
// A caller that repeats an Append whose outcome it did not learn finds its answer
// here.
type DuplicateError struct {
	By       string // "id" or "receipt number"
	Position Position
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s: same %s at %d", ErrDuplicate, e.By, e.Position.Seq)
}

// Is makes it an ErrDuplicate.
func (e *DuplicateError) Is(target error) bool { return target == ErrDuplicate }

// VersionError means a file of newer software. It is left as it is.
type VersionError struct {
	Path  string
	Found uint32
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has format %d, this software knows %d: start the newer software", e.Path, e.Found, format)
}

// SetAsideError tells staff that a file could not be trusted and was kept under another
// name. The outbox works on with a fresh one.
type SetAsideError struct {
	Path      string // where the file is now; empty when it was gone
	Cause     error
	Recovered int // entries carried over from it and from the backup
}

func (e *SetAsideError) Error() string {
	return fmt.Sprintf("outbox set aside as %s, %d entries recovered: %v", e.Path, e.Recovered, e.Cause)
}

func (e *SetAsideError) Unwrap() error { return e.Cause }

// ChainError names the first entry that breaks the log.
type ChainError struct {
	Seq   uint64
	Cause error
}

func (e *ChainError) Error() string { return fmt.Sprintf("at %d: %v", e.Seq, e.Cause) }

func (e *ChainError) Unwrap() error { return e.Cause }

// corruptError is any proof that a file cannot be trusted.
type corruptError struct{ cause error }

func (e *corruptError) Error() string { return "damaged: " + e.cause.Error() }

func (e *corruptError) Unwrap() error { return e.cause }

func corrupt(form string, args ...any) error { return &corruptError{fmt.Errorf(form, args...)} }
