package screen

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// home is the grid of items. An item that cannot be done here and now says why; nothing
// is hidden, so that nobody searches for it.
func (s *Screen) home(v journey.View) fyne.CanvasObject {
	inner := s.size.Width - 2*margin
	top := []fyne.CanvasObject{
		touch.Para(s.say("home.title"), inner, touch.Look{Size: s.sizes.Title, Bold: true}),
	}
	if s.portrait() || !v.Elder && !v.NoRoom && !v.Offline {
		top = append(top, touch.Para(s.say("home.hint"), inner, touch.Look{Size: s.sizes.Body, Color: touch.Muted}))
	}
	switch {
	case v.NoRoom:
		top = append(top, s.notice(inner, "warning", s.say("home.closed"),
			s.say("home.closed.more", "number", s.cfg.Station.Hotline), touch.Alarm, touch.AlarmSoft))
	case v.Offline:
		top = append(top, s.notice(inner, "wifi-off", "", s.say("home.offline"), touch.Care, touch.CareSoft))
	}
	body := container.NewBorder(touch.Column(s.sizes.Gap, top...), s.tiles(v, inner), nil, nil)
	return container.NewBorder(s.band(), s.nav(sheet{}), nil, nil, touch.Pad(margin, s.sizes.Gap*1.5, body))
}

// inquiry is the way to ask how an application stands.
func (s *Screen) inquiry(v journey.View) fyne.CanvasObject {
	text, tint := s.say("inquiry.button"), touch.Primary
	if v.InquiryCause != "" {
		text = s.say("text.note", "a", text, "b", s.say("cause."+string(v.InquiryCause)))
		tint = touch.Muted
	}
	return touch.NewButton(touch.ButtonSpec{ID: "home:inquiry", Text: text, Size: s.sizes.Body, Style: touch.Quiet, Min: s.sizes.Target * 0.9,
		Icon: s.icon("search", tint), IconSize: s.sizes.Body + 8, OnTap: s.send(journey.InquiryTapped{})})
}

func (s *Screen) tiles(v journey.View, inner float32) fyne.CanvasObject {
	columns, cell := 3, float32(252)
	switch {
	case !s.portrait():
		columns, cell = 4, 168
	case len(v.Tiles) <= 9:
		cell = 316 // fewer rows, larger tiles
	}
	cell *= s.sizes.Body / touch.SizesFor(false).Body
	width := (inner - s.sizes.Gap*float32(columns-1)) / float32(columns)
	var tiles []fyne.CanvasObject
	for _, t := range v.Tiles {
		tint, cause := touch.Primary, ""
		if t.Cause != "" {
			tint, cause = touch.Muted, s.say("cause."+string(t.Cause))
		}
		tiles = append(tiles, touch.NewTile(touch.TileSpec{
			ID: "item:" + t.Item.ID, Name: t.Item.Name.In(v.Lang), Cause: cause,
			Icon: s.icon(t.Item.Icon, tint), Size: fyne.NewSize(width, cell),
			NameText: s.sizes.Body - 2, SubText: s.sizes.Small - 3, OnTap: s.send(journey.ItemTapped{ID: t.Item.ID}),
		}))
	}
	grid := touch.Grid(columns, s.sizes.Gap, cell, tiles...)
	if v.HomePages < 2 {
		return touch.Column(s.sizes.Gap*1.5, grid, s.inquiry(v))
	}
	turn := s.turnPage("home", v.HomePage, v.HomePages, inner, func(page int) journey.Event { return journey.HomePageTapped{Page: page} })
	if s.portrait() {
		return touch.Column(s.sizes.Gap*1.5, grid, turn, s.inquiry(v))
	}
	return touch.Column(s.sizes.Gap*1.5, grid, touch.Row(s.sizes.Gap, []float32{3, 2}, turn, s.inquiry(v)))
}
