// Package messages holds what a terminal says to people, in Chinese and English, apart
// from the code. Keys are dotted names; {name} in a sentence is filled in by Say.
package messages

import (
	"embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed zh.yaml en.yaml
var files embed.FS

// Languages are the languages that every sentence exists in.
var Languages = []string{"zh", "en"}

// Book is all sentences in all languages.
type Book map[string]map[string]string // language → key → sentence

// Load reads the sentences that came with the program.
func Load() (Book, error) {
	book := Book{}
	for _, lang := range Languages {
		raw, err := files.ReadFile(lang + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		var sections map[string]map[string]string
		if err := yaml.Unmarshal(raw, &sections); err != nil {
			return nil, fmt.Errorf("read messages %s: %w", lang, err)
		}
		book[lang] = map[string]string{}
		for section, sentences := range sections {
			for key, sentence := range sentences {
				book[lang][section+"."+key] = sentence
			}
		}
	}
	return book, nil
}

// Has says whether a key exists.
func (b Book) Has(lang, key string) bool {
	_, ok := b[lang][key]
	return ok
}

// Say returns a sentence, its {placeholders} filled from pairs of name and value. A key
// that does not exist comes back in brackets: visible in tests, harmless in a hall.
func (b Book) Say(lang, key string, pairs ...string) string {
	sentence, ok := b[lang][key]
	if !ok {
		return "[" + key + "]"
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		sentence = strings.ReplaceAll(sentence, "{"+pairs[i]+"}", pairs[i+1])
	}
	return sentence
}
