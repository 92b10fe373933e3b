package evaluator

import (
	"bytes"
	"encoding/binary"
)

// command is what an EV1 frame says.
type command byte

const (
	cmdHello   command = 0x01
	cmdWelcome command = 0x02
	cmdAsk     command = 0x03
	cmdResult  command = 0x04
	cmdCancel  command = 0x05
	cmdStatus  command = 0x06
	cmdAck     command = 0x10
	cmdNak     command = 0x11
)

// frame is one EV1 frame.
type frame struct {
	addr, seq byte
	cmd       command
	data      []byte
}

const (
	ev1Version = 1
	ev1Fixed   = 6 // what LEN counts beside DATA
	maxData    = 112
)

func (f frame) bytes() []byte {
	b := bytes.Clone(head)
	b = binary.BigEndian.AppendUint16(b, uint16(ev1Fixed+len(f.data)))
	b = append(b, ev1Version, f.addr, f.seq, byte(f.cmd))
	b = append(b, f.data...)
	return binary.BigEndian.AppendUint16(b, checksum(b[len(head):]))
}

// scanner finds EV1 frames in a byte stream. The zero value is ready.
type scanner struct {
	buf  []byte
	junk int // bytes outside frames
}

// push takes bytes and gives the frames that they complete. After noise it finds the
// next frame; within a valid frame it never looks for another.
func (s *scanner) push(p []byte) (frames []frame) {
	s.buf = append(s.buf, p...)
	for {
		at := bytes.Index(s.buf, head)
		if at < 0 {
			keep := 0
			if n := len(s.buf); n > 0 && s.buf[n-1] == head[0] {
				keep = 1
			}
			s.junk += len(s.buf) - keep
			s.buf = bytes.Clone(s.buf[len(s.buf)-keep:])
			return frames
		}
		s.junk += at
		s.buf = s.buf[at:]
		if len(s.buf) < 4 {
			return frames
		}
		size := int(binary.BigEndian.Uint16(s.buf[2:]))
		if size < ev1Fixed || size > ev1Fixed+maxData {
			s.skip()
			continue
		}
		if len(s.buf) < 4+size {
			return frames
		}
		f := s.buf[:4+size]
		sum := len(f) - 2
		if checksum(f[2:sum]) != binary.BigEndian.Uint16(f[sum:]) || f[4] != ev1Version {
			s.skip()
			continue
		}
		frames = append(frames, frame{addr: f[5], seq: f[6], cmd: command(f[7]), data: bytes.Clone(f[8:sum])})
		s.buf = s.buf[4+size:]
	}
}

// skip gives up the frame that seemed to begin here.
func (s *scanner) skip() {
	s.junk++
	s.buf = s.buf[1:]
}

// stalled is called when the device has been silent in the middle of a frame: what is
// there was none, or will never be whole.
func (s *scanner) stalled() (frames []frame) {
	if len(s.buf) > 0 {
		s.skip()
		return s.push(nil)
	}
	return nil
}

// checksum is CRC-16/IBM-3740.
func checksum(p []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range p {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^b]
	}
	return crc
}

var crcTable = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i) << 8
		for range 8 {
			carry := c&0x8000 != 0
			c <<= 1
			if carry {
				c ^= 0x1021
			}
		}
		t[i] = c
	}
	return t
}()
