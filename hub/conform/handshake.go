package conform

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"yeban/sync/protocol"
)

const specHandshake = "asyncapi.yaml, info: handshake, token, subprotocol"

var handshakeCases = []one{
	{name: "handshake", spec: specHandshake, essential: true,
		expected: "101 with subprotocol yeban.v1",
		run: func(v *visit) error {
			p, err := v.dial()
			if err != nil {
				return err
			}
			if got := p.ws.Subprotocol(); got != protocol.Subprotocol {
				return fmt.Errorf("subprotocol %q", got)
			}
			return nil
		}},
	{name: "handshake without a token", spec: specHandshake, expected: "401",
		run: func(v *visit) error { return v.unauthorised("") }},
	{name: "handshake with a wrong token", spec: specHandshake, expected: "401",
		run: func(v *visit) error { return v.unauthorised(strings.Repeat("X", 52)) }},
	{name: "handshake with another subprotocol", spec: specHandshake,
		expected: "refused, or the connection ends without WELCOME",
		run:      func(v *visit) error { return v.foreign("yeban.v0") }},
	{name: "handshake without a subprotocol", spec: specHandshake,
		expected: "refused, or the connection ends without WELCOME",
		run:      func(v *visit) error { return v.foreign() }},
}

func (v *visit) unauthorised(token string) error {
	ws, status, err := v.handshake(token, protocol.Subprotocol)
	if err != nil {
		return err
	}
	if ws != nil {
		ws.Close()
	}
	if status != http.StatusUnauthorized {
		return fmt.Errorf("HTTP %d", status)
	}
	return nil
}

func (v *visit) foreign(subprotocols ...string) error {
	ws, status, err := v.handshake(v.cfg.Token, subprotocols...)
	if err != nil {
		return err
	}
	if ws == nil {
		if status < 400 || status >= 500 {
			return fmt.Errorf("HTTP %d", status)
		}
		return nil
	}
	p := &peer{visit: v, ws: ws}
	v.open = append(v.open, p)
	l, err := newLog()
	if err != nil {
		return err
	}
	_, err = p.hello(v.hello(l))
	if err == nil {
		return errors.New("WELCOME all the same")
	}
	if errors.Is(err, errSilence) {
		return err
	}
	return nil
}
