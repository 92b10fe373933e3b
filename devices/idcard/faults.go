package idcard

import "yeban/devices"

// What a reader's conversation may end in. ErrNoCard, ErrLiftAndLayAgain and
// ErrWrongCard are for the citizen, the others are the reader's condition.
var (
	ErrNoCard          = &devices.Fault{State: devices.Online, Text: "no card on the reader"}
	ErrLiftAndLayAgain = &devices.Fault{State: devices.Online, Text: "card could not be read: lift it and lay it again"}
	ErrWrongCard       = &devices.Fault{State: devices.Online, Text: "not an identity card"}

	ErrUnlicensed = &devices.Fault{State: devices.HardwareError, Reason: devices.ReasonUnlicensed,
		Permanent: true, Text: "card reader's module is not licensed"}
	ErrSelfTest = &devices.Fault{State: devices.HardwareError, Reason: devices.ReasonSelfTest,
		Text: "card reader's module failed its self-test"}
	ErrSilent = &devices.Fault{State: devices.PowerOff, Reason: devices.ReasonSilent,
		Text: "card reader does not answer"}
	ErrGarbled = &devices.Fault{State: devices.Offline, Reason: devices.ReasonGarbled,
		Text: "card reader's answers make no sense"}
	ErrForeign = &devices.Fault{State: devices.Offline, Reason: devices.ReasonForeign,
		Reopen: true, Text: "another card reader answers on this port"}
)
