package main

import (
	"strings"
	"testing"

	"yeban/assets/messages"
	"yeban/devices/printer"
)

func TestReceiptFontIsReadOnce(t *testing.T) {
	first, err := receiptFont()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := receiptFont(); again != first || err != nil {
		t.Error("read again for every printer that is opened")
	}
}

// TestVoidTextIsTrueOnASlipOfItsOwn: nobody knows whether the half receipt still hangs in the
// printer, was torn off, or is a whole one that lies there. So the text speaks of what came
// before it, and says that what is whole stays valid.
func TestVoidTextIsTrueOnASlipOfItsOwn(t *testing.T) {
	book, err := messages.Load()
	if err != nil {
		t.Fatal(err)
	}
	for lang, c := range map[string]struct{ before, condition, valid, self string }{
		"zh": {"此前", "如不完整", "完整的回执和已受理的办件不受影响", "本"},
		"en": {"printed before this", "if the receipt", "stay valid", "this receipt"},
	} {
		void := book.Say(lang, "receipt.void")
		for _, want := range []string{c.before, c.condition, c.valid} {
			if !strings.Contains(void, want) {
				t.Errorf("%s: %q does not say %q", lang, void, want)
			}
		}
		if strings.Contains(void, c.self) {
			t.Errorf("%s: %q speaks of the slip itself", lang, void)
		}
		doc := printer.Document{Lines: []printer.Line{{Text: void, Align: printer.Center, Size: 1, Bold: true}}}
		if _, err := printer.Encode(doc, printer.Paper58(), nil); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
}
