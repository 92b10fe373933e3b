package protocol

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Validate checks what a kiosk needs before it notes a Command. Whether it knows the
// name, and what the arguments mean, is for the kiosk to say in its Report.
func (c *Command) Validate() error {
	if err := commandID(c.ID); err != nil {
		return err
	}
	if err := name("name", string(c.Name)); err != nil {
		return err
	}
	if c.Expires.IsZero() {
		return errors.New("never expires")
	}
	if len(c.Args) > maxArgs {
		return fmt.Errorf("%d arguments", len(c.Args))
	}
	for key, value := range c.Args {
		if err := name("argument", key); err != nil {
			return err
		}
		if len(value) > maxText || controls(value) {
			return errors.New("argument of unlikely length, or not printable")
		}
	}
	return nil
}

// Validate checks what a hub needs before it believes a Report.
func (r *Report) Validate() error {
	if err := commandID(r.Command); err != nil {
		return err
	}
	switch r.State {
	case CommandBegun, CommandDone, CommandFailed, CommandRefused, CommandExpired, CommandInterrupted:
	default:
		return errors.New("state is not one that a kiosk reports")
	}
	if len(r.Detail) > maxText || controls(r.Detail) {
		return fmt.Errorf("detail of %d bytes, or not printable", len(r.Detail))
	}
	return nil
}

func commandID(id string) error {
	if id == "" || len(id) > MaxIDBytes || controls(id) {
		return fmt.Errorf("command id of %d bytes, or not printable", len(id))
	}
	return nil
}

// Validate checks that the piece lies within its attachment, and the attachment within
// what a hub takes.
func (b *Blob) Validate() error {
	switch {
	case b.Hash.IsZero():
		return errors.New("hash is zero")
	case b.Bytes < 1 || b.Bytes > MaxBlobBytes:
		return fmt.Errorf("blob of %d bytes", b.Bytes)
	case len(b.Data) > MaxBlobChunk:
		return fmt.Errorf("piece of %d bytes", len(b.Data))
	case b.Offset < 0 || b.Offset > b.Bytes-int64(len(b.Data)):
		return fmt.Errorf("piece of %d bytes at %d of %d", len(b.Data), b.Offset, b.Bytes)
	}
	return nil
}

// Validate checks a BlobHave.
func (b *BlobHave) Validate() error {
	switch {
	case b.Hash.IsZero():
		return errors.New("hash is zero")
	case b.Have < 0 || b.Have > MaxBlobBytes:
		return fmt.Errorf("have %d bytes", b.Have)
	}
	return nil
}

// Validate checks the sizes of what is sealed; only the platform's key tells more.
func (p *Progress) Validate() error {
	if len(p.Key) == 0 || len(p.Key) > maxKey || len(p.Sealed) == 0 || len(p.Sealed) > maxNumber {
		return fmt.Errorf("key of %d bytes, sealed number of %d", len(p.Key), len(p.Sealed))
	}
	return nil
}

// Validate bounds what a kiosk has to show. A state that this version does not know
// passes: a newer hub may have one.
func (l *ProgressList) Validate() error {
	if len(l.Applications) > MaxProgress {
		return fmt.Errorf("%d applications", len(l.Applications))
	}
	for i := range l.Applications {
		e := &l.Applications[i]
		if err := name("state", string(e.State)); err != nil {
			return err
		}
		if err := short("receiptNumber", e.ReceiptNumber, "item", e.Item); err != nil {
			return err
		}
		if len(e.ItemName) > maxText || len(e.Reason) > maxReason {
			return fmt.Errorf("item name of %d bytes, reason of %d", len(e.ItemName), len(e.Reason))
		}
	}
	return nil
}

// Format writes the receipt number and no more under every verb: what became of an
// application is its applicant's affair.
func (e ProgressEntry) Format(s fmt.State, _ rune) { io.WriteString(s, e.redacted()) }

// LogValue is what Format writes.
func (e ProgressEntry) LogValue() slog.Value { return slog.StringValue(e.redacted()) }

func (e ProgressEntry) redacted() string { return "«progress " + e.ReceiptNumber + "»" }
