package journey

import "errors"

var (
	// ErrPrintUnproven is returned by a Printer that wrote everything but got no proof.
	ErrPrintUnproven = errors.New("printed, but not confirmed")
	// ErrNoRoom is returned by a Log that is full.
	ErrNoRoom = errors.New("no room in the log")
)
