package console

import (
	"net/http"

	"yeban/hub/store"
)

const attentionShown = 100

type attentionPage struct {
	Alarms    []alarmView
	Parked    []store.Parked
	Conflicts []store.Conflict
}

func (c *Console) attention(v *view) (err error) {
	var p attentionPage
	ctx := v.r.Context()
	alarms, err := c.Store.OpenAlarms(ctx, attentionShown)
	if err != nil {
		return err
	}
	for _, a := range alarms {
		p.Alarms = append(p.Alarms, v.alarm(a))
	}
	if p.Parked, err = c.Store.ParkedRecords(ctx, attentionShown); err != nil {
		return err
	}
	if p.Conflicts, err = c.Store.Conflicts(ctx, attentionShown); err != nil {
		return err
	}
	return v.render(http.StatusOK, "attention", "attention.title", p)
}

func (c *Console) clearAlarm(v *view) error {
	if err := c.Store.ClearAlarm(v.r.Context(), v.r.PathValue("id"), v.session.User, remoteHost(v.r)); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, "/attention", http.StatusSeeOther)
	return nil
}
