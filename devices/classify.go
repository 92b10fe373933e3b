package devices

import (
	"errors"

	"yeban/devices/serialport"
)

// Fault is an error that says what it means for a device's condition. Drivers
// declare theirs as package variables, to be told apart with errors.Is, and wrap
// them with what was being done.
type Fault struct {
	State     State
	Reason    Reason
	Permanent bool   // trying again soon is of no use: a person must act first
	Reopen    bool   // the conversation is lost: the port must be opened anew
	Text      string // for logs, English, without personal data
}

func (f *Fault) Error() string { return f.Text }

// ErrNotReady says that a device cannot be lent: its port is not open.
var ErrNotReady = errors.New("device not ready")

// Classify says what an error of a driver or of its port means for the device.
// Errors that it does not know, time-outs of a caller among them, leave it Unknown.
func Classify(err error) Fault {
	var fault *Fault
	switch {
	case err == nil:
		return Fault{State: Online}
	case errors.As(err, &fault):
		f := *fault
		f.Text = err.Error()
		return f
	}
	f := Fault{State: Unknown, Text: err.Error()}
	switch {
	case errors.Is(err, serialport.ErrNotFound), errors.Is(err, serialport.ErrGone):
		f.State, f.Reason, f.Reopen = NoDevice, ReasonNoPort, true
	case errors.Is(err, serialport.ErrBusy):
		f.State, f.Reason, f.Reopen = Offline, ReasonPortBusy, true
	case errors.Is(err, serialport.ErrPermission):
		f.State, f.Reason, f.Reopen, f.Permanent = Offline, ReasonPortDenied, true, true
	case errors.Is(err, serialport.ErrConfig), errors.Is(err, serialport.ErrNotSerial):
		f.State, f.Reason, f.Reopen, f.Permanent = NoDevice, ReasonPortSettings, true, true
	case errors.Is(err, serialport.ErrClosed), errors.Is(err, serialport.ErrDescriptors):
		f.Reopen = true
	}
	return f
}
