package simulator

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/sys/unix"
)

// host is a program that has opened one of the bench's ports.
type host struct {
	t *testing.T
	f *os.File
}

func newBench(t *testing.T, alter ...func(*Config)) *Bench {
	t.Helper()
	cfg := Config{Dir: t.TempDir(), Speed: 10}
	for _, f := range alter {
		f(&cfg)
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func (b *Bench) dirOf() string { return b.Reader.line.dir }

func openPort(t *testing.T, b *Bench, name string, baud uint32) *host {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(b.dirOf(), name), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	conn, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	conn.Control(func(fd uintptr) {
		tio, e := unix.IoctlGetTermios(int(fd), unix.TCGETS2)
		if e == nil {
			tio.Cflag = tio.Cflag&^unix.CBAUD | unix.BOTHER
			tio.Ispeed, tio.Ospeed = baud, baud
			e = unix.IoctlSetTermios(int(fd), unix.TCSETS2, tio)
		}
		err = e
	})
	if err != nil {
		t.Fatal(err)
	}
	return &host{t, f}
}

func (h *host) send(b ...byte) {
	h.t.Helper()
	if _, err := h.f.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

// read waits for n bytes.
func (h *host) read(n int) []byte {
	h.t.Helper()
	h.f.SetReadDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, n)
	for at := 0; at < n; {
		m, err := h.f.Read(buf[at:])
		if err != nil {
			h.t.Fatalf("after %d of %d bytes: %v", at, n, err)
		}
		at += m
	}
	return buf
}

// quiet checks that nothing more comes.
func (h *host) quiet(d time.Duration) {
	h.t.Helper()
	h.f.SetReadDeadline(time.Now().Add(d))
	buf := make([]byte, 64)
	if n, err := h.f.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		h.t.Errorf("heard % x, %v", buf[:n], err)
	}
}

func request(cmd ...byte) []byte {
	f := append([]byte{0xAA, 0xAA, 0xAA, 0x96, 0x69, 0, byte(len(cmd) + 1)}, cmd...)
	return append(f, xor(f[5:]))
}

var (
	find     = request(0x20, 0x01)
	selectIt = request(0x20, 0x02)
	readIt   = request(0x30, 0x01)
)

func TestReaderGivesACard(t *testing.T) {
	for _, c := range Cards() {
		t.Run(c.Key, func(t *testing.T) {
			b := newBench(t)
			h := openPort(t, b, "idcard", 115200)
			h.send(find...)
			if f := h.read(11); f[9] != swFindFailed {
				t.Fatalf("no card: % x", f)
			}
			b.Reader.Lay(c)
			h.send(find...)
			if f := h.read(15); f[9] != swFound {
				t.Fatalf("find: % x", f)
			}
			h.send(selectIt...)
			if f := h.read(19); f[9] != swOK {
				t.Fatalf("select: % x", f)
			}
			h.send(readIt...)
			f := h.read(1295)
			if f[9] != swOK || binary.BigEndian.Uint16(f[5:]) != 1288 || xor(f[5:1294]) != f[1294] {
				t.Fatalf("read: % x", f[:16])
			}
			id := 122
			var units []uint16
			for i := 14 + id; i < 14+id+30; i += 2 {
				units = append(units, binary.LittleEndian.Uint16(f[i:]))
			}
			if got := string(utf16.Decode(units)); !strings.HasPrefix(c.IDNumber, strings.TrimSpace(got)[:15]) {
				t.Errorf("another card's number")
			}
			h.send(find...)
			if f := h.read(11); f[9] != swFindFailed {
				t.Errorf("find after read: % x", f)
			}
		})
	}
}

func TestTestPeopleAreValidAndInvented(t *testing.T) {
	for _, c := range Cards() {
		if !strings.HasPrefix(c.Birth, "1900") {
			t.Errorf("%s was not born in 1900", c.Key)
		}
		if n := c.IDNumber; len(n) == 18 && checkDigit(n[:17]) != n {
			t.Errorf("%s has a wrong check digit", c.Key)
		}
		if len(c.text()) != 256 || len(c.photo()) != 1024 {
			t.Errorf("%s has records of the wrong size", c.Key)
		}
	}
}

func TestReaderFaults(t *testing.T) {
	resident := Cards()[0]
	upToRead := func(b *Bench, h *host) {
		b.Reader.Lay(resident)
		h.send(find...)
		h.read(15)
		h.send(selectIt...)
		h.read(19)
	}
	for name, f := range map[string]func(*testing.T, *Bench, *host){
		"chunks with a gap in the photo": func(t *testing.T, b *Bench, h *host) {
			upToRead(b, h)
			b.Reader.SetFaults(ReaderFaults{Chunk: 62, PhotoGap: Duration(900 * time.Millisecond)})
			start := time.Now()
			h.send(readIt...)
			h.read(1295)
			if d := time.Since(start); d < 90*time.Millisecond {
				t.Errorf("took %v, the gap alone is 90 ms at tenfold speed", d)
			}
		},
		"late reply": func(t *testing.T, b *Bench, h *host) {
			b.Reader.SetFaults(ReaderFaults{LateReply: true})
			h.send(request(0x12, 0xFF)...)
			h.quiet(50 * time.Millisecond)
			h.send(find...)
			if f := h.read(27 + 11); f[6] != 0x14 || f[27+9] != swFindFailed {
				t.Errorf("% x", f)
			}
		},
		"noise": func(t *testing.T, b *Bench, h *host) {
			b.Reader.SetFaults(ReaderFaults{Noise: 5})
			h.send(find...)
			if f := h.read(5 + 2 + 11); !bytes.Equal(f[5:12], []byte{0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0x96, 0x69}) {
				t.Errorf("% x", f)
			}
		},
		"frame inside the photo": func(t *testing.T, b *Bench, h *host) {
			upToRead(b, h)
			b.Reader.SetFaults(ReaderFaults{FrameInPhoto: true})
			h.send(readIt...)
			if f := h.read(1295); bytes.Count(f, samPreamble) != 2 {
				t.Error("no frame in the photo")
			}
		},
		"length FFFF": func(t *testing.T, b *Bench, h *host) {
			b.Reader.SetFaults(ReaderFaults{HugeLength: true})
			h.send(find...)
			if f := h.read(7 + 11); f[5] != 0xFF || f[6] != 0xFF {
				t.Errorf("% x", f)
			}
		},
		"card lifted before the read": func(t *testing.T, b *Bench, h *host) {
			upToRead(b, h)
			b.Reader.SetFaults(ReaderFaults{LiftOnRead: true})
			h.send(readIt...)
			if f := h.read(11); f[9] != swReadFailed || f[7] == 0 {
				t.Errorf("% x", f)
			}
			b.Reader.SetFaults(ReaderFaults{})
			h.send(find...)
			if f := h.read(11); f[9] != swFindFailed {
				t.Errorf("% x", f)
			}
			b.Reader.Lay(resident)
			h.send(find...)
			if f := h.read(15); f[9] != swFound {
				t.Errorf("% x", f)
			}
		},
		"wrong baud": func(t *testing.T, b *Bench, h *host) {
			b.Reader.SetFaults(ReaderFaults{BootBaud: 9600})
			h.send(find...)
			h.quiet(50 * time.Millisecond)
		},
		"deaf, then awake": func(t *testing.T, b *Bench, _ *host) {
			b.Reader.SetFaults(ReaderFaults{DeafFor: Duration(1500 * time.Millisecond)})
			if err := b.Plug("idcard", ""); err != nil {
				t.Fatal(err)
			}
			again := openPort(t, b, "idcard", 115200)
			again.send(find...)
			again.quiet(160 * time.Millisecond) // 150 ms at tenfold speed
			again.send(find...)
			again.read(11)
		},
		"self-test failed": func(t *testing.T, b *Bench, h *host) {
			b.Reader.SetFaults(ReaderFaults{SelfTest: 0x66})
			h.send(request(0x11, 0xFF)...)
			if f := h.read(11); f[9] != 0x66 {
				t.Errorf("% x", f)
			}
		},
		"malformed notice": func(t *testing.T, b *Bench, h *host) {
			b.Reader.SetFaults(ReaderFaults{TimeoutNotice: true})
			h.send(find...)
			if f := h.read(10); !bytes.Equal(f[5:], []byte{0, 5, 5, 5, 5}) {
				t.Errorf("% x", f)
			}
		},
		"unplugged in mid-frame": func(t *testing.T, b *Bench, h *host) {
			upToRead(b, h)
			b.Reader.SetFaults(ReaderFaults{UnplugAfter: 600})
			h.send(readIt...)
			h.f.SetReadDeadline(time.Now().Add(20 * time.Second))
			n, buf := 0, make([]byte, 2000)
			for {
				m, err := h.f.Read(buf)
				if n += m; err != nil {
					break
				}
			}
			if n > 600 || b.Plugged("idcard") {
				t.Errorf("%d bytes, plugged %v", n, b.Plugged("idcard"))
			}
			if _, err := os.Lstat(filepath.Join(b.dirOf(), "idcard")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the port's name is still there: %v", err)
			}
		},
		"garbled request": func(t *testing.T, b *Bench, h *host) {
			bad := bytes.Clone(find)
			bad[len(bad)-1] ^= 1
			h.send(bad...)
			if f := h.read(11); f[9] != swChecksum {
				t.Errorf("% x", f)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			f(t, b, openPort(t, b, "idcard", 115200))
		})
	}
}

func TestPortComesBackUnderAnotherName(t *testing.T) {
	b := newBench(t)
	if err := b.Unplug("idcard"); err != nil {
		t.Fatal(err)
	}
	if err := b.Plug("idcard", "ttyUSB7"); err != nil {
		t.Fatal(err)
	}
	h := openPort(t, b, "ttyUSB7", 115200)
	h.send(find...)
	h.read(11)
	// The old name leads to another device.
	if err := b.Plug("evaluator", "idcard"); err != nil {
		t.Fatal(err)
	}
	h = openPort(t, b, "idcard", 9600)
	h.send(find...)
	h.quiet(50 * time.Millisecond)
	if err := b.Plug("evaluator", "../x"); err == nil {
		t.Error("a port outside the folder")
	}
}

func TestPaceIsTheWires(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Speed = 1 })
	b.Reader.Lay(Cards()[0])
	h := openPort(t, b, "idcard", 115200)
	start := time.Now()
	h.send(find...)
	h.read(15)
	h.send(selectIt...)
	h.read(19)
	h.send(readIt...)
	h.read(1295)
	// 1359 bytes of 86.8 µs are 118 ms.
	if d := time.Since(start); d < 117*time.Millisecond {
		t.Errorf("read in %v, faster than the wire", d)
	} else {
		t.Logf("read in %v", d)
	}
}

