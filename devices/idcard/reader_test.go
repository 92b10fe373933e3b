package idcard

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/serialport"
)

const pollEvery = 20 * time.Millisecond

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func wait(t *testing.T, r *Reader) (Record, error) {
	t.Helper()
	return r.WaitCard(within(t, 30*time.Second), pollEvery, nil)
}

// reads fails unless the reader gives exactly this card.
func reads(t *testing.T, r *Reader, want Record) {
	t.Helper()
	got, err := wait(t, r)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("another card than the one laid; doubts %v", got.Doubts)
	}
}

func TestEveryCardIsRead(t *testing.T) {
	for name, card := range people() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reads(t, newModule(t, SAMV, laid(card)).open(t), card)
			card.Fingerprint, card.NewAddress = bytes.Repeat([]byte{7}, 1024), "安徽省合肥市试样区新路3号"
			reads(t, newModule(t, SAMV, laid(card)).open(t, WithFingerprint(), WithAddress()), card)
		})
	}
}

func TestCardComesLater(t *testing.T) {
	t.Parallel()
	card := people()["resident"]
	m := newModule(t, SAMV, but(laid(card), CmdFind, func(nth int, usual []piece) []piece {
		if nth < 5 {
			return sam(FindFailed)
		}
		return usual
	}))
	reads(t, m.open(t), card)
	if n := m.count(CmdFind); n != 5 {
		t.Fatalf("%d finds", n)
	}
}

