package screen

import (
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"yeban/assets"
	"yeban/assets/messages"
	"yeban/catalog"
	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
	"yeban/sync/record"
)

var pictures = flag.String("pictures", "", "folder to write a picture of every screen to")

var sizes = map[string]fyne.Size{
	"portrait":  fyne.NewSize(1080, 1920),
	"landscape": fyne.NewSize(1920, 1080),
}

var noon = time.Date(2026, 11, 22, 3, 12, 0, 0, time.FixedZone("CST", 8*3600))

// moments are views of every state, each with the most that can stand on its page.
func moments(c *catalog.Catalog) map[string]journey.View {
	item := &c.Items[0]
	for i := range c.Items {
		if c.Items[i].ID == "residence-permit-endorsement" {
			item = &c.Items[i]
		}
	}
	person := record.Person{Name: "徽小安", Sex: "2", IDNumber: "3401**********0024", Address: "安徽省合肥市庐阳区逍遥津街道夜办路一百二十八号星光新村十二栋三单元一千二百零一室"}
	base := journey.View{Lang: "zh", Item: item, Person: person, Visit: 1}
	at := func(state journey.State, change func(*journey.View)) journey.View {
		v := base
		v.State = state
		v.Step = map[journey.State]int{journey.Consent: 1, journey.Card: 2, journey.Form: 3, journey.Review: 4, journey.Submitting: 4}[state]
		if state >= journey.Receipt && state <= journey.Farewell {
			v.Step = 5
		}
		if change != nil {
			change(&v)
		}
		return v
	}
	var tiles []journey.Tile
	for i := range c.Items[:min(len(c.Items), journey.TilesAPage)] {
		t := journey.Tile{Item: &c.Items[i]}
		if i%4 == 2 {
			t.Cause = journey.CausePaper
		}
		tiles = append(tiles, t)
	}
	many := append([]journey.Tile(nil), tiles...)
	for len(many) < journey.TilesAPage {
		many = append(many, tiles[len(many)%len(tiles)])
	}
	answers := catalog.Answers{}
	var review []journey.ReviewLine
	for _, p := range item.Form.Pages {
		for _, q := range p.Questions {
			switch q.Kind {
			case catalog.Choice:
				answers[q.ID] = q.Options[0].Value
			case catalog.Date:
				answers[q.ID] = "20261101"
			default:
				answers[q.ID] = "13800000000"
			}
			review = append(review, journey.ReviewLine{Page: p.ID, Question: q, Value: answers[q.ID]})
		}
	}
	standings := []journey.Standing{
		{Number: "261121-021500-000178", ItemName: c.Items[0].Name.Zh, Submitted: noon.Add(-24 * time.Hour), Stage: journey.StageNeedsMore, At: noon,
			Reason: "照片不清晰，请带近期一寸白底免冠照片到窗口补交，或在手机上重新上传。"},
		{Number: "261120-031204-000178", ItemName: item.Name.Zh, Submitted: noon.Add(-48 * time.Hour), Stage: journey.StageDone, At: noon, Reason: "证件已寄出。"},
		{Number: "261119-031204-000178", ItemName: c.Items[1].Name.Zh, Submitted: noon.Add(-72 * time.Hour), Stage: journey.StageReceived},
	}
	m := map[string]journey.View{
		"home":           at(journey.Home, func(v *journey.View) { v.Tiles, v.HomePages, v.Step = tiles, 1, 0 }),
		"home-offline":   at(journey.Home, func(v *journey.View) { v.Tiles, v.HomePages, v.Offline = many, 2, true }),
		"home-closed":    at(journey.Home, func(v *journey.View) { v.Tiles, v.HomePages, v.NoRoom = many, 2, true }),
		"consent":        at(journey.Consent, nil),
		"card":           at(journey.Card, nil),
		"card-reading":   at(journey.Card, func(v *journey.View) { v.CardPhase = journey.CardReading }),
		"card-moved":     at(journey.Card, func(v *journey.View) { v.CardPhase, v.CardTrouble = journey.CardFailed, journey.CardMoved }),
		"card-reader":    at(journey.Card, func(v *journey.View) { v.CardPhase, v.CardTrouble = journey.CardFailed, journey.ReaderFailed }),
		"review":         at(journey.Review, func(v *journey.View) { v.Review, v.Answers = review, answers }),
		"review-trouble": at(journey.Review, func(v *journey.View) { v.Review, v.Trouble = review, journey.TroubleFailed }),
		"review-unsure":  at(journey.Review, func(v *journey.View) { v.Review, v.Trouble = review, journey.TroubleUnsure }),
		"submitting":     at(journey.Submitting, nil),
		"receipt":        at(journey.Receipt, func(v *journey.View) { v.Number, v.PrintPhase = "261122-031204-000178", journey.Printing }),
		"receipt-queued": at(journey.Receipt, func(v *journey.View) {
			v.Number, v.PrintPhase, v.Queued = "261122-031204-000178", journey.PrintFailed, true
		}),
		"rating":          at(journey.Rating, nil),
		"farewell":        at(journey.Farewell, func(v *journey.View) { v.Rated = 5 }),
		"card-inquiry":    at(journey.Card, func(v *journey.View) { v.Inquiry, v.Item, v.Step = true, nil, 0 }),
		"asking":          at(journey.Asking, func(v *journey.View) { v.Item, v.Step = nil, 0 }),
		"progress":        at(journey.Progress, func(v *journey.View) { v.Item, v.Step, v.ListPages, v.Standings = nil, 0, 2, standings }),
		"progress-none":   at(journey.Progress, func(v *journey.View) { v.Item, v.Step, v.ListPages = nil, 0, 1 }),
		"progress-untold": at(journey.Progress, func(v *journey.View) { v.Item, v.Step, v.ListPages, v.Untold = nil, 0, 1, true }),
		"home-inquiry-closed": at(journey.Home, func(v *journey.View) {
			v.Tiles, v.HomePages, v.Step, v.InquiryCause = tiles, 1, 0, journey.CauseReader
		}),
		"warning": at(journey.Consent, func(v *journey.View) { v.SecondsLeft = 17 }),
	}
	for i := range item.Form.Pages {
		p := &item.Form.Pages[i]
		page := func(v *journey.View) {
			v.Page, v.PageIndex, v.PageCount, v.Answers = p, i, len(item.Form.Pages), catalog.Answers{}
		}
		m["form-"+p.ID] = at(journey.Form, page)
		m["form-"+p.ID+"-problem"] = at(journey.Form, func(v *journey.View) {
			page(v)
			for _, q := range p.Questions {
				v.Problems = append(v.Problems, catalog.Problem{Question: q.ID, Text: catalog.Text{Zh: "请填写这一项，填好后再继续。", En: "Please fill this in before you go on."}})
			}
		})
	}
	return m
}

