package devices

import (
	"context"
	"errors"
	"time"

	"yeban/devices/serialport"
)

// courtesyTime is how long a printer is waited for. It answers DLE EOT at once, whatever
// else it is doing, and a USB adapter may hold the answer back for 16 ms; the rest is for
// a machine that is busy itself.
const courtesyTime = 250 * time.Millisecond

// askPrinter is DLE EOT 1 (ESC/POS), which no other kind of device minds.
var askPrinter = []byte{0x10, 0x04, 0x01}

// courtesy makes sure that no printer listens on a port before it is spoken to in another
// device's words, which a printer would print.
func (s *search[D]) courtesy(ctx context.Context, c serialport.Config) error {
	for _, c.Baud = range s.ports.printerRates() {
		switch printer, err := printerOn(ctx, c); {
		case err != nil:
			return err
		case printer:
			return ErrForeign
		}
	}
	return nil
}

func printerOn(ctx context.Context, c serialport.Config) (bool, error) {
	port, err := serialport.Open(ctx, c)
	if err != nil {
		return false, err
	}
	defer port.Close()
	if err := port.Reset(ctx); err != nil {
		return false, err
	}
	within, cancel := context.WithTimeout(ctx, courtesyTime)
	defer cancel()
	_, err = port.Write(within, askPrinter)
	var heard [64]byte
	for n, got := 0, 0; err == nil; n += got {
		if isPrinter(heard[:n]) {
			return true, nil
		}
		if n == len(heard) {
			return false, nil
		}
		got, err = port.Read(within, heard[n:])
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = ctx.Err()
	}
	return false, err
}

// isPrinter says whether a printer speaks so: an answer 0xx1xx10 is among what it says,
// and all of it has bit 7 clear, as all that printers report has.
func isPrinter(heard []byte) bool {
	answered := false
	for _, b := range heard {
		if b&0x80 != 0 {
			return false
		}
		answered = answered || b&0x93 == 0x12
	}
	return answered
}
