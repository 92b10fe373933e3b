package messages

import (
	"regexp"
	"slices"
	"testing"
)

func TestLanguagesSayTheSame(t *testing.T) {
	book, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	holes := regexp.MustCompile(`\{[a-z_]+\}`)
	for key, zh := range book["zh"] {
		en, ok := book["en"][key]
		if !ok {
			t.Errorf("%s: no English", key)
			continue
		}
		a, b := holes.FindAllString(zh, -1), holes.FindAllString(en, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("%s: placeholders %v in Chinese, %v in English", key, a, b)
		}
	}
	for key := range book["en"] {
		if _, ok := book["zh"][key]; !ok {
			t.Errorf("%s: no Chinese", key)
		}
	}
}

func TestSay(t *testing.T) {
	book, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if got := book.Say("zh", "nav.step", "n", "2", "of", "5"); got != "步骤 2/5" {
		t.Errorf("Say = %q", got)
	}
	if got := book.Say("zh", "no.such"); got != "[no.such]" {
		t.Errorf("missing key = %q", got)
	}
}
