// Package devices is about what hangs on a terminal's serial ports: one vocabulary
// for their condition, and the worker that owns each port.
package devices

import "time"

// Kind is what a device is for.
type Kind string

const (
	IDCard    Kind = "idcard"
	Printer   Kind = "printer"
	Evaluator Kind = "evaluator"
)

// State is a device's condition, in words after XFS4IoT (CEN CWA 16926). Unknown is
// never to be shown as healthy, nor as broken.
type State string

const (
	Unknown       State = "unknown"       // no fresh word from the device
	Starting      State = "starting"      // being opened or probed
	Online        State = "online"        // answers and can work
	Offline       State = "offline"       // answers, says that it cannot work
	PowerOff      State = "powerOff"      // port there, nobody answers
	NoDevice      State = "noDevice"      // port not there
	HardwareError State = "hardwareError" // needs repair
	UserError     State = "userError"     // a person left it wrong: cover open, card forgotten
	DeviceBusy    State = "deviceBusy"    // working for somebody
)

// Paper is the condition of one paper source. The empty value means that the device
// has no paper at all.
type Paper string

const (
	PaperUnknown Paper = "unknown"
	PaperFull    Paper = "full"
	PaperLow     Paper = "low"
	PaperOut     Paper = "out"
	PaperJammed  Paper = "jammed"
)

// Reason says why a device is in its state; staff get a remedy for each from the
// message catalogue, under "reason.<code>".
type Reason string

const (
	ReasonNone         Reason = ""
	ReasonNoPort       Reason = "port.missing"   // cable out, adapter dead
	ReasonPortBusy     Reason = "port.busy"      // another program holds it
	ReasonPortDenied   Reason = "port.denied"    // rights of the device node
	ReasonPortSettings Reason = "port.settings"  // path or baud rate is none
	ReasonSilent       Reason = "device.silent"  // no answer: power or wrong baud rate
	ReasonGarbled      Reason = "device.garbled" // answers that make no sense
	ReasonForeign      Reason = "device.foreign" // something else answers on this port
	ReasonStale        Reason = "status.stale"   // no fresh status in time
	ReasonPaperOut     Reason = "paper.out"
	ReasonPaperLow     Reason = "paper.low"
	ReasonCoverOpen    Reason = "cover.open"
	ReasonCutter       Reason = "cutter.stuck"
	ReasonHeadHot      Reason = "head.hot" // recovers by itself
	ReasonUnlicensed   Reason = "sam.unlicensed"
	ReasonSelfTest     Reason = "sam.selftest"
	ReasonPrinterFault Reason = "printer.fault" // unrecoverable
	ReasonWorkerDied   Reason = "worker.died"   // our own fault; restarted
	ReasonReopened     Reason = "port.reopened" // being opened anew because staff asked for it
)

// Status is one device's condition at a moment.
type Status struct {
	Device string // configured name
	Kind   Kind
	State  State
	Paper  Paper // printers only
	Reason Reason
	At     time.Time // when the device itself last said so
	Seq    uint64    // grows with every published difference
}