func TestNoCardUntilTheCitizenLeaves(t *testing.T) {
	t.Parallel()
	m := newModule(t, SAMV, func(Command, int) []piece { return sam(FindFailed) })
	r := m.open(t)
	_, err := r.WaitCard(within(t, 200*time.Millisecond), pollEvery, nil)
	if !errors.Is(err, ErrNoCard) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := r.WaitCard(ctx, pollEvery, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestStatusWordsBecomeErrors(t *testing.T) {
	for _, c := range []struct {
		cmd  Command
		code Code
		want error
	}{
		{CmdFind, UnlicensedSAM, ErrUnlicensed},
		{CmdFind, SelfTestFailed, ErrSelfTest},
		{CmdReadCard, ReadFailed, ErrLiftAndLayAgain},
		{CmdReadCard, RandomFailed, ErrLiftAndLayAgain},
		{CmdReadCard, VerifyFailed, ErrLiftAndLayAgain},
		{CmdReadCard, WrongCardType, ErrWrongCard},
		{CmdSelect, SelectFailed, ErrLiftAndLayAgain}, // found each time, never selected
		{CmdFind, BadChecksum, ErrGarbled},
	} {
		t.Run(c.cmd.String()+" "+c.code.String(), func(t *testing.T) {
			t.Parallel()
			m := newModule(t, SAMV, but(laid(people()["resident"]), c.cmd, func(int, []piece) []piece {
				return []piece{{0, EncodeReply(SAMV, SW{0x55, 0xAA, byte(c.code)}, nil)}}
			}))
			if _, err := wait(t, m.open(t)); !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestLiftedBetweenSelectAndReadThenLaidAgain(t *testing.T) {
	t.Parallel()
	card := people()["resident"]
	lifted := false
	m := newModule(t, SAMV, func(cmd Command, nth int) []piece {
		switch {
		case cmd == CmdReadCard && nth == 1:
			lifted = true
			return []piece{{0, EncodeReply(SAMV, SW{1, 2, byte(ReadFailed)}, nil)}}
		case cmd == CmdFind && lifted && nth < 6:
			return sam(FindFailed)
		}
		return laid(card)(cmd, nth)
	})
	r := m.open(t)
	if _, err := wait(t, r); !errors.Is(err, ErrLiftAndLayAgain) {
		t.Fatal(err)
	}
	reads(t, r, card)
}

func TestPhotoInCrumbsWithAGap(t *testing.T) {
	t.Parallel()
	card := people()["permit"]
	m := newModule(t, SAMV, but(laid(card), CmdReadCard, func(_ int, usual []piece) (crumbs []piece) {
		all := usual[0].bytes
		for size := 1; len(all) > 0; size = size%62 + 7 {
			n := min(size, len(all))
			crumbs = append(crumbs, piece{100 * time.Microsecond, all[:n]})
			all = all[n:]
		}
		crumbs[len(crumbs)*2/3].after = 900 * time.Millisecond
		return crumbs
	}))
	reads(t, m.open(t), card)
	if n := m.count(CmdReadCard); n != 1 {
		t.Fatalf("read %d times", n)
	}
}

func TestNoiseAndSurplusBeforeEveryAnswer(t *testing.T) {
	t.Parallel()
	card := people()["resident"]
	noise := append(unhex("00ff9669aaaa00 aaaaaa9669ffff aaaaaa96690005050505 7f"), 0xAA, 0xAA)
	m := newModule(t, SAMV, func(cmd Command, nth int) []piece {
		usual := laid(card)(cmd, nth)
		return []piece{{0, append(slices.Clone(noise), usual[0].bytes...)}}
	})
	reads(t, m.open(t), card)
}

func TestBrokenReadIsAskedForOnceMore(t *testing.T) {
	t.Parallel()
	card := people()["resident"]
	m := newModule(t, SAMV, but(laid(card), CmdReadCard, func(nth int, usual []piece) []piece {
		if nth == 1 {
			usual[0].bytes[700] ^= 0x40
		}
		return usual
	}))
	reads(t, m.open(t), card)
	if n := m.count(CmdReadCard); n != 2 {
		t.Fatalf("read %d times", n)
	}
}

// The answer to a timed-out command comes during the next one, of another citizen.
func TestLateAnswerNeverShiftsTheConversation(t *testing.T) {
	t.Parallel()
	first, second := people()["resident"], people()["permit"]
	m := newModule(t, SAMV, func(cmd Command, nth int) []piece {
		if cmd == CmdReadCard && nth == 1 {
			late := laid(first)(cmd, nth)
			late[0].after = 500 * time.Millisecond
			return late
		}
		return laid(second)(cmd, nth)
	})
	r := m.open(t)
	if _, err := r.WaitCard(within(t, 200*time.Millisecond), pollEvery, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	reads(t, r, second)
	if r.Dropped() != 1 {
		t.Fatalf("%d late answers", r.Dropped())
	}
	for range 3 {
		reads(t, r, second)
	}
	if r.Dropped() != 1 {
		t.Fatalf("%d late answers: the conversation is shifted", r.Dropped())
	}
}

func TestAnotherModuleAfterATimeOutIsForeign(t *testing.T) {
	t.Parallel()
	m := newModule(t, SAMV, func(cmd Command, nth int) []piece {
		switch {
		case cmd == CmdSAMID && nth > 1:
			other := MakeSAMID(5, 1, 20200101, 9, 9)
			return sam(OK, other[:]...)
		case cmd == CmdFind:
			return nil
		}
		return laid(people()["resident"])(cmd, nth)
	})
	r := m.open(t)
	if s, err := r.Poll(within(t, 10*time.Second)); err != nil || s.State != devices.Online {
		t.Fatal(s, err)
	}
	if _, err := wait(t, r); !errors.Is(err, ErrForeign) || !devices.Classify(err).Reopen {
		t.Fatal(err)
	}
}

func TestSilentAndGarbledModules(t *testing.T) {
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		r := newModule(t, SAMV, func(Command, int) []piece { return nil }).open(t)
		if err := r.Status(within(t, 30*time.Second)); !errors.Is(err, ErrSilent) {
			t.Fatal(err)
		}
		if f := devices.Classify(ErrSilent); f.State != devices.PowerOff || f.Reason != devices.ReasonSilent {
			t.Fatal(f)
		}
	})
	t.Run("garbled", func(t *testing.T) {
		t.Parallel()
		r := newModule(t, SAMV, func(Command, int) []piece {
			return []piece{{0, unhex("80f8781e00f0fe aaaaaa96690500")}}
		}).open(t)
		if err := r.Status(within(t, 30*time.Second)); !errors.Is(err, ErrGarbled) {
			t.Fatal(err)
		}
	})
	t.Run("babbling", func(t *testing.T) {
		t.Parallel()
		r := newModule(t, SAMV, func(Command, int) (all []piece) {
			for range 200 {
				all = append(all, piece{10 * time.Millisecond, bytes.Repeat([]byte{0x33}, 100)})
			}
			return all
		}).open(t)
		if _, err := r.SAMID(within(t, 30*time.Second)); !errors.Is(err, ErrGarbled) {
			t.Fatal(err)
		}
	})
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		m := newModule(t, SAMV, func(Command, int) []piece { return nil })
		r := m.open(t)
		time.AfterFunc(50*time.Millisecond, func() { m.master.Close() })
		if _, err := wait(t, r); !errors.Is(err, serialport.ErrGone) {
			t.Fatal(err)
		}
	})
}

func TestRefusedCardIsAFieldError(t *testing.T) {
	t.Parallel()
	card := people()["resident"]
	card.IDNumber = card.IDNumber[:17] + "?"
	_, err := wait(t, newModule(t, SAMV, laid(card)).open(t))
	var refusal *FieldError
	if !errors.As(err, &refusal) || refusal.Field != FieldIDNumber {
		t.Fatal(err)
	}
}

func TestAddressThatFailsLeavesTheCardReadAndADoubt(t *testing.T) {
	t.Parallel()
	card := people()["resident"]
	m := newModule(t, SAMV, but(laid(card), CmdReadAddress, func(int, []piece) []piece { return sam(ReadFailed) }))
	card.Doubts = []FieldError{{FieldAddress, ProblemMissing}}
	reads(t, m.open(t, WithAddress()), card)
}

func TestOtherFamily(t *testing.T) {
	t.Parallel()
	card := people()["resident"]
	m := newModule(t, STX, func(_ Command, nth int) []piece {
		if nth < 3 {
			return []piece{{0, EncodeReply(STX, SW{0x6F, 0x01}, nil)}}
		}
		data, _ := EncodeCard(card, false)
		return []piece{{0, EncodeReply(STX, SW{0x90, 0x00}, data)}}
	})
	r := m.open(t, WithFamily(STX))
	if s, err := r.Poll(within(t, 10*time.Second)); err != nil || s.State != devices.Online {
		t.Fatal(s, err)
	}
	reads(t, r, card)
}

// A module that has no fingerprint command reads the card all the same, and is not asked
// for fingerprints again.
func TestModuleWithoutFingerprintsReadsTheCard(t *testing.T) {
	t.Parallel()
	card := people()["resident"]
	m := newModule(t, SAMV, but(laid(card), CmdReadFingerprint, func(int, []piece) []piece { return sam(BadCommand) }))
	r := m.open(t, WithFingerprint())
	reads(t, r, card)
	reads(t, r, card)
	if n := m.count(CmdReadFingerprint); n != 1 {
		t.Errorf("asked for fingerprints %d times", n)
	}
}

func TestPollTellsWhatTheModuleLacks(t *testing.T) {
	t.Parallel()
	m := newModule(t, SAMV, func(Command, int) []piece { return sam(UnlicensedSAM) })
	s, err := m.open(t).Poll(within(t, 10*time.Second))
	if err != nil || s.State != devices.HardwareError || s.Reason != devices.ReasonUnlicensed {
		t.Fatal(s, err)
	}
}

func TestResetAndSAMID(t *testing.T) {
	t.Parallel()
	r := newModule(t, SAMV, laid(people()["resident"])).open(t)
	if err := r.Reset(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	id, err := r.SAMID(within(t, 10*time.Second))
	if err != nil || id.String() != "05.01-20200101-0000000001-0000000002" {
		t.Fatal(id, err)
	}
}

// Find + select + read are 1359 bytes, 118 ms of wire at 115200. What the Reader adds
// is measured against a module that answers at once; see BenchmarkReadCard.
func BenchmarkReadCard(b *testing.B) {
	for _, c := range []struct {
		name  string
		paced bool
	}{{"wire115200", true}, {"noWire", false}} {
		b.Run(c.name, func(b *testing.B) {
			m := newModule(b, SAMV, laid(people()["resident"]))
			m.paced = c.paced
			r := m.open(b)
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				if _, err := r.ReadCard(context.Background()); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			p95 := took[len(took)*95/100]
			b.ReportMetric(float64(p95.Microseconds())/1000, "p95-ms")
			if c.paced {
				const wire = 1359 * 10 * time.Second / 115200
				b.ReportMetric(float64(p95)/float64(wire), "p95/wire")
			}
		})
	}
}
