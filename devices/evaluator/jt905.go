package evaluator

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"
)

// JT905Vendor is what differs between vendors of JT/T 905 devices: whom a frame is for,
// and the commands.
type JT905Vendor struct {
	Device byte // 06 or 11
	Vendor byte
	Status uint16
	Ask    uint16 // body: seconds
	Idle   uint16
	Result uint16 // body: level
}

// DefaultJT905 is the vendor where none is told.
func DefaultJT905() JT905Vendor {
	return JT905Vendor{Device: 0x06, Vendor: 0x01, Status: 0x0000, Ask: 0x0010, Idle: 0x0011, Result: 0x0020}
}

// check refuses commands that cannot be told apart.
func (v JT905Vendor) check() error {
	seen := map[uint16]bool{}
	for _, cmd := range []uint16{v.Status, v.Ask, v.Idle, v.Result} {
		if seen[cmd] {
			return fmt.Errorf("two commands of the JT/T 905 vendor are %#04x", cmd)
		}
		seen[cmd] = true
	}
	return nil
}

// head begins EV1 and JT/T 905 frames, and ends the latter.
var head = []byte{0x55, 0xAA}

// jt905 is the adapter for devices on a JT/T 905 bus.
type jt905 struct {
	vendor JT905Vendor
	buf    []byte
}

const jt905MaxBody = 64

func (d *jt905) frame(cmd uint16, body ...byte) []byte {
	f := bytes.Clone(head)
	f = binary.BigEndian.AppendUint16(f, uint16(4+len(body)))
	f = append(f, d.vendor.Device, d.vendor.Vendor)
	f = binary.BigEndian.AppendUint16(f, cmd)
	f = append(f, body...)
	sum := byte(0)
	for _, b := range f[len(head):] {
		sum ^= b
	}
	return append(append(f, sum), head...)
}

// jt905Frame is a frame that the device sent.
type jt905Frame struct {
	cmd  uint16
	body []byte
}

// push takes bytes and gives the whole frames in them. junk counts bytes outside frames.
func (d *jt905) push(p []byte) (frames []jt905Frame, junk int) {
	d.buf = append(d.buf, p...)
	for {
		at := bytes.Index(d.buf, head)
		if at < 0 {
			keep := 0
			if n := len(d.buf); n > 0 && d.buf[n-1] == head[0] {
				keep = 1
			}
			junk += len(d.buf) - keep
			d.buf = bytes.Clone(d.buf[len(d.buf)-keep:])
			return frames, junk
		}
		junk += at
		d.buf = d.buf[at:]
		f, n := d.parse(d.buf)
		switch {
		case n == 0:
			return frames, junk
		case n < 0:
			junk++
			d.buf = d.buf[1:]
		default:
			frames = append(frames, f)
			d.buf = d.buf[n:]
		}
	}
}

// parse reads the frame at the beginning of p. n is its length, 0 if it needs more,
// negative if it is none.
func (d *jt905) parse(p []byte) (f jt905Frame, n int) {
	if len(p) < 4 {
		return f, 0
	}
	size := int(binary.BigEndian.Uint16(p[2:]))
	if size < 4 || size > 4+jt905MaxBody {
		return f, -1
	}
	n = 4 + size + 1 + len(head)
	if len(p) < n {
		return f, 0
	}
	sum := byte(0)
	for _, b := range p[2 : 4+size] {
		sum ^= b
	}
	if sum != p[4+size] || !bytes.Equal(p[5+size:n], head) ||
		p[4] != d.vendor.Device || p[5] != d.vendor.Vendor { // another vendor's commands mean other things
		return f, -1
	}
	return jt905Frame{cmd: binary.BigEndian.Uint16(p[6:]), body: bytes.Clone(p[8 : 4+size])}, n
}

func (d *jt905) open(ctx context.Context, w *wire, timeout time.Duration) error {
	return w.write(ctx, d.frame(d.vendor.Ask, byte((timeout+time.Second-1)/time.Second)))
}

func (d *jt905) idle() []byte { return d.frame(d.vendor.Idle) }

func (d *jt905) status() []byte { return d.frame(d.vendor.Status) }

func (d *jt905) hear(p []byte) (h heard) {
	frames, junk := d.push(p)
	h.junk = junk
	for _, f := range frames {
		switch {
		case f.cmd == d.vendor.Status:
			h.alive = true
		case f.cmd == d.vendor.Result && len(f.body) == 1:
			h.keys = append(h.keys, f.body[0])
		}
	}
	return h
}
