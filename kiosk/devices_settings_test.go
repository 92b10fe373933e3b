package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/simulator"
)

// setUp gives simulated devices and the settings of a terminal that they hang on.
func setUp(t *testing.T, c simulator.Config, idcard, evaluator string) (*simulator.Bench, Config, string) {
	t.Helper()
	c.Dir, c.Speed = t.TempDir(), 5
	sim, err := simulator.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	text := fmt.Sprintf("data: %[1]s/data\ndevices:\n  idcard: {path: %[1]s/idcard%[2]s}\n  printer: {path: %[1]s/printer}\n  evaluator: {path: %[1]s/evaluator%[3]s}\n",
		c.Dir, idcard, evaluator)
	file := filepath.Join(c.Dir, "kiosk.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	return sim, cfg, file
}

// wired starts the workers that the settings ask for.
func wired(t *testing.T, cfg Config) *hardware {
	t.Helper()
	h := newHardware(cfg, newLogger(io.Discard, "error"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return h
}

func TestReaderIsSpokenToAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, settings string
		family         simulator.ReaderFamily
	}{
		{"as it comes", "", simulator.SAMV},
		{"other family", ", family: stx", simulator.STX},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim, cfg, file := setUp(t, simulator.Config{Reader: c.family}, c.settings, "")
			if code, out, errs := call(t, "", "devices", "probe", "--config", file); code != 0 || !strings.Contains(out, "idcard  身份证阅读器  online") {
				t.Fatalf("probe: exit %d: %s%s", code, out, errs)
			}
			h := wired(t, cfg)
			err := use(t.Context(), h.reader, time.Minute, func(ctx context.Context, r *idcard.Reader) error {
				sim.Reader.Lay(simulator.Cards()[0])
				got, err := r.WaitCard(ctx, cardPoll, nil)
				if got.IDNumber != simulator.Cards()[0].IDNumber || len(got.Fingerprint) != 0 {
					t.Errorf("another card, or %d bytes of a fingerprint that nobody needs", len(got.Fingerprint))
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEvaluatorIsSpokenToAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, settings string
		sim            simulator.Config
		faults         simulator.EvaluatorFaults
	}{
		{"5 is the best", ", model: pj06", simulator.Config{Evaluator: simulator.PJ06}, simulator.EvaluatorFaults{}},
		{"1 is the best", ", model: pj06, best_key: 1", simulator.Config{Evaluator: simulator.PJ06}, simulator.EvaluatorFaults{Reversed: true}},
		{"another vendor where 0 is the best", ", model: jt905, best_key: 0, jt905: {device: 0x11, vendor: 0x2A}",
			simulator.Config{Evaluator: simulator.JT905, JT905: [2]byte{0x11, 0x2A}}, simulator.EvaluatorFaults{Reversed: true, FromZero: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sim, cfg, file := setUp(t, c.sim, "", c.settings)
			if code, out, errs := call(t, "", "devices", "probe", "--config", file); code != 0 {
				t.Fatalf("probe: exit %d: %s%s", code, out, errs)
			}
			sim.Evaluator.SetFaults(c.faults)
			asked := make(chan struct{}, 10)
			defer sim.Watch(func(e simulator.Event) {
				if e.String() == "evaluator.asked" {
					asked <- struct{}{}
				}
			})()
			h := wired(t, cfg)
			for _, key := range []int{1, 5} {
				err := use(t.Context(), h.evaluator, time.Minute, func(ctx context.Context, e evaluator.Evaluator) error {
					go func() {
						<-asked
						time.AfterFunc(600*time.Millisecond, func() { sim.Evaluator.Press(key) })
					}()
					answer, err := e.Ask(ctx, evaluator.Ask{Session: [8]byte{byte(key)}, Timeout: 30 * time.Second})
					if int(answer.Level) != key {
						t.Errorf("level %d was taken for %d", key, answer.Level)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestDeviceSettingsThatCannotBeAreRefused(t *testing.T) {
	for settings, want := range map[string]string{
		"idcard: {family: usb}":                                       `devices.idcard.family: "usb" is neither samv nor stx`,
		"evaluator: {model: morse}":                                   `devices.evaluator: no evaluator of kind "morse"`,
		"evaluator: {best_key: 3}":                                    "devices.evaluator.best_key: 3 is neither 5, 1 nor 0",
		"evaluator: {best_key: 0}":                                    "devices.evaluator: no key of ev1 devices is 0",
		"evaluator: {model: pj06, best_key: 0}":                       "devices.evaluator: no key of pj06 devices is 0",
		"evaluator: {model: jt905, jt905: {vendor: 0x100}}":           "devices.evaluator.jt905: device and vendor are one byte each",
		"evaluator: {model: jt905, jt905: {vendor: -1}}":              "line 1",
		"evaluator: {model: jt905, jt905: {ask: 0x20, result: 0x20}}": "two commands of the JT/T 905 vendor are 0x0020",
	} {
		file := filepath.Join(t.TempDir(), "kiosk.yaml")
		if err := os.WriteFile(file, []byte("devices: {"+settings+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadConfig(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", settings, err)
		}
	}
}

func TestHelpNamesDeviceSettings(t *testing.T) {
	_, out, _ := call(t, "", "--help")
	for _, want := range []string{"devices.idcard.family", "devices.evaluator.best_key", "devices.evaluator.jt905.vendor", "0x01"} {
		if !strings.Contains(out, want) {
			t.Errorf("help lacks %s", want)
		}
	}
}

// A key that nobody asked for shows with the next line of its device.
func TestDevicesWatchCountsAnswersToNobody(t *testing.T) {
	t.Parallel()
	sim, _, file := setUp(t, simulator.Config{}, "", "")
	sim.Evaluator.SetFaults(simulator.EvaluatorFaults{Unasked: true})
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run([]string{"devices", "watch", "--config", file, "--json", "--for", "6s"}, strings.NewReader(""), w, io.Discard)
		w.Close()
	}()
	pressed, dropped := false, uint64(0)
	for scan := bufio.NewScanner(r); scan.Scan(); {
		var s statusLine
		if err := json.Unmarshal(scan.Bytes(), &s); err != nil {
			t.Fatalf("%q: %v", scan.Text(), err)
		}
		if s.Kind != devices.Evaluator {
			continue
		}
		dropped = max(dropped, s.Dropped)
		if s.State == devices.Online && !pressed {
			pressed = true
			if err := sim.Evaluator.Press(1); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(2*time.Second, func() { sim.Unplug("evaluator") })
		}
	}
	if code := <-ended; code != 0 || !pressed || dropped == 0 {
		t.Errorf("exit %d, pressed %v, %d answers dropped", code, pressed, dropped)
	}
}