func TestResampleIsWhatAUARTHears(t *testing.T) {
	for _, c := range []struct {
		name     string
		sent     []byte
		from, to int
		want     []byte
	}{
		{"same rate", []byte{1, 2, 3}, 9600, 9600, []byte{1, 2, 3}},
		{"close enough", []byte{0x55, 0xAA, 0x00, 0xFF}, 9600, 9700, []byte{0x55, 0xAA, 0x00, 0xFF}},
		{"a slow NUL heard fast", []byte{0}, 9600, 115200, []byte{0}},
		{"nothing", nil, 9600, 115200, nil},
	} {
		if got := resample(c.sent, c.from, c.to); !bytes.Equal(got, c.want) {
			t.Errorf("%s: % x, want % x", c.name, got, c.want)
		}
	}
	if got := resample(find, 115200, 9600); bytes.Contains(got, find) || len(got) > 3 {
		t.Errorf("at 9600: % x", got)
	}
}

func TestControlSocketWorksTheBench(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, l) }()
	c, err := Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	do := func(q Request) Response {
		t.Helper()
		r, err := c.Do(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := do(Request{Do: "lay", Card: "longterm"}); r.State.Card != "longterm" {
		t.Errorf("%+v", r.State)
	}
	if r := do(Request{Do: "paper", Paper: "out"}); r.State.Printer.Paper {
		t.Errorf("%+v", r.State)
	}
	if r := do(Request{Do: "unplug", Device: "printer"}); len(r.State.Unplugged) != 1 {
		t.Errorf("%+v", r.State)
	}
	do(Request{Do: "fault", Device: "idcard", Faults: []byte(`{"photoGap":"900ms","chunk":7}`)})
	if f := b.Reader.Faults(); f.PhotoGap.D() != 900*time.Millisecond || f.Chunk != 7 {
		t.Errorf("%+v", f)
	}
	if r := do(Request{Do: "image"}); !isPNG(r.PNG) {
		t.Error("no picture")
	}
	for _, bad := range []Request{
		{Do: "dance"}, {Do: "lay", Card: "nobody"}, {Do: "press", Level: 6}, {Do: "unplug", Device: "toaster"},
		{Do: "fault", Device: "idcard", Faults: []byte(`{"chnuk":7}`)}, {Do: "paper", Paper: "blue"},
	} {
		if _, err := c.Do(ctx, bad); err == nil {
			t.Errorf("%+v accepted", bad)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	c.Close()
}

func isPNG(p []byte) bool {
	_, err := png.Decode(bytes.NewReader(p))
	return err == nil
}

func TestScenarioRuns(t *testing.T) {
	b := newBench(t)
	s, err := ReadScenario(strings.NewReader(`
- at: 10ms
  do: lay
  card: rare
- on: idcard.found
  times: 2
  do: lift
- on: idcard.lifted
  after: 100ms
  do: fault
  device: idcard
  faults: {mute: true, photoGap: 50ms}
`))
	if err != nil {
		t.Fatal(err)
	}
	laid := make(chan struct{})
	stop := b.Watch(func(e Event) {
		if e.String() == "idcard.laid" {
			close(laid)
		}
	})
	defer stop()
	h := openPort(t, b, "idcard", 115200)
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	go func() { done <- b.Play(ctx, s) }()
	<-laid
	for range 2 {
		h.send(find...)
		h.read(15)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if f := b.Reader.Faults(); !f.Mute || f.PhotoGap.D() != 50*time.Millisecond {
		t.Errorf("%+v", f)
	}
	if _, laid := b.Reader.Card(); laid {
		t.Error("card still there")
	}
}

func TestBadScenarioIsRefused(t *testing.T) {
	for name, y := range map[string]string{
		"no time":       "- do: lift",
		"both":          "- {at: 1s, on: idcard.found, do: lift}",
		"nothing":       "- at: 1s",
		"unknown field": "- {at: 1s, do: lift, who: me}",
		"no duration":   "- {at: soon, do: lift}",
		"negative":      "- {at: -1s, do: lift}",
		"no list":       "do: lift",
	} {
		if _, err := ReadScenario(strings.NewReader(y)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	b := newBench(t)
	s, err := ReadScenario(strings.NewReader("- {at: 0s, do: dance}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Play(t.Context(), s); !errors.Is(err, ErrRequest) {
		t.Errorf("Play: %v", err)
	}
}

func TestBadConfigIsRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"width": {Dir: t.TempDir(), Width: 70}, "kind": {Dir: t.TempDir(), Evaluator: "morse"},
		"font": {Dir: t.TempDir(), Font: []byte("x")}, "buffer": {Dir: t.TempDir(), Buffer: -1},
	} {
		if b, err := New(c); err == nil {
			b.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPaperIsDrawn(t *testing.T) {
	font, err := os.ReadFile("../../assets/fonts/NotoSansSC-Regular.ttf")
	if err != nil {
		t.Skip("no font here: ", err)
	}
	b := newBench(t, func(c *Config) { c.Font, c.Width = font, 58 })
	h := openPort(t, b, "printer", 115200)
	cut := make(chan struct{}, 1)
	b.Watch(func(e Event) {
		if e.String() == "printer.cut" {
			cut <- struct{}{}
		}
	})
	h.send([]byte("\x1b@\x1ba\x01\x1d!\x11Size 2\n\x1d!\x00\x1ba\x00normal\n\x1c&\xca\xdc\xc0\xed\n\x1dV\x00")...)
	<-cut
	got := b.Printer.Receipts()
	if len(got) != 1 || got[0].Text() != "Size 2\nnormal\n受理\n" {
		t.Fatalf("%+v", got)
	}
	img := b.Printer.Image()
	if img.Bounds().Dx() != 384 || !hasInk(img, image.Rect(100, 0, 284, 48)) || hasInk(img, image.Rect(0, 0, 90, 48)) {
		t.Errorf("title is not centred on %v", img.Bounds())
	}
	b.Printer.TearOff()
	if hasInk(b.Printer.Image(), b.Printer.Image().Bounds()) {
		t.Error("paper was torn off, ink is left")
	}
}

func hasInk(img image.Image, r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if v, _, _, _ := img.At(x, y).RGBA(); v < 0x8000 {
				return true
			}
		}
	}
	return false
}

func FuzzInterpreter(f *testing.F) {
	f.Add([]byte("\x1b@\x1c&\xca\xdc\n\x1dV\x00"))
	f.Add([]byte("\x1dv0\x00\x02\x00\x02\x00abcd\x1d(k\x03\x001Q0\x10\x04\x01"))
	f.Fuzz(func(t *testing.T, job []byte) {
		p := newPrinter(Config{Width: 58, Buffer: 4096, PrinterBaud: 9600, Speed: 1}.withDefaults(), &typeface{}, func(Event) {})
		p.receive(job)
		if s := p.State(); s.Overruns != 0 {
			t.Errorf("%d bytes overran while the printer was ready", s.Overruns)
		}
		if len(p.paper.marks) < 50 {
			p.Image()
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add(find)
	f.Fuzz(func(t *testing.T, said []byte) {
		r := newReader(Config{ReaderBaud: 9600, Speed: 1}, func(Event) {})
		r.Lay(Cards()[0])
		r.receive(said)
		if len(r.parser.buf) > maxRequest+16 {
			t.Errorf("%d bytes wait for more", len(r.parser.buf))
		}
	})
}
