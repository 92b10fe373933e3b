package serialport

import (
	"errors"
	"fmt"
	"io/fs"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// openError gives an error of opening its type. The library's or the system's own
// words stay in the text.
func openError(path string, err error) error {
	var kind error
	var lib *serial.PortError
	switch {
	case isTyped(err):
		return fmt.Errorf("open %s: %w", path, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV),
		errors.Is(err, unix.EIO): // EIO: a line whose other side has hung up
		kind = ErrNotFound
	case errors.Is(err, unix.EBUSY):
		kind = ErrBusy
	case errors.Is(err, fs.ErrPermission):
		kind = ErrPermission
	case errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EISDIR), errors.Is(err, unix.ELOOP),
		errors.Is(err, unix.ENOTDIR):
		kind = ErrNotSerial
	case errors.As(err, &lib):
		switch lib.Code() {
		case serial.PortBusy:
			kind = ErrBusy
		case serial.PermissionDenied:
			kind = ErrPermission
		case serial.PortNotFound:
			kind = ErrNotFound
		case serial.InvalidSerialPort:
			kind = ErrNotSerial
		default:
			kind = ErrConfig
		}
	default:
		return fmt.Errorf("open %s: %w", path, err)
	}
	return fmt.Errorf("open %s: %w (%v)", path, kind, err)
}

func isTyped(err error) bool {
	for _, kind := range []error{ErrNotFound, ErrBusy, ErrPermission, ErrNotSerial, ErrDescriptors, ErrConfig} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
