package main

import (
	"yeban/catalog"
	"yeban/devices"
	"yeban/kiosk/journey"
)

// usable says what a device's state means for the items that need it: empty where it can
// work. A state that nobody knows is said to be under check, not to be broken.
func usable(s devices.Status, broken journey.Cause) journey.Cause {
	switch s.State {
	case devices.Online, devices.DeviceBusy:
		if s.Paper == devices.PaperOut || s.Paper == devices.PaperJammed {
			return journey.CausePaper
		}
		return ""
	case devices.Starting, devices.Unknown:
		return journey.CauseChecking
	default:
		if s.Paper == devices.PaperOut {
			return journey.CausePaper
		}
		return broken
	}
}

// conditions is what the terminal can do at the moment.
func conditions(reader, printer devices.Status, connected bool, room error) journey.Conditions {
	missing := map[catalog.Capability]journey.Cause{}
	if cause := usable(reader, journey.CauseReader); cause != "" {
		missing[catalog.NeedsReader] = cause
	}
	if cause := usable(printer, journey.CausePrinter); cause != "" {
		missing[catalog.NeedsPrinter] = cause
	}
	if !connected {
		missing[catalog.NeedsNetwork] = journey.CauseNetwork
	}
	return journey.Conditions{Missing: missing, NoRoom: room != nil}
}
