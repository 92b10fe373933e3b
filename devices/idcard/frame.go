// Package idcard reads second-generation identity cards and the residence permits
// that share their chip, by a reader with a SAM_V module on a serial line.
//
// The layers, each usable alone: frames and their wrappers (Scanner, Family),
// commands and status words (Command, SW), the card's record (Record), and the
// conversation with a reader (Reader). A Record never prints what it holds.
package idcard

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Family is how a reader wraps its messages.
type Family int

const (
	// SAMV: AA AA AA 96 69 | LEN16 | body | XOR. LEN counts body and XOR; XOR is
	// taken from LEN's high byte to the body's end.
	SAMV Family = iota
	// STX: 02 | LEN16 | body | XOR | 03. LEN counts the body; XOR is taken over the
	// body. It has one command, which finds, selects and reads.
	STX
)

func (f Family) String() string {
	if f == STX {
		return "stx"
	}
	return "samv"
}

// Errors of a Scanner.
var (
	// ErrIncomplete: more bytes are needed.
	ErrIncomplete = errors.New("frame incomplete")
	// ErrChecksum: a frame's check byte is wrong.
	ErrChecksum = errors.New("frame checksum wrong")
	// ErrLength: a frame announces a length that no message has.
	ErrLength = errors.New("frame length impossible")
	// ErrEnd: a frame of the STX family lacks its end byte.
	ErrEnd = errors.New("frame end missing")
)

// maxBody is the longest body there is: a reply with text, photo and two
// fingerprints.
const maxBody = 3 + 6 + textSize + photoSize + maxFingerprint

// noticeBody is the length of a body that no command is answered with, one byte of
// data, and that some modules announce in a malformed time-out notice, AA AA AA 96 69
// 00 05 05 05 05. It lacks two bytes, and the first two of the next reply happen to
// make its checksum right.
const noticeBody = 4

// Frame is the body of one intact message: CMD PARA DATA of a request, SW1 SW2 SW3
// DATA of a reply. The STX family has two status bytes in place of three.
type Frame struct {
	Family Family
	Body   []byte
}

// Encode wraps the body.
func (f Frame) Encode() []byte {
	if f.Family == STX {
		out := append([]byte{0x02}, byte(len(f.Body)>>8), byte(len(f.Body)))
		out = append(out, f.Body...)
		return append(out, xor(f.Body), 0x03)
	}
	out := append([]byte(nil), preamble...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(f.Body)+1))
	out = append(out, f.Body...)
	return append(out, xor(out[len(preamble):]))
}

var preamble = []byte{0xAA, 0xAA, 0xAA, 0x96, 0x69}

func xor(p []byte) (x byte) {
	for _, b := range p {
		x ^= b
	}
	return x
}

// Scanner finds the intact frames in what comes from a line, in whatever pieces it
// comes. After anything that is not a frame it looks on one byte further, so that a
// frame behind noise, behind a broken frame or behind a surplus AA is found; an
// intact frame is taken as a whole, so that what looks like a frame inside it (a
// photo may hold anything) is not.
//
// It keeps at most one longest frame beyond what it was last fed.
type Scanner struct {
	Family Family

	buf     []byte
	at      int // what lies before is done with
	skipped int
}

// Feed adds received bytes.
func (s *Scanner) Feed(p []byte) {
	if s.at > 0 {
		s.buf = append(s.buf[:0], s.buf[s.at:]...)
		s.at = 0
	}
	s.buf = append(s.buf, p...)
}

// Next returns the next intact frame, or says what is wrong: ErrIncomplete where
// more bytes are needed, another error where something broken was passed over; the
// frames behind it are still to come.
func (s *Scanner) Next() (Frame, error) {
	if !s.seek() {
		return Frame{}, ErrIncomplete
	}
	f, size, err := s.parse()
	switch {
	case err == nil:
		f.Body = bytes.Clone(f.Body)
		s.at += size
	case !errors.Is(err, ErrIncomplete):
		s.skip(1)
	}
	return f, err
}

// GiveUp passes over the start of a frame whose rest does not come. The caller knows
// by its clock. It reports whether there was one.
func (s *Scanner) GiveUp() bool {
	if !s.seek() {
		return false
	}
	s.skip(1)
	return true
}

// Reset forgets what was fed and not returned, and the count of skipped bytes.
func (s *Scanner) Reset() { s.buf, s.at, s.skipped = s.buf[:0], 0, 0 }

// wipe forgets everything, and overwrites it.
func (s *Scanner) wipe() {
	clear(s.buf[:cap(s.buf)])
	s.buf, s.at = s.buf[:0], 0
}

// Skipped is how many bytes belonged to no intact frame.
func (s *Scanner) Skipped() int { return s.skipped }

// rest is what has not been dealt with.
func (s *Scanner) rest() []byte { return s.buf[s.at:] }

func (s *Scanner) skip(n int) {
	s.at += n
	s.skipped += n
}

// seek passes over what cannot begin a frame.
func (s *Scanner) seek() bool {
	start, rest := preamble, s.rest()
	if s.Family == STX {
		start = []byte{0x02}
	}
	if at := bytes.Index(rest, start); at >= 0 {
		s.skip(at)
		return true
	}
	keep := min(len(rest), len(start)-1)
	for !bytes.HasPrefix(start, rest[len(rest)-keep:]) {
		keep--
	}
	s.skip(len(rest) - keep)
	return false
}

// parse reads the frame that begins here; its body is still the buffer's.
func (s *Scanner) parse() (f Frame, size int, err error) {
	buf := s.rest()
	head, tail, counted := len(preamble)+2, 1, 1
	if s.Family == STX {
		head, tail, counted = 3, 2, 0
	}
	if len(buf) < head {
		return f, 0, ErrIncomplete
	}
	body := int(binary.BigEndian.Uint16(buf[head-2:])) - counted
	if body < 2 || body > maxBody || s.Family == SAMV && body == noticeBody {
		return f, 0, ErrLength
	}
	size = head + body + tail
	if len(buf) < size {
		return f, 0, ErrIncomplete
	}
	f = Frame{Family: s.Family, Body: buf[head : head+body]}
	summed := f.Body
	if s.Family == SAMV {
		summed = buf[head-2 : head+body]
	}
	if xor(summed) != buf[head+body] {
		return Frame{}, 0, ErrChecksum
	}
	if s.Family == STX && buf[size-1] != 0x03 {
		return Frame{}, 0, ErrEnd
	}
	return f, size, nil
}
