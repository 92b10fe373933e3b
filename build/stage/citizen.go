package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Screen is what the kiosk says can be tapped now: its state and the places, in units
// of the window. It holds no text and nothing of a citizen.
type Screen struct {
	Seq    uint64  `json:"seq"` // grows with every picture drawn
	State  string  `json:"state"`
	Scale  float64 `json:"scale"` // pixels a unit
	Places []Place `json:"places"`
}

// Place is one target.
type Place struct {
	ID         string
	X, Y, W, H float64
}

// Find looks a target up; the last drawn lies on top.
func (s Screen) Find(id string) (Place, bool) {
	for i := len(s.Places) - 1; i >= 0; i-- {
		if id == s.Places[i].ID {
			return s.Places[i], true
		}
	}
	return Place{}, false
}

// Citizen stands in front of the kiosk: looks at the screen, taps through the X server.
type Citizen struct {
	Display  *Display
	Targets  string // file that the kiosk keeps
	Pictures string // folder for screenshots, or empty
	OffsetX  int    // of the kiosk's window
	OffsetY  int
	Pace     time.Duration // between taps, for people who watch
	shots    int
}

// ErrNeverCame is wrapped by what was waited for in vain.
var ErrNeverCame = errors.New("never came")

// Look reads the screen as it is.
func (c *Citizen) Look() (Screen, error) {
	var s Screen
	raw, err := os.ReadFile(c.Targets)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(raw, &s)
}

// Await looks until the screen satisfies ok.
func (c *Citizen) Await(ctx context.Context, what string, ok func(Screen) bool) (Screen, error) {
	var last Screen
	for {
		if s, err := c.Look(); err == nil {
			if ok(s) {
				return s, nil
			}
			last = s
		}
		select {
		case <-ctx.Done():
			ids := make([]string, len(last.Places))
			for i, p := range last.Places {
				ids[i] = p.ID
			}
			return last, fmt.Errorf("%s %w; the screen is %s with %s", what, ErrNeverCame, last.State, strings.Join(ids, " "))
		case <-time.After(15 * time.Millisecond):
		}
	}
}

// AwaitState waits for a screen by its name.
func (c *Citizen) AwaitState(ctx context.Context, state string) error {
	_, err := c.Await(ctx, "screen "+state, func(s Screen) bool { return s.State == state })
	return err
}

// Tap waits for a target and taps its middle.
func (c *Citizen) Tap(ctx context.Context, id string) error {
	s, err := c.Await(ctx, "target "+id, func(s Screen) bool { _, ok := s.Find(id); return ok })
	if err != nil {
		return err
	}
	p, _ := s.Find(id)
	x, y := int((p.X+p.W/2)*s.Scale)+c.OffsetX, int((p.Y+p.H/2)*s.Scale)+c.OffsetY
	if err := c.Display.Click(x, y); err != nil {
		return err
	}
	if c.Pace > 0 {
		time.Sleep(c.Pace)
	}
	return nil
}

// TapUntil taps a target until the screen satisfies ok: a tap that falls while a page is
// being replaced goes nowhere, and people tap again.
func (c *Citizen) TapUntil(ctx context.Context, id, what string, ok func(Screen) bool) (Screen, error) {
	for {
		if s, err := c.Look(); err == nil && ok(s) {
			return s, nil
		}
		if err := c.Tap(ctx, id); err != nil {
			return Screen{}, err
		}
		wait, stop := context.WithTimeout(ctx, 2*time.Second)
		s, err := c.Await(wait, what, ok)
		stop()
		if err == nil || ctx.Err() != nil {
			return s, err
		}
	}
}

// TapAway taps a target until the screen has left a state.
func (c *Citizen) TapAway(ctx context.Context, id, from string) error {
	_, err := c.TapUntil(ctx, id, "leaving "+from, func(s Screen) bool { return s.State != from })
	return err
}

// Type presses keys one after another, and looks after each that the screen has changed.
func (c *Citizen) Type(ctx context.Context, text string) error {
	for _, key := range text {
		before, err := c.Look()
		if err != nil {
			return err
		}
		if err := c.Tap(ctx, "key:"+string(key)); err != nil {
			return err
		}
		if _, err := c.Await(ctx, "key "+string(key), func(s Screen) bool { return s.Seq > before.Seq }); err != nil {
			return err
		}
	}
	return nil
}

// Picture takes a screenshot once the screen has been painted.
func (c *Citizen) Picture(name string) error {
	if c.Pictures == "" {
		return nil
	}
	time.Sleep(250 * time.Millisecond) // the targets are written before the paint reaches the server
	c.shots++
	return c.Display.Shot(filepath.Join(c.Pictures, fmt.Sprintf("%02d-%s.png", c.shots, name)))
}
