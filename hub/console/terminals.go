package console

import (
	"net/http"
	"time"

	"yeban/hub/store"
	"yeban/sync/protocol"
)

type terminalsPage struct {
	Terminals              []terminalView
	Online, Needs, Unclear int
}

func (c *Console) terminals(v *view) error {
	all, err := c.Store.Kiosks(v.r.Context())
	if err != nil {
		return err
	}
	var p terminalsPage
	for _, k := range all {
		t := v.look(k)
		switch t.Link.Tone {
		case Good:
			p.Online++
		case Unclear:
			p.Unclear++
		}
		if t.Needs {
			p.Needs++
		}
		p.Terminals = append(p.Terminals, t)
	}
	return v.render(http.StatusOK, "terminals", "terminals.title", p)
}

type terminalPage struct {
	terminalView
	Logs     []store.Log
	Recent   []store.Application
	Commands []commandView
	Events   []eventView
}

const eventsShown = 20

// eventView is a change of a device's condition as a page shows it.
type eventView struct {
	deviceView
	Happened time.Time
}

func (c *Console) terminal(v *view) error {
	k, err := c.Store.Kiosk(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	p := terminalPage{terminalView: v.look(k)}
	if p.Logs, err = c.Store.Logs(v.r.Context(), k.ID); err != nil {
		return err
	}
	if p.Recent, err = c.Store.Applications(v.r.Context(), store.Filter{Kiosk: k.ID, Limit: 5}); err != nil {
		return err
	}
	orders, err := c.Store.Commands(v.r.Context(), k.ID, commandsShown)
	if err != nil {
		return err
	}
	for _, order := range orders {
		p.Commands = append(p.Commands, v.command(order))
	}
	events, err := c.Store.DeviceEvents(v.r.Context(), k.ID, eventsShown)
	if err != nil {
		return err
	}
	for _, e := range events {
		d := protocol.DeviceStatus{Name: e.Device, State: e.State, Paper: e.Paper, Reason: e.Reason, At: e.Happened}
		p.Events = append(p.Events, eventView{v.device(d, true), e.Happened})
	}
	return v.render(http.StatusOK, "terminal", "terminals.title", p)
}
