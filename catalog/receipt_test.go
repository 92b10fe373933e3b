package catalog

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func receiptText(lines []ReceiptLine) string {
	var all []string
	for _, l := range lines {
		all = append(all, l.Text)
	}
	return strings.Join(all, "\n")
}

var allFields = map[string]string{
	"receipt": "261122-033012-000071", "item": "社会保障卡补领", "hall": "某大厅", "kiosk": "hall-7",
	"at": "2026-11-22 03:30", "name_masked": "张*", "id_masked": "340***********001X",
	"next": "第一句。\n第二句。", "hotline": "12345",
}

func TestSampleReceiptPrintsEveryField(t *testing.T) {
	c := loadSample(t)
	text := receiptText(c.FillReceipt(allFields))
	for field, value := range allFields {
		if !strings.Contains(text, value) {
			t.Errorf("%s is not printed:\n%s", field, text)
		}
	}
	if strings.Contains(text, "自动提交") {
		t.Error("says that it waits for the network")
	}
	queued := map[string]string{"queued": "yes"}
	if text := receiptText(c.FillReceipt(queued)); !strings.Contains(text, "自动提交") || strings.Contains(text, "接下来") {
		t.Errorf("queued:\n%s", text)
	}
}

func TestLinesOfNextBecomeLines(t *testing.T) {
	c := &Catalog{Receipt: []ReceiptLine{{Text: "- {next}", Bold: true}}}
	lines := c.FillReceipt(map[string]string{"next": "a\nb"})
	if len(lines) != 2 || lines[0].Text != "- a" || lines[1].Text != "b" || !lines[1].Bold {
		t.Errorf("%+v", lines)
	}
}

func TestValuesAreNotTemplatesAndCarryNoCommands(t *testing.T) {
	c := &Catalog{Receipt: []ReceiptLine{{Text: "{item}|{unknown}|{}", QR: "{receipt}"}, {Text: "x", If: "kiosk"}}}
	lines := c.FillReceipt(map[string]string{
		"item": "{hotline}\x1b@\n\u202e", "hotline": "no", "receipt": "1\r2", "unknown": "no", "kiosk": " \t",
	})
	if len(lines) != 1 || lines[0].Text != "{hotline} @||" || lines[0].QR != "1 2" {
		t.Errorf("%+v", lines)
	}
}

func TestReceiptHoldsNoControlCharacterWhateverTheFields(t *testing.T) {
	c := loadSample(t)
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.MapOf(rapid.SampledFrom([]string{"receipt", "item", "next", "hall", "queued", "x"}), rapid.String()).Draw(t, "fields")
		for _, l := range c.FillReceipt(fields) {
			if strings.ContainsFunc(l.Text+l.QR, unprintable) {
				t.Errorf("%q", l.Text+l.QR)
			}
		}
	})
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "汉字": 4, "，": 2, "·": 2, "“”": 4, "a×b": 4} {
		if got := columns(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
