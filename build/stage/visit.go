package stage

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"yeban/devices/simulator"
)

// Visit is one citizen's way through an item.
type Visit struct {
	Item    string // catalogue id
	Card    string // key of a simulated card
	Rating  int    // 1–5 on the screen, 0 leaves without
	Key     int    // 1–5 on the evaluator instead of the screen; 0 leaves it alone
	Dates   string // what is typed where a date is asked
	Text    string // what is typed where digits are asked
	Letters string // what is typed where letters are asked; may be empty where that is optional
}

// Submit takes the visit up to the receipt number on the screen.
func (c *Citizen) Submit(ctx context.Context, control *simulator.Client, v Visit) error {
	steps := []func() error{
		func() error { return c.AwaitState(ctx, "home") },
		func() error { return c.Picture("home") },
		func() error { return c.TapAway(ctx, "item:"+v.Item, "home") },
		func() error { return c.Picture("consent") },
		func() error { return c.TapAway(ctx, "consent:agree", "consent") },
		func() error { return c.Picture("card") },
		func() error { return Work(ctx, control, simulator.Request{Do: "lay", Card: v.Card}) },
		func() error { return c.AwaitState(ctx, "form") },
		func() error { return c.fill(ctx, v) },
		func() error { return c.Picture("review") },
		func() error { return c.TapAway(ctx, "review:submit", "review") },
		func() error { return c.AwaitState(ctx, "receipt") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Finish takes the card, rates and is gone.
func (c *Citizen) Finish(ctx context.Context, control *simulator.Client, v Visit) error {
	if err := c.TapAway(ctx, "receipt:next", "receipt"); err != nil {
		return err
	}
	if err := c.Picture("rating"); err != nil {
		return err
	}
	rate := "rate:skip"
	if v.Key > 0 {
		return c.finishByKey(ctx, control, v)
	}
	if v.Rating > 0 {
		rate = fmt.Sprintf("rate:%d", v.Rating)
	}
	if err := c.TapAway(ctx, rate, "rating"); err != nil {
		return err
	}
	if err := c.Picture("farewell"); err != nil {
		return err
	}
	if err := Work(ctx, control, simulator.Request{Do: "lift"}); err != nil {
		return err
	}
	return c.AwaitState(ctx, "home")
}

// finishByKey rates on the device beside the screen.
func (c *Citizen) finishByKey(ctx context.Context, control *simulator.Client, v Visit) error {
	for {
		answer, err := control.Do(ctx, simulator.Request{Do: "state"})
		if err != nil {
			return err
		}
		if answer.State.Asking {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the evaluator's question %w", ErrNeverCame)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := Work(ctx, control, simulator.Request{Do: "press", Level: v.Key}); err != nil {
		return err
	}
	if err := c.AwaitState(ctx, "farewell"); err != nil {
		return err
	}
	if err := Work(ctx, control, simulator.Request{Do: "lift"}); err != nil {
		return err
	}
	return c.AwaitState(ctx, "home")
}

// fill answers page after page until the review comes.
func (c *Citizen) fill(ctx context.Context, v Visit) error {
	for page := 1; page <= 8; page++ {
		s, err := c.Look()
		if err != nil {
			return err
		}
		if s.State != "form" {
			return nil
		}
		if err := c.Picture(fmt.Sprintf("form-%d", page)); err != nil {
			return err
		}
		if err := c.page(ctx, s, v); err != nil {
			return err
		}
		if err := c.Picture(fmt.Sprintf("form-%d-answered", page)); err != nil {
			return err
		}
		before, err := c.Look()
		if err != nil {
			return err
		}
		if err := c.Tap(ctx, "form:next"); err != nil {
			return err
		}
		fields := before.fields()
		if _, err := c.Await(ctx, "the next page", func(s Screen) bool {
			return s.State != "form" || s.fields() != fields
		}); err != nil {
			return err
		}
	}
	return fmt.Errorf("the form does not end")
}

// with lists the targets whose ids begin so.
func (s Screen) with(prefix string) string {
	var ids []string
	for _, p := range s.Places {
		if strings.HasPrefix(p.ID, prefix) {
			ids = append(ids, p.ID)
		}
	}
	return strings.Join(ids, " ")
}

// fields lists the page's questions, without the marks of what is active (*) or answered (+).
func (s Screen) fields() string {
	return strings.NewReplacer("*", "", "+", "").Replace(s.with("field:"))
}

func (s Screen) active(field string) bool {
	_, empty := s.Find(field + "*")
	_, filled := s.Find(field + "+*")
	return empty || filled
}

func (s Screen) filled(field string) bool {
	_, active := s.Find(field + "+*")
	_, other := s.Find(field + "+")
	return active || other
}

// tapField taps a question whatever its marks are.
func (c *Citizen) tapField(ctx context.Context, field, what string, ok func(Screen) bool) (Screen, error) {
	s, err := c.Look()
	if err != nil || ok(s) {
		return s, err
	}
	if s.filled(field) {
		field += "+"
	}
	return c.TapUntil(ctx, field, what, ok)
}

// page answers every field of the page by the keys that it brings up.
func (c *Citizen) page(ctx context.Context, s Screen, v Visit) error {
	for _, field := range strings.Fields(s.fields()) {
		kind, name, _ := strings.Cut(strings.TrimPrefix(field, "field:"), ":")
		if s.filled(field) {
			continue // from the card
		}
		now, err := c.tapField(ctx, field, "keys of "+name, func(s Screen) bool { return s.active(field) })
		if err != nil {
			return err
		}
		switch options := strings.Fields(now.with("option:" + name + ":")); {
		case len(options) > 0:
			if err = c.Tap(ctx, options[0]); err == nil {
				_, err = c.Await(ctx, "the choice", func(s Screen) bool { return s.Seq > now.Seq })
			}
		case now.with("key:Q") != "":
			err = c.Type(ctx, v.Letters)
		case kind == "date":
			err = c.Type(ctx, v.Dates)
		default:
			err = c.Type(ctx, v.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Work does something at the bench, as hands would.
func Work(ctx context.Context, control *simulator.Client, r simulator.Request) error {
	_, err := control.Do(ctx, r)
	return err
}

// Receipt saves a picture of the paper that has come out.
func Receipt(ctx context.Context, control *simulator.Client, file string) error {
	answer, err := control.Do(ctx, simulator.Request{Do: "image"})
	if err != nil {
		return err
	}
	return os.WriteFile(file, answer.PNG, 0o600)
}

// What is typed where a sample form asks. The date lies in the past and the number is
// nobody's.
const (
	Date  = "20251201"
	Phone = "13800000000"
)

// Printed waits until n receipts have come out of the printer whole.
func (s *Stage) Printed(ctx context.Context, n int) error {
	for {
		answer, err := s.Control.Do(ctx, simulator.Request{Do: "receipts"})
		if err != nil {
			return err
		}
		if len(answer.Receipts) >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("receipt %d %w; %d came out", n, ErrNeverCame, len(answer.Receipts))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
