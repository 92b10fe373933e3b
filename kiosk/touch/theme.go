package touch

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Colours of every screen. Ink on Paper and White on Primary are above 7:1.
var (
	Paper       = color.NRGBA{0xF3, 0xF6, 0xF8, 0xFF} // page
	Surface     = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF} // cards, fields, tiles
	Night       = color.NRGBA{0x0F, 0x29, 0x3B, 0xFF} // the band on top
	Ink         = color.NRGBA{0x14, 0x22, 0x2D, 0xFF}
	Muted       = color.NRGBA{0x40, 0x50, 0x5E, 0xFF}
	Line        = color.NRGBA{0xC9, 0xD3, 0xDB, 0xFF}
	Primary     = color.NRGBA{0x0A, 0x58, 0x78, 0xFF}
	PrimaryDown = color.NRGBA{0x06, 0x3F, 0x57, 0xFF}
	PrimarySoft = color.NRGBA{0xE1, 0xEE, 0xF4, 0xFF}
	Pressed     = color.NRGBA{0xD5, 0xE0, 0xE8, 0xFF}
	White       = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}
	Alarm       = color.NRGBA{0x96, 0x2A, 0x1C, 0xFF}
	AlarmSoft   = color.NRGBA{0xFB, 0xE9, 0xE6, 0xFF}
	Care        = color.NRGBA{0x6A, 0x45, 0x00, 0xFF}
	CareSoft    = color.NRGBA{0xFF, 0xF3, 0xD9, 0xFF}
	Good        = color.NRGBA{0x17, 0x62, 0x3F, 0xFF}
	GoodSoft    = color.NRGBA{0xE3, 0xF3, 0xEA, 0xFF}
	Dusk        = color.NRGBA{0x0A, 0x16, 0x20, 0xB0} // over the page, under a warning
	Faint       = color.NRGBA{0xE8, 0xEC, 0xEF, 0xFF} // what cannot be done now
)

// Sizes are text heights, targets and gaps in pixels.
type Sizes struct {
	Small, Body, Lead, Title, Huge float32
	Target                         float32 // height of what is tapped
	Key                            float32 // height of a keyboard key
	Gap                            float32
}

// SizesFor gives the sizes for normal or elder mode. Body text is 34 px, 10 mm targets
// would be 32 px: every target here is above 20 mm on a 27-inch panel.
func SizesFor(elder bool) Sizes {
	if elder {
		return Sizes{Small: 32, Body: 42, Lead: 46, Title: 62, Huge: 76, Target: 132, Key: 104, Gap: 18}
	}
	return Sizes{Small: 27, Body: 34, Lead: 38, Title: 54, Huge: 68, Target: 112, Key: 92, Gap: 16}
}

// Scaled makes everything a page is set in smaller, for one that would not fit.
func (s Sizes) Scaled(f float32) Sizes {
	return Sizes{s.Small * f, s.Body * f, s.Lead * f, s.Title * f, s.Huge * f, s.Target * f, s.Key * f, s.Gap * f}
}

// Theme is the one theme of the application.
type Theme struct{ regular, bold fyne.Resource }

// NewTheme takes the TrueType files of the two weights.
func NewTheme(regular, bold []byte) *Theme {
	return &Theme{fyne.NewStaticResource("regular.ttf", regular), fyne.NewStaticResource("bold.ttf", bold)}
}

// Color implements fyne.Theme.
func (t *Theme) Color(name fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	switch name {
	case theme.ColorNameBackground:
		return Paper
	case theme.ColorNameForeground:
		return Ink
	case theme.ColorNamePrimary:
		return Primary
	default:
		return theme.DefaultTheme().Color(name, theme.VariantLight)
	}
}

// Font implements fyne.Theme.
func (t *Theme) Font(s fyne.TextStyle) fyne.Resource {
	if s.Bold {
		return t.bold
	}
	return t.regular
}

// Icon implements fyne.Theme.
func (t *Theme) Icon(name fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(name) }

// Size implements fyne.Theme.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return 34
	case theme.SizeNamePadding:
		return 0
	default:
		return theme.DefaultTheme().Size(name)
	}
}

// benchTheme is the same for a desktop window worked with a mouse.
type benchTheme struct{ Theme }

// NewBenchTheme takes the same files; its sizes are a desktop's.
func NewBenchTheme(regular, bold []byte) fyne.Theme {
	return &benchTheme{*NewTheme(regular, bold)}
}

// Size implements fyne.Theme.
func (t *benchTheme) Size(name fyne.ThemeSizeName) float32 { return theme.DefaultTheme().Size(name) }
