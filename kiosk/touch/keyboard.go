package touch

import (
	"unicode/utf8"

	"fyne.io/fyne/v2"
)

// Keys is which keys a keyboard has.
type Keys int

const (
	Digits  Keys = iota // 1–9, X, 0
	Letters             // digits and A–Z
)

var keyRows = map[Keys][]string{
	Digits:  {"123", "456", "789", "X0⌫"},
	Letters: {"1234567890", "QWERTYUIOP", "ASDFGHJKL", "ZXCVBNM-⌫"},
}

// KeyboardSpec says what a keyboard writes to. It holds no text of its own: Value is
// asked at each key, so that nothing of a citizen stays in it.
type KeyboardSpec struct {
	Keys   Keys
	NoX    bool // a digit pad without the X of an identity number
	Clear  string
	Sizes  Sizes
	Max    int // characters
	Value  func() string
	Change func(string)
}

// NewKeyboard makes an on-screen keyboard. It never takes the focus: pressing a widget
// would unfocus an entry, so its target is the function it was given.
func NewKeyboard(k KeyboardSpec) fyne.CanvasObject {
	gap := k.Sizes.Gap / 2
	if k.Keys == Digits {
		gap = k.Sizes.Gap
	}
	rows := make([]fyne.CanvasObject, 0, 4)
	for _, keys := range keyRows[k.Keys] {
		var row []fyne.CanvasObject
		var weights []float32
		for _, key := range keys {
			text, weight := string(key), float32(1)
			id, press := "key:"+text, func() { k.add(text) }
			switch {
			case text == "⌫":
				text, id, press = k.Clear, "key:back", k.back
				if k.Keys == Letters {
					weight = 2
				}
			case text == "X" && k.NoX && k.Keys == Digits:
				row, weights = append(row, Space(1, 1)), append(weights, 1)
				continue
			}
			row = append(row, NewButton(ButtonSpec{ID: id, Text: text, Size: k.Sizes.Lead, Min: k.Sizes.Key, MinWidth: 60, OnTap: press}))
			weights = append(weights, weight)
		}
		rows = append(rows, Row(gap, weights, row...))
	}
	return Column(gap, rows...)
}

func (k KeyboardSpec) add(s string) {
	if v := k.Value(); k.Max <= 0 || utf8.RuneCountInString(v) < k.Max {
		k.Change(v + s)
	}
}

func (k KeyboardSpec) back() {
	v := k.Value()
	if _, size := utf8.DecodeLastRuneInString(v); size > 0 {
		k.Change(v[:len(v)-size])
	}
}
