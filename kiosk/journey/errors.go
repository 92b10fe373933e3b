package journey

import "errors"

var (
	// ErrPrintUnproven is returned by a Printer that wrote everything but got no proof.
	ErrPrintUnproven = errors.New("printed, but not confirmed")
	// ErrNumberTaken is returned by a Log that holds another application of this number.
	ErrNumberTaken = errors.New("receipt number taken")
	// ErrUnsure is returned by a Log that cannot tell yet whether it has the record; the
	// same record again tells.
	ErrUnsure = errors.New("not known whether the log has the record")
	// ErrNoRoom is returned by a Log that is full.
	ErrNoRoom = errors.New("no room in the log")
)
