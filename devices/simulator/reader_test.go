package simulator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
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

func FuzzReader(f *testing.F) {
	f.Add(find)
	f.Add(stxRequest)
	f.Fuzz(func(t *testing.T, said []byte) {
		for _, family := range []ReaderFamily{SAMV, STX} {
			r := newReader(Config{Reader: family, ReaderBaud: 9600, Speed: 1}, func(Event) {})
			r.Lay(Cards()[0])
			r.receive(said)
			waiting := 0
			switch w := r.wrap.(type) {
			case *samWrapper:
				waiting = len(w.buf)
			case *stxWrapper:
				waiting = len(w.buf)
			}
			if waiting > maxRequest+16 {
				t.Errorf("%s: %d bytes wait for more", family, waiting)
			}
		}
	})
}
