package evaluator_test

import (
	"testing"

	"yeban/devices"
	"yeban/devices/evaluator"
)

func TestMakesTellWhatTheyCan(t *testing.T) {
	const yes, no, unknown = devices.Supported, devices.Unsupported, devices.UnknownSupport
	for _, c := range []struct {
		kind                               evaluator.Kind
		before                             devices.Support // of naming the session, unasked
		session, cancel, condition, serial devices.Support
		identity                           string
	}{
		{evaluator.EV1, unknown, yes, yes, yes, yes, "EV1-0000001"},
		{evaluator.PJ06, no, no, yes, no, no, ""},
		{evaluator.JT905, no, no, yes, yes, no, ""},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.kind, evaluator.Options{})
			able := r.e.(devices.Capable)
			if got := able.Capabilities().Of(devices.CanNameSession); got != c.before {
				t.Errorf("before the first word: %s", got)
			}
			if _, err := r.e.Poll(r.ctx); err != nil {
				t.Fatal(err)
			}
			got := able.Capabilities()
			for what, want := range map[devices.Capability]devices.Support{
				devices.CanNameSession: c.session, devices.CanCancel: c.cancel,
				devices.CanTellCondition: c.condition, devices.CanTellIdentity: c.serial,
			} {
				if got.Of(what) != want {
					t.Errorf("%s: %s, want %s", what, got.Of(what), want)
				}
			}
			asked, ok := r.e.(devices.Identifier)
			if ok != (c.identity != "") {
				t.Fatalf("asks for an identity: %v", ok)
			}
			if ok {
				if id, err := asked.Identity(r.ctx); err != nil || id != c.identity {
					t.Errorf("identity %q, %v", id, err)
				}
			}
		})
	}
}
