package console

import (
	"yeban/hub/store"
)

// troubleView is something wrong with a terminal, or with the hub, and what helps.
type troubleView struct{ What, Remedy string }

func (v *view) trouble(code string) troubleView {
	m, l := v.console.messages, v.lang
	t := troubleView{What: m.textOr(l, "trouble.", code, "trouble.other"), Remedy: v.t("remedy.other")}
	if m.has("remedy.trouble." + code) {
		t.Remedy = v.t("remedy.trouble." + code)
	}
	return t
}

// alarmView is an alarm as a page shows it.
type alarmView struct {
	store.Alarm
	troubleView
}

func (v *view) alarm(a store.Alarm) alarmView {
	if a.Kind == store.AlarmTrouble {
		return alarmView{a, v.trouble(a.Ref)}
	}
	m := v.console.messages
	one := alarmView{a, troubleView{What: m.textOr(v.lang, "alarm.", a.Kind, "")}}
	if m.has("remedy.alarm." + a.Kind) {
		one.Remedy = v.t("remedy.alarm." + a.Kind)
	}
	return one
}
