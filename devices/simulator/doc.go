// Package simulator puts the three devices of a terminal on pseudo-terminals: an
// ID-card reader, a receipt printer and an evaluator that a program opens, sets a
// baud rate on and talks to as if they hung on real serial ports.
//
// A [Bench] owns the three devices. Each stands under a stable symbolic link in
// Config.Dir (idcard, printer, evaluator), answers at the pace of the baud rate
// that the driver really set (read back with TCGETS2 from the master), and hears
// and says garbage where that rate is not its own: bytes are resampled bit by bit as
// a UART would.
//
// The devices share no code with the drivers that they test. Frames, card records and
// ESC/POS are built and read here a second time, from the standards, so that the two
// sides check each other.
//
// Every device has a Faults struct with what such hardware was seen doing to its host;
// faults can be switched while the device runs, by Go code, by a [Scenario] file, or
// by another process over the control socket ([Serve], [Dial]).
//
// All people on the test cards are invented and were born in 1900.
package simulator
