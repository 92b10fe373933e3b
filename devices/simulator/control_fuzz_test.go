package simulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// caller is a connection of the control socket that has said all that it will.
type caller struct {
	io.Reader
	answers bytes.Buffer
}

func (c *caller) Write(p []byte) (int, error) { return c.answers.Write(p) }

// FuzzControl: whatever scripts say, each line gets one answer, what is refused changes
// nothing, and the devices go on working.
func FuzzControl(f *testing.F) {
	for _, script := range []string{
		`{"do":"lay","card":"resident"}` + "\n" + `{"do":"lift"}` + "\n" + `{"do":"state"}`,
		`{"do":"press","level":5}`,
		`{"do":"paper","paper":"out"}` + "\n" + `{"do":"cover","open":true}` + "\n" + `{"do":"power","off":true}`,
		`{"do":"tear"}` + "\n" + `{"do":"image"}` + "\n" + `{"do":"receipts"}` + "\n" + `{"do":"restart"}`,
		`{"do":"plug","device":"idcard","as":"printer"}` + "\n" + `{"do":"unplug","device":"idcard"}`,
		`{"do":"plug","device":"printer","as":"../x"}`,
		`{"do":"fault","device":"idcard","faults":{"latency":"1ms","chunk":7,"photoGap":900,"noise":3,"bootBaud":9600,"selfTest":96}}`,
		`{"do":"fault","device":"printer","faults":{"paperOutAfter":3,"unplugAfter":1,"bootBaud":-1}}`,
		`{"do":"fault","device":"evaluator","faults":{"lateBy":"2s","reversed":true,"fromZero":true}}`,
		"{}\nnull\n[]\n\"\"\n{",
	} {
		f.Add([]byte(script))
	}
	b := &Bench{}
	cfg := Config{Dir: f.TempDir(), Speed: 1e6}.withDefaults()
	face, err := newTypeface(nil)
	if err != nil {
		f.Fatal(err)
	}
	b.Reader, b.Printer = newReader(cfg, b.events.emit), newPrinter(cfg, face, b.events.emit)
	if b.Evaluator, err = newEvaluator(cfg, b.events.emit); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { b.Close() })
	f.Fuzz(func(t *testing.T, said []byte) {
		defer b.renew()
		before := b.stateText(t)
		c := &caller{Reader: bytes.NewReader(said)}
		b.converse(c)
		lines := bufio.NewScanner(bytes.NewReader(said))
		lines.Buffer(nil, maxRequestLine)
		want, refused := 0, 0
		for lines.Scan() {
			want++
		}
		if lines.Err() != nil {
			want++
		}
		answers := json.NewDecoder(&c.answers)
		for range want {
			var r Response
			if err := answers.Decode(&r); err != nil {
				t.Fatalf("answer: %v", err)
			}
			if r.Error != "" {
				refused++
			}
		}
		if answers.More() {
			t.Errorf("more than %d answers", want)
		}
		if after := b.stateText(t); refused == want && after != before {
			t.Errorf("all was refused, and changed the bench from %s to %s", before, after)
		}
		b.exercise(t)
	})
}

// stateText is the bench as scripts see it.
func (b *Bench) stateText(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(b.State())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exercise has each device say something with the faults that it has.
func (b *Bench) exercise(t *testing.T) {
	t.Helper()
	for _, request := range [][]byte{find, selectIt, readIt} {
		b.Reader.receive(request)
	}
	b.Printer.receive([]byte("A\nB\n\x10\x04\x01"))
	b.Evaluator.receive([]byte("\x55\xAA\x00\x06\x01\x01\x01\x06\x00\x00"))
	if err := b.Evaluator.Press(3); err != nil {
		t.Error(err)
	}
}

// renew makes a new bench of it, with all cables out.
func (b *Bench) renew() {
	b.Close()
	b.Reader.SetFaults(ReaderFaults{})
	b.Reader.Lift()
	b.Printer.SetFaults(PrinterFaults{})
	b.Printer.SetPower(true)
	b.Printer.SetCover(false)
	b.Printer.LoadPaper()
	b.Printer.TearOff()
	b.Evaluator.SetFaults(EvaluatorFaults{})
	b.Evaluator.Restart()
}

func TestAbsurdRequestsAreRefused(t *testing.T) {
	b := newBench(t)
	before := b.stateText(t)
	for _, request := range []string{
		`{"do":"fault","device":"idcard","faults":{"noise":1099511627776}}`,
		`{"do":"fault","device":"idcard","faults":{"chunk":-1}}`,
		`{"do":"fault","device":"idcard","faults":{"bootBaud":4611686018427387904}}`,
		`{"do":"fault","device":"idcard","faults":{"latency":-5}}`,
		`{"do":"fault","device":"evaluator","faults":{"lateBy":"9000h"}}`,
		`{"do":"fault","device":"printer","faults":{"unplugAfter":-2}}`,
		`{"do":"plug","device":"printer","as":"../printer"}`,
		`{"do":"plug","device":"printer","as":".."}`,
		`{"do":"plug","device":"printer","as":"a\u0000b"}`,
		`{"do":"plug","device":"printer","as":"` + strings.Repeat("x", 300) + `"}`,
		strings.Repeat(" ", maxRequestLine+1),
	} {
		c := &caller{Reader: strings.NewReader(request)}
		b.converse(c)
		var r Response
		if err := json.Unmarshal(c.answers.Bytes(), &r); err != nil || r.Error == "" {
			t.Errorf("%.80s: %q, %v", request, r.Error, err)
		}
		if after := b.stateText(t); after != before {
			t.Errorf("%.80s changed the bench to %s", request, after)
		}
	}
}
