package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"yeban/devices"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// onBench gives simulated devices and a settings file that leads to them.
func onBench(t *testing.T) (*simulator.Bench, string) {
	t.Helper()
	dir := t.TempDir()
	sim, err := simulator.New(simulator.Config{Dir: dir, Speed: 5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	file := filepath.Join(dir, "kiosk.yaml")
	text := fmt.Sprintf("data: %[1]s/data\ndevices:\n  idcard: {path: %[1]s/idcard}\n  printer: {path: %[1]s/printer}\n  evaluator: {path: %[1]s/evaluator}\n", dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return sim, file
}

func TestDevicesListNamesPorts(t *testing.T) {
	code, out, errs := call(t, "", "devices", "list", "--json")
	var ports []map[string]any
	if code != 0 || json.Unmarshal([]byte(out), &ports) != nil || ports == nil {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if code, out, errs := call(t, "", "devices", "list"); code != 0 || out == "" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestListSaysWhatAPortIsFor(t *testing.T) {
	ports := Ports{
		IDCard:  ReaderPort{Port: Port{Path: "/dev/ttyUSB0"}},
		Printer: PrinterPort{Port: Port{Path: "/dev/ttyUSB1", Candidates: []string{"/dev/serial/by-path/*"}}},
	}
	info := serialport.Info{Path: "/dev/serial/by-path/pci-1", Node: "/dev/ttyUSB0", ByPath: "/dev/serial/by-path/pci-1"}
	if got := listed(info, ports).uses(); got != "idcard, printer?" {
		t.Errorf("%q", got)
	}
	if got := listed(serialport.Info{Path: "/dev/ttyS0", Node: "/dev/ttyS0"}, ports).uses(); got != "" {
		t.Errorf("%q", got)
	}
}

func TestDevicesProbeSaysWhatAnswers(t *testing.T) {
	sim, config := onBench(t)
	sim.Printer.RemovePaper()
	code, out, errs := call(t, "", "devices", "probe", "--config", config, "--json")
	var found []finding
	if err := json.Unmarshal([]byte(out), &found); code != 0 || err != nil || len(found) != 3 {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if f := found[0]; f.Kind != devices.IDCard || f.State != devices.Online || f.Baud != 115200 || f.Identity != "05.01-20200101-0000000001-0000000002" {
		t.Errorf("reader: %+v", f)
	}
	if f := found[1]; f.State != devices.Offline || f.Paper != devices.PaperOut || f.Reason != devices.ReasonPaperOut {
		t.Errorf("printer: %+v", f)
	}
	if f := found[2]; f.State != devices.Online {
		t.Errorf("evaluator: %+v", f)
	}
	if code, out, _ := call(t, "", "devices", "probe", "--config", config); code != 0 || !strings.Contains(out, "请换纸") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestDevicesProbeRecognisesWhatHangsOnAPort(t *testing.T) {
	sim, config := onBench(t)
	sim.Reader.SetFaults(simulator.ReaderFaults{BootBaud: 9600})
	empty := filepath.Join(t.TempDir(), "kiosk.yaml") // no port is known
	none := "devices: {idcard: {path: \"\"}, printer: {path: \"\"}, evaluator: {path: \"\"}}\n"
	if err := os.WriteFile(empty, []byte(none), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, baud := range map[devices.Kind]int{devices.IDCard: 9600, devices.Printer: 115200, devices.Evaluator: 9600} {
		port := filepath.Join(filepath.Dir(config), string(kind))
		code, out, errs := call(t, "", "devices", "probe", "--config", empty, "--json", port)
		var found []finding
		if err := json.Unmarshal([]byte(out), &found); code != 0 || err != nil || len(found) != 1 {
			t.Fatalf("%s: exit %d: %s%s", kind, code, out, errs)
		}
		if found[0].Kind != kind || found[0].Baud != baud {
			t.Errorf("%s: %+v", kind, found[0])
		}
	}
	if receipts := sim.Printer.Receipts(); len(receipts) != 0 || len(sim.Printer.Hanging().Lines) != 0 {
		t.Errorf("the probe left %d receipts on paper", len(receipts))
	}
	code, out, _ := call(t, "", "devices", "probe", "--lang", "en", filepath.Join(t.TempDir(), "none"))
	if code != 1 || !strings.Contains(out, "Serial port is missing") {
		t.Errorf("no port: exit %d: %s", code, out)
	}
}

func TestDevicesWatchPrintsDifferences(t *testing.T) {
	sim, config := onBench(t)
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run([]string{"devices", "watch", "--config", config, "--json", "--for", "8s"}, strings.NewReader(""), w, io.Discard)
		w.Close()
	}()
	opened, unplugged, missing := map[string]bool{}, false, false
	var last uint64
	for scan := bufio.NewScanner(r); scan.Scan(); {
		var s statusLine
		if err := json.Unmarshal(scan.Bytes(), &s); err != nil {
			t.Fatalf("%q: %v", scan.Text(), err)
		}
		if s.State == devices.Online {
			opened[s.Device] = true
		}
		if len(opened) == 3 && !unplugged {
			unplugged = true
			if err := sim.Unplug("printer"); err != nil {
				t.Fatal(err)
			}
		}
		if s.Kind == devices.Printer {
			missing = missing || s.State == devices.NoDevice && s.Reason == devices.ReasonNoPort && s.Seq > last
			last = s.Seq
		}
	}
	if code := <-ended; code != 0 || len(opened) != 3 || !missing {
		t.Errorf("exit %d, seen online %v, unplugged %v, missing %v", code, opened, unplugged, missing)
	}
	if code, _, errs := call(t, "", "devices", "watch", "--config", config, "/dev/null"); code != 1 || !strings.Contains(errs, "no device is configured") {
		t.Errorf("foreign port: exit %d, %q", code, errs)
	}
}

// technician does what the prompts ask, reading the page by the simulator's eye.
func technician(t *testing.T, sim *simulator.Bench, prompts io.Reader, in io.WriteCloser) (transcript string) {
	t.Helper()
	defer in.Close()
	words, err := loadDeviceWords("zh")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for scan := bufio.NewScanner(prompts); scan.Scan(); {
		all.WriteString(scan.Text() + "\n")
		switch scan.Text() {
		case words["print.ask"]:
			page := sim.Printer.Receipts()
			fmt.Fprintln(in, page[0].Lines[3].Text)
		case words["key.ask"]:
			// The question opens a moment after the prompt.
			stop := make(chan struct{}, 1)
			forget := sim.Watch(func(e simulator.Event) {
				if e.String() == "evaluator.asked" {
					select {
					case stop <- struct{}{}:
					default:
					}
				}
			})
			if !sim.Evaluator.Asking() {
				<-stop
			}
			forget()
			if err := sim.Evaluator.Press(4); err != nil {
				t.Error(err)
			}
		case words["card.ask"]:
			sim.Reader.Lay(simulator.Cards()[0])
		}
	}
	return all.String()
}

func TestDevicesTestLeadsATechnicianThrough(t *testing.T) {
	sim, config := onBench(t)
	report := filepath.Join(t.TempDir(), "report.json")
	typed, in := io.Pipe()
	prompts, out := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run([]string{"devices", "test", "--config", config, "--yes-code", "--report", report, "--wait", "40s"}, typed, out, &errs)
		out.Close()
	}()
	transcript := technician(t, sim, prompts, in)
	if code := <-ended; code != 0 {
		t.Fatalf("exit %d: %s%s", code, transcript, errs.String())
	}
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var got testReport
	if err := json.Unmarshal(raw, &got); err != nil || got.failed() || !got.Printed || len(got.Steps) != 3 {
		t.Errorf("report: %s", raw)
	}
	receipts := sim.Printer.Receipts()
	if len(receipts) != 2 || !strings.Contains(receipts[1].Text(), "自检通过") {
		t.Errorf("%d pages on paper", len(receipts))
	}
	card := simulator.Cards()[0]
	for where, text := range map[string]string{"report": string(raw), "paper": receipts[len(receipts)-1].Text(), "prompts": transcript, "stderr": errs.String()} {
		if strings.Contains(text, card.Name) || strings.Contains(text, card.IDNumber) {
			t.Errorf("%s holds what stands on the card", where)
		}
	}
}

func TestDevicesTestFailsHonestly(t *testing.T) {
	sim, config := onBench(t)
	sim.Printer.RemovePaper()
	if err := sim.Unplug("evaluator"); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	code, out, errs := call(t, "", "devices", "test", "--config", config, "--yes-code", "--report", report, "--wait", "2s", "--lang", "en")
	if code != 1 || !strings.Contains(out, "put in a new roll") || !strings.Contains(out, "Self-test failed") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var got testReport
	if err := json.Unmarshal(raw, &got); err != nil || len(got.Steps) != 3 || got.Printed {
		t.Fatalf("report: %s", raw)
	}
	for i, want := range []devices.Reason{devices.ReasonPaperOut, devices.ReasonNoPort, devices.ReasonNone} {
		if s := got.Steps[i]; s.Outcome != stepFailed || s.Reason != want {
			t.Errorf("step %d: %+v, want reason %q", i+1, s, want)
		}
	}
	if code, _, errs := call(t, "", "devices", "test", "--config", config); code != 1 || !strings.Contains(errs, "nobody is there") {
		t.Errorf("without a terminal: exit %d, %q", code, errs)
	}
}

func TestDeviceWordsAreWholeInBothLanguages(t *testing.T) {
	zh, err := loadDeviceWords("zh")
	if err != nil {
		t.Fatal(err)
	}
	en, err := loadDeviceWords("en")
	if err != nil {
		t.Fatal(err)
	}
	for key := range zh {
		if en[key] == "" {
			t.Errorf("en lacks %s", key)
		}
	}
	if len(zh) != len(en) {
		t.Errorf("zh has %d sentences, en %d", len(zh), len(en))
	}
}

// constants gives the values of the constants of a named type in a source file.
func constants(t *testing.T, file, typeName string) (values []string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		name, typed := spec.Type.(*ast.Ident)
		text, literal := spec.Values[0].(*ast.BasicLit)
		if typed && literal && name.Name == typeName {
			value, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	return values
}

func TestEveryReasonAndCapabilityHasItsWords(t *testing.T) {
	reasons := constants(t, "../devices/status.go", "Reason")
	abilities := constants(t, "../devices/capability.go", "Capability")
	if len(reasons) < 17 || len(abilities) < 10 {
		t.Fatalf("found %d reasons, %d capabilities", len(reasons), len(abilities))
	}
	for _, lang := range []string{"zh", "en"} {
		words, err := loadDeviceWords(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range reasons {
			if r != "" && words["reason."+r] == "" {
				t.Errorf("%s: no remedy for %s", lang, r)
			}
		}
		for _, c := range abilities {
			if words["can."+c] == "" {
				t.Errorf("%s: no word for %s", lang, c)
			}
		}
	}
}

func TestNoSensorIsNotNoAnswer(t *testing.T) {
	words, err := loadDeviceWords("en")
	if err != nil {
		t.Fatal(err)
	}
	unknown := devices.Status{Kind: devices.Printer, State: devices.Online, Paper: devices.PaperUnknown}
	for _, c := range []struct {
		able             devices.Capabilities
		paper, abilities string
	}{
		{nil, "unknown", ""},
		{devices.Capabilities{devices.CanTellPaperEnd: devices.UnknownSupport}, "unknown", "not known: tell the end of the paper"},
		{devices.Capabilities{devices.CanTellPaperEnd: devices.Unsupported, devices.CanTellIdentity: devices.Supported},
			"no sensor", "can: tell which one it is  cannot: tell the end of the paper"},
	} {
		if got := paperWord(unknown, c.able); got != c.paper {
			t.Errorf("%v: paper %q", c.able, got)
		}
		if got := words.abilities(c.able); got != c.abilities {
			t.Errorf("%v: %q", c.able, got)
		}
	}
}

func TestKioskLooksForItsDevicesInAllSockets(t *testing.T) {
	sim, config := onBench(t)
	dir := filepath.Dir(config)
	text := fmt.Sprintf("data: %[1]s/data\ndevices:\n"+
		"  idcard: {path: %[1]s/idcard, candidates: [%[1]s/*], identity: 05.01-20200101-0000000001-0000000002}\n"+
		"  printer: {path: %[1]s/printer, candidates: [%[1]s/*]}\n"+
		"  evaluator: {path: %[1]s/evaluator, candidates: [%[1]s/*]}\n", dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for device, socket := range map[string]string{"idcard": "printer", "printer": "idcard"} {
		if err := sim.Plug(device, socket); err != nil {
			t.Fatal(err)
		}
	}
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run([]string{"devices", "watch", "--config", config, "--json", "--for", "8s"}, strings.NewReader(""), w, io.Discard)
		w.Close()
	}()
	where, foreign := map[devices.Kind]string{}, false
	for scan := bufio.NewScanner(r); scan.Scan(); {
		var s statusLine
		if err := json.Unmarshal(scan.Bytes(), &s); err != nil {
			t.Fatalf("%q: %v", scan.Text(), err)
		}
		foreign = foreign || s.Kind == devices.IDCard && s.Reason == devices.ReasonForeign
		if s.State == devices.Online {
			where[s.Kind] = filepath.Base(s.Port)
			if s.Capabilities.Of(devices.CanTellCondition) == devices.UnknownSupport && s.Kind != devices.Printer {
				t.Errorf("%s: capabilities %v", s.Kind, s.Capabilities)
			}
		}
	}
	want := map[devices.Kind]string{devices.IDCard: "printer", devices.Printer: "idcard", devices.Evaluator: "evaluator"}
	if code := <-ended; code != 0 || !maps.Equal(where, want) || !foreign {
		t.Errorf("exit %d, found %v, foreign seen %v", code, where, foreign)
	}
	if err := os.WriteFile(config, []byte("devices: {idcard: {candidates: [\"/dev/tty[\"]}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "", "devices", "probe", "--config", config); code != 1 || !strings.Contains(errs, "candidates") {
		t.Errorf("bad pattern: exit %d, %s", code, errs)
	}
}