func newScreen(t *testing.T, size fyne.Size) (*Screen, fyne.Window) {
	t.Helper()
	book, err := messages.Load()
	if err != nil {
		t.Fatal(err)
	}
	app := test.NewTempApp(t)
	app.Settings().SetTheme(touch.NewTheme(assets.Regular, assets.SemiBold))
	s := New(Config{
		Station: Station{Hall: "合肥市庐阳区政务服务大厅", Kiosk: "340103-0017", Hotline: "12345"}, Width: int(size.Width), Height: int(size.Height),
		Book: book, Icon: assets.Icon, Send: func(journey.Event) {}, Now: func() time.Time { return noon },
	})
	w := app.NewWindow("")
	w.SetPadded(false)
	w.SetContent(s.Root())
	w.Resize(size)
	return s, w
}

// TestEveryPageFits holds each page against both orientations, both languages and both
// text sizes: what is taller or wider than the screen would be clipped.
func TestEveryPageFits(t *testing.T) {
	c, err := catalog.Load("../../assets/catalog")
	if err != nil {
		t.Fatal(err)
	}
	for orientation, size := range sizes {
		s, w := newScreen(t, size)
		for name, v := range moments(c) {
			for _, lang := range []string{"zh", "en"} {
				for _, elder := range []bool{false, true} {
					v.Lang, v.Elder = lang, elder
					s.drawn = false
					s.Draw(v)
					label := orientation + "/" + name + "/" + lang
					if elder {
						label += "/elder"
					}
					if min := s.Root().MinSize(); min.Width > size.Width || min.Height > size.Height {
						t.Errorf("%s needs %v of %v", label, min, size)
					}
					if *pictures != "" {
						picture(t, w, label)
					}
				}
			}
		}
	}
}

func picture(t *testing.T, w fyne.Window, label string) {
	t.Helper()
	file := filepath.Join(*pictures, filepath.FromSlash(label)+".png")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, w.Canvas().Capture()); err != nil {
		t.Fatal(err)
	}
}
