package evaluator

import (
	"context"
	"errors"
	"fmt"

	"yeban/devices"
)

var (
	_ devices.Identifier = (*ev1)(nil)
	_ devices.Capable    = (*ev1)(nil)
	_ devices.Capable    = (*plain)(nil)
	_ devices.Dropper    = (*wire)(nil)
)

// greeting is what an EV1 device says of itself.
type greeting struct {
	session, cancel bool
	serial          string
}

// Bits of HELLO's capabilities, and the longest serial number.
const (
	helloSession = 1
	helloCancel  = 2
	maxSerial    = 32
)

// parseHello reads the data of HELLO's acknowledgement: version, keys, capabilities,
// serial number. What comes after in a later version is passed over. Nonsense is a device
// that says nothing of itself.
func parseHello(data []byte) greeting {
	if len(data) < 3 {
		return greeting{}
	}
	g := greeting{session: data[2]&helloSession != 0, cancel: data[2]&helloCancel != 0}
	for _, b := range data[3:min(len(data), 3+maxSerial)] {
		if b <= ' ' || b > '~' {
			break
		}
		g.serial += string(rune(b))
	}
	return g
}

// greet asks for HELLO and keeps the answer. A device that does not know the command, or
// answers nonsense, has nothing to say; that is no error. One that has another serial
// number than before is devices.ErrForeign.
func (e *ev1) greet(ctx context.Context) error {
	data, _, err := e.call(ctx, cmdHello, nil)
	if err != nil && !errors.Is(err, ErrRefused) {
		return fmt.Errorf("greet evaluator: %w", err)
	}
	g := parseHello(data)
	before := e.hello.Swap(&g)
	if before != nil && before.serial != "" && g.serial != "" && before.serial != g.serial {
		return fmt.Errorf("greet evaluator: %w", devices.ErrForeign)
	}
	return nil
}

// Identity implements devices.Identifier with the serial number of HELLO.
func (e *ev1) Identity(ctx context.Context) (string, error) {
	if err := e.take(ctx); err != nil {
		return "", err
	}
	defer e.release()
	if err := e.greet(ctx); err != nil {
		return "", err
	}
	return e.hello.Load().serial, nil
}

// Capabilities implements devices.Capable with the answer to HELLO, which the first poll
// asks for.
func (e *ev1) Capabilities() devices.Capabilities {
	c := devices.Capabilities{devices.CanTellCondition: devices.Supported}
	if g := e.hello.Load(); g != nil {
		c[devices.CanNameSession] = devices.Is(g.session)
		c[devices.CanCancel] = devices.Is(g.cancel)
		c[devices.CanTellIdentity] = devices.Is(g.serial != "")
	}
	return c
}

// Capabilities implements devices.Capable with what the make is known for.
func (e *plain) Capabilities() devices.Capabilities {
	return devices.Capabilities{
		devices.CanTellCondition: devices.Is(e.dialect.status() != nil),
		devices.CanNameSession:   devices.Unsupported,
		devices.CanCancel:        devices.Supported,
		devices.CanTellIdentity:  devices.Unsupported,
	}
}
