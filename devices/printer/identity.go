package printer

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// What GS I can be asked for.
const (
	askMaker  = 66
	askModel  = 67
	askSerial = 68
)

// Identity asks the printer who made it, what it is and which one it is, by GS I, and gives
// maker/model/serial. It is empty where the printer, or its profile, tells no serial number:
// the rest is the same for all of a make. GS I waits in the queue like print data, so a
// printer that cannot print gives an error that says why instead.
func (p *Printer) Identity(ctx context.Context) (string, error) {
	if p.profile.Nameless {
		p.shown.nameless.Store(true)
		return "", nil
	}
	if err := p.take(ctx); err != nil {
		return "", err
	}
	defer p.release()
	s, err := p.talk.status(ctx)
	if err == nil {
		err = s.Err()
	}
	if err != nil {
		return "", fmt.Errorf("ask printer who it is: %w", err)
	}
	told := make(map[byte]string)
	for _, what := range []byte{askSerial, askMaker, askModel} {
		if told[what], err = p.talk.info(ctx, what); err != nil {
			return "", fmt.Errorf("ask printer who it is: %w", err)
		}
		switch {
		case told[askSerial] == "":
			p.shown.nameless.Store(true)
			return "", nil
		case told[what] == "": // another time it may answer, and be another device
			return "", fmt.Errorf("ask printer who it is: %w", ErrSilent)
		}
	}
	p.shown.named.Store(true)
	return told[askMaker] + "/" + told[askModel] + "/" + told[askSerial], nil
}

// info asks GS I n; a printer that does not answer gives an empty text.
func (t *talk) info(ctx context.Context, n byte) (string, error) {
	if _, err := t.port.Write(ctx, []byte{0x1D, 'I', n}); err != nil {
		return "", err
	}
	e, err := t.wait(ctx, eventInfo, t.reply)
	if errors.Is(err, errNothing) {
		return "", nil
	}
	return strings.TrimSpace(e.text), err
}
