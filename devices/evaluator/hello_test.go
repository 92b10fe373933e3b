package evaluator_test

import (
	"errors"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/simulator"
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

func TestHelloIsAskedForAgainAfterALossOfPower(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*rig){
		"that nobody missed": func(r *rig) { r.bench.Evaluator.Restart() },
		"that was noticed": func(r *rig) {
			r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{Mute: true})
			if s, err := r.e.Poll(r.ctx); err != nil || s.State != devices.PowerOff {
				t.Error(s.State, err)
			}
			r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, evaluator.EV1, evaluator.Options{Reply: time.Second})
			for range 3 {
				if s, err := r.e.Poll(r.ctx); err != nil || s.State != devices.Online {
					t.Fatal(s.State, err)
				}
			}
			if n := r.bench.Evaluator.Greeted(); n != 1 {
				t.Fatalf("asked for HELLO %d times", n)
			}
			lose(r)
			for range 2 {
				if s, err := r.e.Poll(r.ctx); err != nil || s.State != devices.Online {
					t.Fatal(s.State, err)
				}
			}
			if n := r.bench.Evaluator.Greeted(); n != 2 {
				t.Errorf("asked for HELLO %d times", n)
			}
			r.bench.Evaluator.Exchange("EV1-0000002")
			if _, err := r.e.Poll(r.ctx); !errors.Is(err, devices.ErrForeign) {
				t.Errorf("another device: %v", err)
			}
		})
	}
}

func TestQuestionThatIsLostWithThePowerIsPutAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, evaluator.EV1, evaluator.Options{})
	go func() {
		<-r.asked
		r.bench.Evaluator.Restart()
		r.press(t, 4) // when it is asked again
	}()
	a, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(1), Timeout: 40 * time.Second})
	if err != nil || a.Level != 4 || r.bench.Evaluator.Asked() != 2 {
		t.Errorf("%+v %v, asked %d times", a, err, r.bench.Evaluator.Asked())
	}
}

func TestDeviceThatDiesWhileItAsksIsSilent(t *testing.T) {
	t.Parallel()
	r := newRig(t, evaluator.EV1, evaluator.Options{Reply: time.Second})
	go func() {
		<-r.asked
		r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{Mute: true})
	}()
	began := time.Now()
	_, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(1), Timeout: 55 * time.Second})
	if !errors.Is(err, evaluator.ErrSilent) || time.Since(began) > 40*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// A question that stays open for long is looked after, and its answer is not lost to that.
func TestLateKeyOfALongQuestionCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, evaluator.EV1, evaluator.Options{})
	go r.pressAfter(t, 2, 6*time.Second)
	a, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(1), Timeout: 40 * time.Second})
	if err != nil || a.Level != 2 || r.bench.Evaluator.Asked() != 1 {
		t.Errorf("%+v %v, asked %d times", a, err, r.bench.Evaluator.Asked())
	}
}
