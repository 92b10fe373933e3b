package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"yeban/devices"
)

//go:embed devices_words.yaml
var deviceWordsFile []byte

// deviceWords are the sentences of the devices verbs in one language.
type deviceWords map[string]string

func loadDeviceWords(lang string) (deviceWords, error) {
	var all map[string]deviceWords
	if err := yaml.Unmarshal(deviceWordsFile, &all); err != nil {
		return nil, fmt.Errorf("device words: %w", err)
	}
	w, ok := all[lang]
	if !ok {
		return nil, fmt.Errorf("device words: no language %q", lang)
	}
	return w, nil
}

// say fills a sentence. {1} is the first argument; one without arguments keeps its text.
func (w deviceWords) say(key string, args ...any) string {
	text, ok := w[key]
	if !ok {
		return key
	}
	for i, a := range args {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i+1), fmt.Sprint(a))
	}
	return strings.TrimSpace(text)
}

// remedy says what a person does about a reason; empty for none.
func (w deviceWords) remedy(r devices.Reason) string {
	if r == devices.ReasonNone {
		return ""
	}
	return w.say("reason." + string(r))
}

// finding is a probe's line: port, device, condition, remedy.
func (w deviceWords) finding(f finding) string {
	name := "?"
	if f.Kind != "" {
		name = w.say("kind." + string(f.Kind))
	}
	line := f.Port + "  " + name + "  " + string(f.State)
	if f.Baud > 0 {
		line += fmt.Sprintf("  %d baud", f.Baud)
	}
	if f.Identity != "" {
		line += "  " + f.Identity
	}
	if f.Paper != "" {
		line += "  paper " + string(f.Paper)
	}
	if remedy := w.remedy(f.Reason); remedy != "" {
		line += "  " + remedy
	} else if f.Error != "" {
		line += "  " + f.Error
	}
	if able := w.abilities(f.Capabilities); able != "" {
		line += "\n    " + able
	}
	return line
}

// abilities lists what a device can do, what it cannot, and what is not known of it.
func (w deviceWords) abilities(all devices.Capabilities) string {
	var parts []string
	for _, support := range []devices.Support{devices.Supported, devices.Unsupported, devices.UnknownSupport} {
		var names []string
		for what, s := range all {
			if s == support {
				names = append(names, w.say("can."+string(what)))
			}
		}
		if len(names) > 0 {
			slices.Sort(names)
			parts = append(parts, w.say("support."+string(support))+" "+strings.Join(names, w.say("support.comma")+" "))
		}
	}
	return strings.Join(parts, "  ")
}
