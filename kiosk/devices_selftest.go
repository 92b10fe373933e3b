package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/printer"
)

type devicesTestVerb struct {
	Config  string        `help:"Settings file; without it the defaults hold." placeholder:"FILE"`
	Lang    string        `help:"Language of the prompts: zh or en." default:"zh" enum:"zh,en"`
	Report  string        `help:"Also write the report as JSON to this file." placeholder:"FILE"`
	YesCode bool          `name:"yes-code" help:"Take the page's code from standard input although it is no terminal: for scripts."`
	Wait    time.Duration `help:"How long to wait for a device, and for a person at each step." default:"60s"`
}

// selfTest is one run of the guided test.
type selfTest struct {
	verb  devicesTestVerb
	hw    *hardware
	ports Ports
	words deviceWords
	out   io.Writer
	lines <-chan string // what the technician types; closed at its end
}

// Run leads a technician through the devices; it exits with 1 where a step failed.
func (v devicesTestVerb) Run(s *streams) error {
	if !v.YesCode && !terminalThere(s.in) {
		return errors.New("nobody is there to read the test page: start this in a terminal, or give --yes-code")
	}
	cfg, err := loadConfig(v.Config)
	if err != nil {
		return err
	}
	words, err := loadDeviceWords(v.Lang)
	if err != nil {
		return err
	}
	hw, err := openHardware(cfg, s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() { ended <- hw.run(ctx) }()
	t := &selfTest{verb: v, hw: hw, ports: cfg.Ports, words: words, out: s.out, lines: typedLines(ctx, s.in)}
	report := testReport{Kiosk: cfg.Kiosk, Version: Version, Began: time.Now()}
	report.Steps = []testStep{t.print(ctx), t.key(ctx), t.card(ctx)}
	report.Ended = time.Now()
	t.printReport(ctx, &report)
	interrupted := s.ctx.Err()
	cancel()
	err = errors.Join(<-ended, interrupted)
	if v.Report != "" {
		err = errors.Join(err, report.write(v.Report))
	}
	t.say(report.verdict())
	if err == nil && report.failed() {
		return exitCode(1)
	}
	return err
}

// terminalThere says whether somebody can type.
func terminalThere(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// maxTyped bounds a line that is typed.
const maxTyped = 1 << 10

// typedLines reads lines until ctx ends. A read that nobody answers any more ends with
// the program.
func typedLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scan := bufio.NewScanner(in)
		scan.Buffer(nil, maxTyped)
		for scan.Scan() {
			select {
			case lines <- strings.TrimSpace(scan.Text()):
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

func (t *selfTest) say(key string, args ...any) { fmt.Fprintln(t.out, t.words.say(key, args...)) }

// step runs one step and writes down how it ended.
func (t *selfTest) step(ctx context.Context, kind devices.Kind, w watched, f func(context.Context) error) testStep {
	if portOf(t.ports, kind).Path == "" {
		t.say("step.absent", t.words.say("kind."+string(kind)))
		return testStep{Device: kind, Outcome: stepSkipped}
	}
	start := time.Now()
	err := f(ctx)
	s := testStep{Device: kind, Outcome: stepPassed, Millis: time.Since(start).Milliseconds()}
	if err != nil {
		s.Outcome, s.Error = stepFailed, err.Error()
		now := settled(ctx, w)
		s.State, s.Paper, s.Reason = now.State, now.Paper, now.Reason
	}
	t.say("step."+string(s.Outcome), t.words.say("kind."+string(kind)), t.words.remedy(s.Reason))
	return s
}

// settleTime is how long a device may take to say how it is after a command.
const settleTime = 3 * time.Second

// settled is a device's condition once it is neither lent nor being opened.
func settled(ctx context.Context, w watched) (s devices.Status) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	updates, stop := w.Subscribe()
	defer stop()
	for {
		select {
		case s = <-updates:
			if s.State != devices.DeviceBusy && s.State != devices.Starting {
				return s
			}
		case <-ctx.Done():
			return s
		}
	}
}

// use waits until a device can be had, at most for the verb's time, and borrows it.
func use[D devices.Driver](ctx context.Context, w *devices.Worker[D], wait time.Duration, f func(context.Context, D) error) error {
	updates, stop := w.Subscribe()
	defer stop()
	limit := time.NewTimer(wait)
	defer limit.Stop()
	for {
		err := w.Use(ctx, f)
		if !errors.Is(err, devices.ErrNotReady) {
			return err
		}
		select {
		case <-updates:
		case <-limit.C:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errCode: the typed code is not the printed one.
var errCode = errors.New("the code on the page was not read back")

// print prints a page and has its code read back: only eyes prove that a page is legible.
func (t *selfTest) print(ctx context.Context) testStep {
	return t.step(ctx, devices.Printer, t.hw.printer, func(ctx context.Context) error {
		n, err := rand.Int(rand.Reader, big.NewInt(10_000))
		if err != nil {
			return fmt.Errorf("draw a code: %w", err)
		}
		code := fmt.Sprintf("%04d", n)
		t.say("print.wait")
		err = use(ctx, t.hw.printer, t.verb.Wait, func(ctx context.Context, p *printer.Printer) error {
			return p.Print(ctx, t.page(code))
		})
		if err != nil {
			return err
		}
		limit := time.NewTimer(t.verb.Wait)
		defer limit.Stop()
		for range 3 {
			t.say("print.ask")
			select {
			case typed, ok := <-t.lines:
				if typed == code {
					return nil
				}
				if !ok {
					return fmt.Errorf("%w: input ended", errCode)
				}
				t.say("print.wrong")
			case <-limit.C:
				return fmt.Errorf("%w: nothing was typed", errCode)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return errCode
	})
}

// page is the test page.
func (t *selfTest) page(code string) printer.Document {
	return printer.Document{VoidText: t.words.say("page.void"), Lines: []printer.Line{
		{Text: t.words.say("page.title"), Align: printer.Center, Size: 2, Bold: true},
		{Rule: true},
		{Text: t.words.say("page.code"), Align: printer.Center},
		{Text: code, Align: printer.Center, Size: 4, Bold: true},
		{Text: t.words.say("page.sample")},
		{QR: "YEBAN TEST " + code, Align: printer.Center, Feed: 1},
	}}
}

// key has any key of the evaluator pressed.
func (t *selfTest) key(ctx context.Context) testStep {
	return t.step(ctx, devices.Evaluator, t.hw.evaluator, func(ctx context.Context) error {
		question := evaluator.Ask{Timeout: min(t.verb.Wait, evaluator.MaxTimeout)}
		if _, err := rand.Read(question.Session[:]); err != nil {
			return fmt.Errorf("draw a session: %w", err)
		}
		return use(ctx, t.hw.evaluator, t.verb.Wait, func(ctx context.Context, e evaluator.Evaluator) error {
			t.say("key.ask")
			answer, err := e.Ask(ctx, question)
			if err == nil {
				t.say("key.level", int(answer.Level))
			}
			return err
		})
	})
}

// card has a card laid. What stands on it is neither shown nor kept.
func (t *selfTest) card(ctx context.Context) testStep {
	return t.step(ctx, devices.IDCard, t.hw.reader, func(ctx context.Context) error {
		return use(ctx, t.hw.reader, t.verb.Wait, func(ctx context.Context, r *idcard.Reader) error {
			ctx, cancel := context.WithTimeout(ctx, t.verb.Wait)
			defer cancel()
			for {
				t.say("card.ask")
				_, err := r.WaitCard(ctx, cardPoll, func() { t.say("card.reading") })
				if !errors.Is(err, idcard.ErrLiftAndLayAgain) && !errors.Is(err, idcard.ErrWrongCard) {
					return err
				}
				t.say("card.again")
			}
		})
	})
}
