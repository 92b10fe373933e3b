package simulator

import (
	"bytes"
	"testing"
	"time"
)

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
