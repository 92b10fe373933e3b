package devices

import "maps"

// Capability is something that some devices of a kind can do and others cannot.
type Capability string

const (
	CanTellPaperEnd     Capability = "paper.end"        // a sensor at the end of the paper
	CanTellPaperNearEnd Capability = "paper.nearEnd"    // a sensor for the last metres of the roll
	CanReportUnasked    Capability = "status.automatic" // says changes without being asked
	CanProveBySensor    Capability = "print.proof.GSr"  // answers GS r behind what it has printed
	CanProveByID        Capability = "print.proof.GS(H" // answers GS ( H with the job's number
	CanReadFingerprint  Capability = "card.fingerprint" // fingerprints with the text and photo
	CanReadAddress      Capability = "card.address"     // newest appended address
	CanNameSession      Capability = "rating.session"   // says whose answer it is
	CanCancel           Capability = "rating.cancel"    // closes a question when told so
	CanTellCondition    Capability = "status.asked"     // answers when asked how it is
	CanTellIdentity     Capability = "identity"         // says which one of its kind it is
)

// Support says whether a device can do something. Unsupported is the device's or its
// make's word; of a device that has not answered, nothing is known.
type Support string

const (
	UnknownSupport Support = "unknown"
	Supported      Support = "supported"
	Unsupported    Support = "unsupported"
)

// Capabilities are what is known of one device.
type Capabilities map[Capability]Support

// Of is what is known of one capability; UnknownSupport where nothing was said of it.
func (c Capabilities) Of(what Capability) Support {
	if s, ok := c[what]; ok {
		return s
	}
	return UnknownSupport
}

// Is gives Supported or Unsupported.
func Is(can bool) Support {
	if can {
		return Supported
	}
	return Unsupported
}

// Capable is a Driver that knows what its device can do. Capabilities speaks with
// nobody: it tells what the make is known for, and what the device has shown so far.
type Capable interface {
	Capabilities() Capabilities
}

// Capabilities is what the device on the open port is known to be able to do, as of the
// last poll or command. It is empty while no port is open: then nothing is known.
func (w *Worker[D]) Capabilities() Capabilities {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.able)
}

// learn takes note of what the driver knows by now.
func (w *Worker[D]) learn(d D) {
	c, ok := any(d).(Capable)
	if !ok {
		return
	}
	var able Capabilities
	w.guarded("capabilities", func() error { able = c.Capabilities(); return nil })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.able = able
}
