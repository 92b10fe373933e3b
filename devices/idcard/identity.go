package idcard

import (
	"context"

	"yeban/devices"
)

var (
	_ devices.Identifier = (*Reader)(nil)
	_ devices.Capable    = (*Reader)(nil)
)

// Identity is the module's SAM id as printed on its label. The STX family has none to
// tell.
func (r *Reader) Identity(ctx context.Context) (string, error) {
	if r.talk.family == STX {
		return "", nil
	}
	if r.talk.sam == nil {
		if _, err := r.SAMID(ctx); err != nil {
			return "", err
		}
	}
	return r.talk.sam.String(), nil
}

// Capabilities implements devices.Capable. Which commands for a card's contents a module
// knows shows when it is asked for them with a card on it.
func (r *Reader) Capabilities() devices.Capabilities {
	c := devices.Capabilities{
		devices.CanTellIdentity:    devices.Is(r.talk.family == SAMV),
		devices.CanTellCondition:   devices.Supported, // STX by asking for a card
		devices.CanReadAddress:     r.talk.shown[CmdReadAddress],
		devices.CanReadFingerprint: r.talk.shown[CmdReadFingerprint],
	}
	for what, s := range c {
		switch {
		case s != "":
		case r.talk.family == STX: // has no such commands
			c[what] = devices.Unsupported
		default:
			c[what] = devices.UnknownSupport
		}
	}
	return c
}

// show notes that the module knows a command, or does not. Other answers tell nothing.
func (c *conversation) show(cmd Command, code Code) {
	if c.shown == nil {
		c.shown = map[Command]devices.Support{}
	}
	switch code {
	case OK, None:
		c.shown[cmd] = devices.Supported
	case BadCommand:
		c.shown[cmd] = devices.Unsupported
	}
}
