package printer

import (
	"sync/atomic"

	"yeban/devices"
)

// shown is what a printer has shown of itself so far.
type shown struct {
	proof, mute     atomic.Bool // of a marker
	paper           atomic.Bool // DLE EOT 4 or automatic status was answered
	unasked         atomic.Bool
	named, nameless atomic.Bool
}

// Capabilities tells what the profile says and what the printer has shown so far.
func (p *Printer) Capabilities() devices.Capabilities {
	c := devices.Capabilities{
		devices.CanTellPaperNearEnd: devices.Is(p.profile.NearEnd),
		devices.CanTellPaperEnd:     seen(p.shown.paper.Load(), false),
		devices.CanReportUnasked:    seen(p.shown.unasked.Load(), !p.profile.ASB),
		devices.CanTellIdentity:     seen(p.shown.named.Load(), p.shown.nameless.Load()),
		devices.CanProveBySensor:    devices.Unsupported,
		devices.CanProveByID:        devices.Unsupported,
	}
	proof := seen(p.shown.proof.Load(), p.shown.mute.Load())
	switch p.profile.Proof {
	case BySensor:
		c[devices.CanProveBySensor] = proof
	case ByJobID:
		c[devices.CanProveByID] = proof
	}
	return c
}

// seen is Unknown as long as the printer has shown neither that it can nor that it cannot.
func seen(can, cannot bool) devices.Support {
	switch {
	case can:
		return devices.Supported
	case cannot:
		return devices.Unsupported
	}
	return devices.UnknownSupport
}
