package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
	"github.com/oklog/ulid/v2"

	"yeban/build/stage"
	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// eye looks at single pixels and taps, without starting a program for it.
type eye struct {
	conn *xgb.Conn
	root xproto.Window
}

func open(b *testing.B, display string) *eye {
	b.Helper()
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	if err := xtest.Init(conn); err != nil {
		b.Fatal(err)
	}
	return &eye{conn, xproto.Setup(conn).DefaultScreen(conn).Root}
}

// pixel is the colour at a place, alpha left off.
func (e *eye) pixel(b *testing.B, x, y int) uint32 {
	b.Helper()
	img, err := xproto.GetImage(e.conn, xproto.ImageFormatZPixmap, xproto.Drawable(e.root), int16(x), int16(y), 1, 1, 0xFFFFFFFF).Reply()
	if err != nil {
		b.Fatal(err)
	}
	return uint32(img.Data[0]) | uint32(img.Data[1])<<8 | uint32(img.Data[2])<<16
}

// until polls a pixel until it is no longer what it was.
func (e *eye) until(b *testing.B, x, y int, was uint32) time.Duration {
	b.Helper()
	for begin := time.Now(); ; {
		if e.pixel(b, x, y) != was {
			return time.Since(begin)
		}
		if time.Since(begin) > 20*time.Second {
			b.Fatalf("the pixel at %d,%d never changed", x, y)
		}
	}
}

func (e *eye) button(b *testing.B, kind byte) {
	b.Helper()
	if err := xtest.FakeInputChecked(e.conn, kind, 1, 0, e.root, 0, 0, 0).Check(); err != nil {
		b.Fatal(err)
	}
}

func percentiles(b *testing.B, name string, all []time.Duration) {
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(all[len(all)/2]), name+"-p50-ms")
	b.ReportMetric(ms(all[min(len(all)-1, len(all)*95/100)]), name+"-p95-ms")
}

// benchHall is a hall for a benchmark.
func benchHall(b *testing.B) (*stage.Stage, context.Context) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	b.Cleanup(cancel)
	catalog, err := filepath.Abs(filepath.Join(repo, "assets/catalog"))
	if err != nil {
		b.Fatal(err)
	}
	cfg := stage.Config{Bin: bin, Dir: b.TempDir(), Catalog: catalog, Listen: "127.0.0.1:0", Width: 1080, Height: 1920, Scale: "1", BenchX: -1}
	display, err := stage.NewDisplay(cfg.Width, cfg.Height)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(display.Close)
	s, err := stage.Setup(cfg, display)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s, ctx
}

// BenchmarkFirstFrame is from starting the kiosk to the first pixel of its home screen.
func BenchmarkFirstFrame(b *testing.B) {
	s, ctx := benchHall(b)
	for _, start := range []func(context.Context) error{s.StartHub, s.StartBench} {
		if err := start(ctx); err != nil {
			b.Fatal(err)
		}
	}
	e := open(b, s.Display.Name)
	var all []time.Duration
	for b.Loop() {
		was := e.pixel(b, 20, 20)
		begin := time.Now()
		done := make(chan error, 1)
		go func() { done <- s.StartKiosk(ctx) }()
		e.until(b, 20, 20, was)
		all = append(all, time.Since(begin))
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Kiosk.Stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	percentiles(b, "first-frame", all)
}

// BenchmarkTapToPaint taps 大字版 and back: press to the button's own feedback, and
// release to the new page, each to the pixel at the X server.
func BenchmarkTapToPaint(b *testing.B) {
	s, ctx := benchHall(b)
	for _, start := range []func(context.Context) error{s.StartHub, s.StartBench, s.StartKiosk} {
		if err := start(ctx); err != nil {
			b.Fatal(err)
		}
	}
	c, e := s.Citizen(""), open(b, s.Display.Name)
	var press, page []time.Duration
	for b.Loop() {
		screen, err := c.Await(ctx, "elder button", func(s stage.Screen) bool { _, ok := s.Find("nav:elder"); return ok })
		if err != nil {
			b.Fatal(err)
		}
		p, _ := screen.Find("nav:elder")
		x, y := int(p.X)+12, int(p.Y+p.H/2)
		if err := xtest.FakeInputChecked(e.conn, xproto.MotionNotify, 0, 0, e.root, int16(x), int16(y), 0).Check(); err != nil {
			b.Fatal(err)
		}
		time.Sleep(150 * time.Millisecond) // the page before is painted
		was := e.pixel(b, x, y)
		e.button(b, xproto.ButtonPress)
		press = append(press, e.until(b, x, y, was))
		// The title is larger in elder mode: a row of pixels beside it is background or ink.
		title := e.row(b, 200)
		e.button(b, xproto.ButtonRelease)
		begin := time.Now()
		for slices.Equal(e.row(b, 200), title) {
			if time.Since(begin) > 20*time.Second {
				b.Fatal("the page never changed")
			}
		}
		page = append(page, time.Since(begin))
	}
	percentiles(b, "press-to-pixel", press)
	percentiles(b, "release-to-page", page)
}

// row is one line of pixels of the title's height.
func (e *eye) row(b *testing.B, y int) []byte {
	b.Helper()
	img, err := xproto.GetImage(e.conn, xproto.ImageFormatZPixmap, xproto.Drawable(e.root), 0, int16(y), 1080, 1, 0xFFFFFFFF).Reply()
	if err != nil {
		b.Fatal(err)
	}
	return img.Data
}

// BenchmarkRecordToAcknowledged is one application from Append to the hub's
// acknowledgement, over loopback, with a real hub process on the same disk.
func BenchmarkRecordToAcknowledged(b *testing.B) {
	s, ctx := benchHall(b)
	if err := s.StartHub(ctx); err != nil {
		b.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(s.Dir(), "hub", "platform.pub"))
	if err != nil {
		b.Fatal(err)
	}
	key, err := record.ParsePublicKey(raw)
	if err != nil {
		b.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(s.Outbox(), "token"))
	if err != nil {
		b.Fatal(err)
	}
	box, err := outbox.Open(outbox.Config{Dir: s.Outbox(), Platform: key, Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	defer box.Close()
	l, err := link.New(link.Config{
		URL: "ws" + strings.TrimPrefix(s.Console, "http"), Token: string(token), Kiosk: stage.KioskID, Software: "bench",
		CatalogVersion: func() string { return "bench" }, Outbox: box, Status: func() protocol.Status { return protocol.Status{At: time.Now(), Visit: "home"} },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- l.Run(run) }()
	defer func() { stop(); <-done }()
	for !l.State().Connected {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(time.Second) // settled
	var all []time.Duration
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		at = at.Add(time.Second)
		number, err := record.NewReceiptNumber(at, 17)
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		pos, err := box.Append(ctx, record.Application{ID: ulid.Make().String(), ReceiptNumber: number, Kiosk: stage.KioskID,
			Item: "bench", ItemName: "bench", Answers: map[string]string{"text": strings.Repeat("x", 2000)}})
		if err != nil {
			b.Fatal(err)
		}
		for box.Acknowledged() < pos.Seq {
			time.Sleep(50 * time.Microsecond)
			if time.Since(begin) > 20*time.Second {
				b.Fatal(fmt.Errorf("entry %d was never acknowledged: %v", pos.Seq, l.State().Err))
			}
		}
		all = append(all, time.Since(begin))
	}
	percentiles(b, "append-to-ack", all)
}
