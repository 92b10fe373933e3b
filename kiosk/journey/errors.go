package journey

import "errors"

var (
	// ErrPrintUnproven is returned by a Printer that wrote everything but got no proof.
	ErrPrintUnproven = errors.New("printed, but not confirmed")
	// ErrNumberTaken is returned by a Log that holds another application of this number.
	ErrNumberTaken = errors.New("receipt number taken")
	// ErrNoRoom is returned by a Log that is full.
	ErrNoRoom = errors.New("no room in the log")
)
