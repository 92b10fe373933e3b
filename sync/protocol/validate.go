package protocol

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Validate checks what a hub needs before it believes a Hello.
func (h *Hello) Validate() error {
	switch {
	case h.Kiosk == "":
		return errors.New("kiosk is empty")
	case h.Epoch.IsZero():
		return errors.New("epoch is zero")
	case h.First > h.Last: // a log of which nothing is held any more says 0 to Last
		return fmt.Errorf("log from %d to %d", h.First, h.Last)
	}
	return short("kiosk", h.Kiosk, "software", h.Software, "catalogVersion", h.CatalogVersion)
}

// Validate checks what a kiosk needs before it believes a Welcome.
func (w *Welcome) Validate() error {
	switch {
	case w.Epoch.IsZero():
		return errors.New("epoch is zero")
	case (w.Have == 0) != w.HaveHash.IsZero():
		return fmt.Errorf("have %d with a hash that does not go with it", w.Have)
	case w.WindowRecords < 1 || w.WindowBytes < 1:
		return errors.New("window is empty")
	case w.PingSeconds < 1 || w.DeadSeconds <= w.PingSeconds || w.DeadSeconds > 3600:
		return fmt.Errorf("ping %d s, dead %d s", w.PingSeconds, w.DeadSeconds)
	case w.SettleMs < 0 || time.Duration(w.SettleMs)*time.Millisecond > 10*time.Minute:
		return fmt.Errorf("settle %d ms", w.SettleMs)
	case w.StatusSeconds < 1 || w.StatusSeconds > 86400:
		return fmt.Errorf("status every %d s", w.StatusSeconds)
	}
	return nil
}

// Validate checks that the entries are consecutive and of bearable size; whether
// they fit the log is for the hub to see.
func (r *Records) Validate() error {
	if r.Epoch.IsZero() {
		return errors.New("epoch is zero")
	}
	if n := len(r.Entries); n == 0 || n > MaxEntries {
		return fmt.Errorf("%d entries", n)
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		switch {
		case e.Seq == 0:
			return errors.New("entry without a sequence number")
		case i > 0 && e.Seq != r.Entries[i-1].Seq+1:
			return fmt.Errorf("entry %d after %d", e.Seq, r.Entries[i-1].Seq)
		case e.ID == "" || len(e.ID) > MaxIDBytes:
			return fmt.Errorf("entry %d: id of %d bytes", e.Seq, len(e.ID))
		case e.Kind == "" || len(e.Kind) > maxName:
			return fmt.Errorf("entry %d: kind of %d bytes", e.Seq, len(e.Kind))
		case controls(e.ID) || controls(string(e.Kind)):
			return fmt.Errorf("entry %d: id or kind is not printable", e.Seq)
		}
	}
	return nil
}

// Validate checks an Ack.
func (a *Ack) Validate() error {
	if a.Epoch.IsZero() {
		return errors.New("epoch is zero")
	}
	return nil
}

// Validate bounds what a hub has to hold of one kiosk.
func (s *Status) Validate() error {
	if len(s.Devices) > maxDevices {
		return fmt.Errorf("%d devices", len(s.Devices))
	}
	if len(s.Unavailable) > maxItems {
		return fmt.Errorf("%d items unavailable", len(s.Unavailable))
	}
	if len(s.Troubles) > maxTroubles {
		return fmt.Errorf("%d troubles", len(s.Troubles))
	}
	for _, t := range s.Troubles {
		if err := name("trouble", string(t)); err != nil {
			return err
		}
	}
	for _, id := range s.Unavailable {
		if err := short("item", id); err != nil {
			return err
		}
	}
	for _, d := range s.Devices {
		if err := short("device", d.Name, "state", d.State, "paper", d.Paper, "reason", d.Reason); err != nil {
			return err
		}
	}
	if s.OldestUnsentMs < 0 {
		return errors.New("oldestUnsentMs is negative")
	}
	return short("visit", s.Visit, "catalogVersion", s.CatalogVersion)
}

// Validate checks a Drain.
func (d *Drain) Validate() error {
	if d.AfterMs < 0 || time.Duration(d.AfterMs)*time.Millisecond > 24*time.Hour {
		return fmt.Errorf("come back after %d ms", d.AfterMs)
	}
	if len(d.Reason) > maxText {
		return fmt.Errorf("reason of %d bytes", len(d.Reason))
	}
	return nil
}

// Validate checks a Fault.
func (f *Fault) Validate() error {
	if f.Code == "" || len(f.Code) > maxName || len(f.Message) > maxText {
		return errors.New("code or message of unlikely length")
	}
	return nil
}

// Error makes a Fault something a peer can be told and a caller can decide by.
func (f *Fault) Error() string { return fmt.Sprintf("peer says %s: %.200q", f.Code, f.Message) }

// short takes pairs of a field's name and its value.
func short(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if len(pairs[i+1]) > maxName {
			return fmt.Errorf("%s of %d bytes", pairs[i], len(pairs[i+1]))
		}
		if controls(pairs[i+1]) {
			return fmt.Errorf("%s is not printable", pairs[i])
		}
	}
	return nil
}

// name is short and not empty.
func name(field, value string) error {
	if value == "" {
		return fmt.Errorf("%s is empty", field)
	}
	return short(field, value)
}

// controls finds what no name has and some databases do not take.
func controls(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
