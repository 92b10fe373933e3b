package idcard

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"yeban/devices"
)

// holds says whether a Reader's buffers have any of a card's bytes.
func (r *Reader) holds(t *testing.T, card Record) bool {
	t.Helper()
	data, err := EncodeCard(card, false)
	if err != nil {
		t.Fatal(err)
	}
	number := data[4+122:][:36] // behind the lengths; what comes next overwrites less
	return bytes.Contains(r.talk.buf[:], number) || bytes.Contains(r.talk.scan.buf[:cap(r.talk.scan.buf)], number)
}

// TestLateCardIsWiped: the answer comes when the citizen has gone, and no card is read for
// hours.
func TestLateCardIsWiped(t *testing.T) {
	t.Parallel()
	for name, family := range map[string]Family{"SAMV": SAMV, "STX": STX} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			card := people()["resident"]
			m := newModule(t, family, func(cmd Command, nth int) []piece {
				answer := laid(card)(cmd, nth)
				if family == STX {
					data, _ := EncodeCard(card, false)
					answer = []piece{{0, EncodeReply(STX, SW{0x90, 0x00}, data)}}
				}
				if cmd == CmdReadCard && nth == 1 {
					answer[0].after = 500 * time.Millisecond
				}
				return answer
			})
			r := m.open(t, WithFamily(family))
			if _, err := r.WaitCard(within(t, 200*time.Millisecond), pollEvery, nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			if s, err := r.Poll(within(t, 20*time.Second)); err != nil || s.State != devices.Online {
				t.Fatal(s, err)
			}
			if r.holds(t, card) {
				t.Error("the card is still in a buffer")
			}
		})
	}
}

// TestCardThatAPollMeetsIsWiped: readers of this family are asked for a card to see whether
// they are there.
func TestCardThatAPollMeetsIsWiped(t *testing.T) {
	t.Parallel()
	card := people()["resident"]
	m := newModule(t, STX, func(Command, int) []piece {
		data, _ := EncodeCard(card, false)
		return []piece{{0, EncodeReply(STX, SW{0x90, 0x00}, data)}}
	})
	r := m.open(t, WithFamily(STX))
	if s, err := r.Poll(within(t, 20*time.Second)); err != nil || s.State != devices.Online {
		t.Fatal(s, err)
	}
	if r.holds(t, card) {
		t.Error("the card is still in a buffer")
	}
}
