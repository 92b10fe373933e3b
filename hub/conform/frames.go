package conform

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"yeban/sync/protocol"
)

const specFrame = "frame.json; fault.json: bad-frame"

// talking is a conversation of a new log.
func (v *visit) talking() (*peer, *log, error) {
	l, err := newLog()
	if err != nil {
		return nil, nil, err
	}
	p, _, err := v.connect(l)
	return p, l, err
}

// nonsense says a message that must end the conversation.
func nonsense(kind int, text string) func(*visit) error {
	return func(v *visit) error {
		p, _, err := v.talking()
		if err != nil {
			return err
		}
		if err := p.say(kind, []byte(text)); err != nil {
			return err
		}
		_ = p.probe() // the server may have ended it already
		return p.refused(protocol.FaultBadFrame)
	}
}

var frameCases = []one{
	{name: "an unknown method as a Call", spec: "frame.json; fault.json: unknown", expected: "Error unknown to that id; the conversation goes on",
		run: func(v *visit) error {
			p, l, err := v.talking()
			if err != nil {
				return err
			}
			if err := p.say(websocket.TextMessage, []byte(`[2,"q7","CONFORM-NO-SUCH-METHOD",{}]`)); err != nil {
				return err
			}
			f, err := p.answer("q7")
			if err != nil {
				return err
			}
			fault, ok := errors.AsType[*protocol.Fault](faultOf(&f))
			if f.Type != protocol.Error || !ok || fault.Code != protocol.FaultUnknown {
				return fmt.Errorf("answered with type %d, %.200s", f.Type, f.Body)
			}
			return p.lives(l)
		}},
	{name: "an unknown method as an Event", spec: "frame.json", expected: "passed over; the conversation goes on",
		run: func(v *visit) error {
			p, l, err := v.talking()
			if err != nil {
				return err
			}
			if err := p.say(websocket.TextMessage, []byte(`[5,"","CONFORM-NO-SUCH-METHOD",{"x":1}]`)); err != nil {
				return err
			}
			return p.lives(l)
		}},
	{name: "an unknown field", spec: "every schema: fields that are not listed are passed over", expected: "passed over; the conversation goes on",
		run: func(v *visit) error {
			p, l, err := v.talking()
			if err != nil {
				return err
			}
			text := fmt.Sprintf(`[5,"","STATUS",{"at":%q,"visit":"home","devices":[],"queued":0,"oldestUnsentMs":0,"diskFreeBytes":1,"catalogVersion":"","ofTomorrow":{"a":[1]}}]`,
				time.Now().Format(time.RFC3339))
			if err := p.say(websocket.TextMessage, []byte(text)); err != nil {
				return err
			}
			return p.lives(l)
		}},
	{name: "STATUS", spec: "status.json", expected: "taken; the conversation goes on",
		run: func(v *visit) error {
			p, l, err := v.talking()
			if err != nil {
				return err
			}
			err = p.send(protocol.Event, "", protocol.MethodStatus, &protocol.Status{
				At: time.Now(), Visit: "home", DiskFreeBytes: 1 << 30,
				Devices: []protocol.DeviceStatus{{Name: "printer", State: "online", Paper: "full", At: time.Now()}},
			})
			if err != nil {
				return err
			}
			return p.lives(l)
		}},
	{name: "no JSON", spec: specFrame, expected: "Error bad-frame and the end", run: nonsense(websocket.TextMessage, "good night")},
	{name: "no frame", spec: specFrame, expected: "Error bad-frame and the end", run: nonsense(websocket.TextMessage, `[5,"","RECORDS"]`)},
	{name: "a body that does not fit", spec: specFrame, expected: "Error bad-frame and the end", run: nonsense(websocket.TextMessage, `[5,"","RECORDS",{"epoch":7,"entries":"none"}]`)},
	{name: "RECORDS without entries", spec: "records.json: minItems; fault.json: bad-frame", expected: "Error bad-frame and the end",
		run: nonsense(websocket.TextMessage, `[5,"","RECORDS",{"epoch":"`+strings.Repeat("0a", 16)+`","entries":[]}]`)},
	{name: "a method that only servers say", spec: "asyncapi.yaml, operations; fault.json: bad-frame", expected: "Error bad-frame and the end",
		run: nonsense(websocket.TextMessage, `[5,"","ACK",{"epoch":"`+strings.Repeat("0a", 16)+`","have":1}]`)},
	{name: "a binary message", spec: specFrame, expected: "Error bad-frame and the end", run: nonsense(websocket.BinaryMessage, `[5,"","STATUS",{}]`)},
	{name: "a message that is too large", spec: "frame.json: at most 1 MiB", expected: "the end; the conversation does not go on behind it",
		run: func(v *visit) error {
			p, _, err := v.talking()
			if err != nil {
				return err
			}
			if err := p.ws.SetWriteDeadline(time.Now().Add(v.cfg.Patience)); err != nil {
				return err
			}
			w, err := p.ws.NextWriter(websocket.TextMessage)
			if err != nil {
				return err
			}
			// The server may close in the midst of it, and then writing fails.
			_, err = io.WriteString(w, `[5,"","STATUS",{"visit":"`)
			if err == nil {
				_, err = io.Copy(w, tooMuch(protocol.MaxFrameBytes+1))
			}
			if err == nil {
				_, err = io.WriteString(w, `"}]`)
			}
			if err == nil {
				err = w.Close()
			}
			_ = p.probe()
			if ended := p.ends(); ended != nil {
				return errors.Join(ended, err)
			}
			return nil
		}},
}
