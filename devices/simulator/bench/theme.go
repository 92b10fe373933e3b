package bench

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// legible is the application's theme with buttons, boxes and lines that stand off the
// page: Fyne's own are a shade from it.
type legible struct{ fyne.Theme }

var _ fyne.Theme = legible{}

// Color implements fyne.Theme.
func (t legible) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	switch name {
	case theme.ColorNameButton:
		return color.NRGBA{0xDC, 0xE5, 0xEB, 0xFF}
	case theme.ColorNameDisabledButton:
		return color.NRGBA{0xEA, 0xEE, 0xF1, 0xFF}
	case theme.ColorNameDisabled:
		return color.NRGBA{0x74, 0x80, 0x8A, 0xFF}
	case theme.ColorNameInputBackground:
		return color.White
	case theme.ColorNameInputBorder:
		return color.NRGBA{0x6B, 0x7A, 0x86, 0xFF}
	case theme.ColorNameSeparator:
		return color.NRGBA{0xC3, 0xCD, 0xD5, 0xFF}
	}
	return t.Theme.Color(name, variant)
}

// Size implements fyne.Theme.
func (t legible) Size(name fyne.ThemeSizeName) float32 {
	if name == theme.SizeNameInnerPadding {
		return 6
	}
	return t.Theme.Size(name)
}
