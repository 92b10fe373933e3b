package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
)

const (
	commandsShown = 8
	// Orders come too late after so long: what they were given for has changed by then.
	reopenFor  = 10 * time.Minute
	restartFor = 30 * time.Minute
	statusFor  = 2 * time.Minute
)

// commandView is an order as a page shows it.
type commandView struct {
	store.Command
	What     string // what is to be done
	How      words  // how far it is
	CanLeave bool   // may be taken back
}

func (v *view) command(c store.Command) commandView {
	m, l := v.console.messages, v.lang
	one := commandView{Command: c, What: m.textOr(l, "command.", string(c.Name), ""),
		How:      words{commandTone(c.State), m.textOr(l, "command.state.", string(c.State), "")},
		CanLeave: c.State == protocol.CommandWaiting}
	if c.Detail == store.Unreported {
		one.Detail = v.t("command.unreported")
	}
	if device := c.Args["device"]; device != "" {
		one.What = fmt.Sprintf("%s · %s", m.textOr(l, "device.", device, ""), one.What)
	}
	return one
}

func commandTone(s protocol.CommandState) Tone {
	switch s {
	case protocol.CommandDone:
		return Good
	case protocol.CommandFailed, protocol.CommandRefused:
		return Bad
	case protocol.CommandInterrupted, protocol.CommandExpired:
		return Warn
	}
	return Unclear // on its way, or taken back
}

// giveCommand takes an order from a form and goes back to the terminal's page, which
// shows it. The same order once more is no second one.
func (c *Console) giveCommand(v *view) error {
	ctx, kiosk := v.r.Context(), v.r.PathValue("id")
	order := store.Command{Kiosk: kiosk, GivenBy: v.session.User}
	order.Name = protocol.CommandName(v.r.PostFormValue("name"))
	switch order.Name {
	case protocol.CommandReopen:
		k, err := c.Store.Kiosk(ctx, kiosk)
		if err != nil {
			return err
		}
		device := v.r.PostFormValue("device")
		if !slices.ContainsFunc(v.look(k).Devices, func(d deviceView) bool { return d.ID == device }) {
			return store.ErrNotFound
		}
		order.Args, order.Expires = map[string]string{"device": device}, v.now.Add(reopenFor)
	case protocol.CommandRestart:
		order.Expires = v.now.Add(restartFor)
	case protocol.CommandStatus:
		order.Expires = v.now.Add(statusFor)
	default:
		return store.ErrNotFound
	}
	if _, err := c.Store.GiveCommand(ctx, order, remoteHost(v.r)); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	c.Bus.Hint(bus.Command(kiosk))
	v.backToTerminal(kiosk)
	return nil
}

// confirmRestart asks before a terminal's program is ended: somebody may stand there.
func (c *Console) confirmRestart(v *view) error {
	k, err := c.Store.Kiosk(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "restart", "restart.title", v.look(k))
}

// withdrawCommand takes an order back. One that has begun meanwhile is left as it is, and
// the page that follows shows it.
func (c *Console) withdrawCommand(v *view) error {
	err := c.Store.WithdrawCommand(v.r.Context(), v.r.PathValue("id"), v.session.User, remoteHost(v.r))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	v.backToTerminal(v.r.PostFormValue("terminal"))
	return nil
}

func (v *view) backToTerminal(id string) {
	http.Redirect(v.w, v.r, "/terminals/"+url.PathEscape(id)+"#commands", http.StatusSeeOther)
}
