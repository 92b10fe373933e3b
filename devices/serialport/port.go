// Package serialport opens a serial line by its stable name and gives it reads and
// writes that a context really interrupts.
//
// Two libraries can do the talking, chosen by Config.Driver; both are kept from
// their traps by the same guard: bytes are only asked for when the kernel has some,
// and only handed over when it has room, so that neither a read nor a write can
// stick, and Close always finds the line free. Linux only.
package serialport

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Port is an open serial line. One Read and one Write may run at the same time;
// a second caller of either waits for its turn. Close may be called at any time,
// and ends both.
type Port interface {
	// Read waits until at least one byte is there, or ctx ends, and returns what
	// is there. It never returns (0, nil) for a non-empty p.
	Read(ctx context.Context, p []byte) (int, error)
	// Write hands over all of p or says how many bytes it got rid of. Bytes that
	// it counts may still be on their way to the device.
	Write(ctx context.Context, p []byte) (int, error)
	// Reset discards what has been received and not read.
	Reset(ctx context.Context) error
	// Close frees the line and whoever waits in Read or Write. Output that the
	// device did not take in time is thrown away. Closing twice is no error.
	Close() error
	// Name is the configured path.
	Name() string
}

// Errors by which somebody decides. A time-out is none of them: it is the context's
// own error, context.DeadlineExceeded or context.Canceled.
var (
	ErrNotFound    = errors.New("serial port not found")
	ErrBusy        = errors.New("serial port held by another program")
	ErrPermission  = errors.New("no permission for serial port")
	ErrNotSerial   = errors.New("not a serial port")
	ErrGone        = errors.New("serial port gone")
	ErrClosed      = errors.New("serial port closed")
	ErrDescriptors = errors.New("too many open files for this serial driver")
	ErrConfig      = errors.New("serial port settings not possible")
)

// Driver is the library that does the talking.
type Driver string

const (
	// Bugst is go.bug.st/serial, the default. It takes the line exclusively.
	Bugst Driver = "bugst"
	// Tarm is github.com/tarm/serial: for lines shared with a vendor's tool or
	// left locked by a crash, and adapters that refuse modem-line calls.
	Tarm Driver = "tarm"
)

// Config says which line, and how to talk on it. The format is always 8N1 without
// flow control.
type Config struct {
	Path   string // a node, or better a link such as /dev/serial/by-path/…
	Baud   int    // 115200 where zero
	Driver Driver // Bugst where empty
}

const defaultBaud = 115200

// rates are those that every adapter and both libraries know.
var rates = []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}

// Open opens the line. The path is resolved once; if it later leads elsewhere, the
// port is gone.
func Open(ctx context.Context, c Config) (Port, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.Baud == 0 {
		c.Baud = defaultBaud
	}
	if !slices.Contains(rates, c.Baud) {
		return nil, fmt.Errorf("%d baud: %w", c.Baud, ErrConfig)
	}
	open := openBugst
	switch c.Driver {
	case Bugst, "":
		c.Driver = Bugst
	case Tarm:
		open = openTarm
	default:
		return nil, fmt.Errorf("driver %q: %w", c.Driver, ErrConfig)
	}
	node, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		return nil, openError(c.Path, err)
	}
	g, err := openGuard(c.Path, node, c.Driver == Bugst)
	if err != nil {
		return nil, openError(c.Path, err)
	}
	lib, err := open(node, c.Baud, g)
	if err != nil {
		g.close()
		return nil, openError(c.Path, err)
	}
	return newPort(c.Path, lib, g), nil
}

// library is what both drivers offer once a line is open. Read and Write are only
// called when the guard has seen that they need not wait.
type library interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	Close() error
}
