package simulator

import (
	"bytes"
	"encoding/binary"
	"time"
)

// frameHead begins a frame of all three makes.
var frameHead = []byte{0x55, 0xAA}

// collect appends p to buf and cuts whole frames off. size says how long the frame at the
// beginning of its argument is: 0 for not yet known, negative for none.
func collect(buf *[]byte, p []byte, size func([]byte) int) (frames [][]byte) {
	*buf = append(*buf, p...)
	for {
		at := bytes.Index(*buf, frameHead)
		if at < 0 {
			*buf = (*buf)[max(0, len(*buf)-1):]
			return frames
		}
		*buf = (*buf)[at:]
		n := size(*buf)
		if n < 0 {
			*buf = (*buf)[len(frameHead):]
			continue
		}
		if n == 0 || len(*buf) < n {
			return frames
		}
		frames = append(frames, bytes.Clone((*buf)[:n]))
		*buf = (*buf)[n:]
	}
}

// pj06Dialect: 55 AA LEN CMD DATA 1A; the answer is one bare byte.
type pj06Dialect struct {
	buf     []byte
	timeout time.Duration
}

func (d *pj06Dialect) hear(e *Evaluator, p []byte) {
	for _, f := range collect(&d.buf, p, func(b []byte) int {
		if len(b) < 3 {
			return 0
		}
		if b[2] == 0 || b[2] > 64 {
			return -1
		}
		return 3 + int(b[2]) + 1
	}) {
		if f[len(f)-1] != 0x1A {
			continue
		}
		body := f[3 : len(f)-1]
		switch {
		case body[0] == 0x13 && len(body) == 2:
			d.timeout = time.Duration(body[1]) * time.Second
		case body[0] == 0x1F:
			e.shut()
		case body[0] == 0x20:
			e.open(Session{}, d.timeout)
		}
	}
}

func (d *pj06Dialect) result(_ Session, level int, _ time.Duration) []byte {
	return []byte{byte(level)}
}
func (d *pj06Dialect) expired(Session) []byte { return nil }
func (d *pj06Dialect) reset()                 { *d = pj06Dialect{} }
func (d *pj06Dialect) acknowledged() bool     { return true }

// jt905Dialect: 55 AA LEN16 device vendor cmd16 body XOR 55 AA. LEN counts device to
// body, XOR covers LEN to body.
type jt905Dialect struct {
	to  [2]byte // device and vendor; it hears no other
	buf []byte
}

func (d *jt905Dialect) hear(e *Evaluator, p []byte) {
	for _, f := range collect(&d.buf, p, func(b []byte) int {
		if len(b) < 4 {
			return 0
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > 256 {
			return -1
		}
		return 4 + n + 3
	}) {
		n := len(f) - 3
		if xor(f[2:n]) != f[n] || !bytes.Equal(f[n+1:], frameHead) || [2]byte(f[4:6]) != d.to {
			continue
		}
		body := f[8:n]
		cmd := binary.BigEndian.Uint16(f[6:])
		switch cmd {
		case 0x0000:
			e.say(d.frame(cmd, 0x00))
		case 0x0010:
			if len(body) == 1 {
				e.open(Session{}, time.Duration(body[0])*time.Second)
				e.say(d.frame(cmd, 0x00))
			}
		case 0x0011:
			e.shut()
			e.say(d.frame(cmd, 0x00))
		}
	}
}

func (d *jt905Dialect) frame(cmd uint16, body ...byte) []byte {
	f := bytes.Clone(frameHead)
	f = binary.BigEndian.AppendUint16(f, uint16(4+len(body)))
	f = append(f, d.to[:]...)
	f = binary.BigEndian.AppendUint16(f, cmd)
	f = append(f, body...)
	f = append(f, xor(f[2:]))
	return append(f, frameHead...)
}

func (d *jt905Dialect) result(_ Session, level int, _ time.Duration) []byte {
	return d.frame(0x0020, byte(level))
}
func (d *jt905Dialect) expired(Session) []byte { return nil }
func (d *jt905Dialect) reset()                 { d.buf = nil }
func (d *jt905Dialect) acknowledged() bool     { return true }

// ev1Dialect: 55 AA LEN16 VER ADDR SEQ CMD DATA CRC16, see package evaluator's
// documentation of EV1.
type ev1Dialect struct {
	buf     []byte
	seq     byte
	acked   bool
	greeted bool // HELLO was asked for since power-up
}

const (
	ev1Hello   = 0x01
	ev1Welcome = 0x02
	ev1Ask     = 0x03
	ev1Result  = 0x04
	ev1Cancel  = 0x05
	ev1Status  = 0x06
	ev1Ack     = 0x10
	ev1Nak     = 0x11
)

func (d *ev1Dialect) hear(e *Evaluator, p []byte) {
	for _, f := range collect(&d.buf, p, func(b []byte) int {
		if len(b) < 4 {
			return 0
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 6 || n > 128 {
			return -1
		}
		return 4 + n
	}) {
		end := len(f) - 2
		seq, cmd, data := f[6], f[7], f[8:max(8, end)]
		if crc16(f[2:end]) != binary.BigEndian.Uint16(f[end:]) || f[4] != 1 {
			e.say(ev1Frame(seq, ev1Nak, cmd, 0x01))
			continue
		}
		switch cmd {
		case ev1Hello:
			d.greeted = true
			e.greeted++
			e.say(ev1Frame(seq, ev1Ack, append([]byte{cmd, 1, 5, 0x03}, e.serial...)...))
		case ev1Status:
			state := byte(0)
			if e.window != nil {
				state = 1
			}
			if !d.greeted {
				state |= 0x80
			}
			e.say(ev1Frame(seq, ev1Ack, cmd, state))
		case ev1Welcome, ev1Cancel:
			e.shut()
			e.say(ev1Frame(seq, ev1Ack, cmd))
		case ev1Ask:
			if len(data) < 11 {
				e.say(ev1Frame(seq, ev1Nak, cmd, 0x03))
				continue
			}
			e.open(Session(data[:8]), time.Duration(binary.BigEndian.Uint16(data[8:]))*100*time.Millisecond)
			e.say(ev1Frame(seq, ev1Ack, cmd))
		case ev1Ack:
			if len(data) >= 1 && data[0] == ev1Result && seq == d.seq {
				d.acked = true
			}
		default:
			e.say(ev1Frame(seq, ev1Nak, cmd, 0x02))
		}
	}
}

func ev1Frame(seq, cmd byte, data ...byte) []byte {
	f := bytes.Clone(frameHead)
	f = binary.BigEndian.AppendUint16(f, uint16(6+len(data)))
	f = append(f, 1, 1, seq, cmd)
	f = append(f, data...)
	return binary.BigEndian.AppendUint16(f, crc16(f[2:]))
}

// crc16 is CRC-16/IBM-3740: polynomial 1021, start FFFF.
func crc16(p []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range p {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

func (d *ev1Dialect) result(s Session, level int, after time.Duration) []byte {
	d.seq++
	d.acked = false
	data := append(s[:], byte(level), byte(level))
	data = binary.BigEndian.AppendUint32(data, uint32(after.Milliseconds()))
	return ev1Frame(d.seq, ev1Result, data...)
}

func (d *ev1Dialect) expired(s Session) []byte {
	d.seq++
	d.acked = true // a missed time-out hurts nobody
	return ev1Frame(d.seq, ev1Result, append(s[:], 0, 0, 0, 0, 0, 0)...)
}

func (d *ev1Dialect) reset() { *d = ev1Dialect{acked: true} }

func (d *ev1Dialect) acknowledged() bool { return d.acked }
