package console

import (
	"embed"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed messages/*.yaml
var messageFiles embed.FS

// Language is a language of the pages.
type Language string

const (
	Chinese Language = "zh"
	English Language = "en"
)

// other is what the switch on every page leads to.
func (l Language) other() Language {
	if l == English {
		return Chinese
	}
	return English
}

// messages are the sentences of the pages: language → key → text.
type messages map[Language]map[string]string

func loadMessages() (messages, error) {
	all := messages{}
	for _, l := range []Language{Chinese, English} {
		raw, err := messageFiles.ReadFile("messages/" + string(l) + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		texts := map[string]string{}
		if err := yaml.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("read messages %s: %w", l, err)
		}
		all[l] = texts
	}
	return all, nil
}

// text gives a sentence with its values; a key without one is shown as it is.
func (m messages) text(l Language, key string, values ...any) string {
	text, ok := m[l][key]
	if !ok {
		return key
	}
	if len(values) == 0 {
		return text
	}
	return fmt.Sprintf(text, values...)
}

// has tells whether there is a sentence.
func (m messages) has(key string) bool {
	_, ok := m[Chinese][key]
	return ok
}

// textOr gives the sentence of prefix+code, or that of otherwise with the code in it.
func (m messages) textOr(l Language, prefix, code, otherwise string) string {
	if m.has(prefix + code) {
		return m.text(l, prefix+code)
	}
	if otherwise == "" {
		return code
	}
	return m.text(l, otherwise, code)
}

// duration is a length of time in its largest unit.
func (m messages) duration(l Language, d time.Duration) string {
	switch {
	case d < time.Second:
		return m.text(l, "duration.now")
	case d < time.Minute:
		return m.text(l, "duration.s", int(d.Seconds()))
	case d < time.Hour:
		return m.text(l, "duration.m", int(d.Minutes()))
	case d < 48*time.Hour:
		return m.text(l, "duration.h", int(d.Hours()))
	}
	return m.text(l, "duration.d", int(d.Hours()/24))
}
