package bench

import (
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed texts.yaml
var textsYAML []byte

// Texts are the window's labels in one language, by key.
type Texts map[string]string

// TextsIn reads the labels in a language, zh or en.
func TextsIn(lang string) (Texts, error) {
	var all map[string]map[string]string
	if err := yaml.Unmarshal(textsYAML, &all); err != nil {
		return nil, fmt.Errorf("bench labels: %w", err)
	}
	t := make(Texts, len(all))
	for key, text := range all {
		s, ok := text[lang]
		if !ok {
			return nil, fmt.Errorf("bench labels: %s has no %q", key, lang)
		}
		t[key] = s
	}
	return t, nil
}

// of is the label for a key, the key itself where the catalogue lacks it.
func (t Texts) of(key string) string {
	if s, ok := t[key]; ok {
		return s
	}
	return key
}
