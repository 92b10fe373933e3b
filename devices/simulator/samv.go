package simulator

import (
	"bytes"
	"encoding/binary"
)

// The reader's frames, after facts of the SAM_V module: preamble, length of all that
// follows, body, XOR of length and body.
var samPreamble = []byte{0xAA, 0xAA, 0xAA, 0x96, 0x69}

// Status words (SW3) of the SAM_V module.
const (
	swOK          = 0x90
	swNone        = 0x91
	swFound       = 0x9F
	swChecksum    = 0x10
	swLength      = 0x11
	swBadCommand  = 0x21
	swReadFailed  = 0x41
	swFindFailed  = 0x80
	swSelectFails = 0x81
)

func xor(p []byte) (x byte) {
	for _, b := range p {
		x ^= b
	}
	return x
}

// wrapper is how a family of readers wraps requests and replies.
type wrapper interface {
	// push takes bytes and gives the requests that they complete.
	push(b []byte) []samRequest
	// frame wraps a reply: two status bytes, SW3, data.
	frame(sw1, sw2, sw3 byte, data []byte) []byte
}

func newWrapper(f ReaderFamily) wrapper {
	if f == STX {
		return &stxWrapper{}
	}
	return &samWrapper{}
}

// samRequest is one command as the module heard it, or a status word that says why it
// did not understand.
type samRequest struct {
	cmd, para byte
	whole     bool // finds and selects the card as well
	bad       byte
}

// samWrapper finds requests in what the host says. A request's length may be up to
// maxRequest; anything longer is answered with a length error and skipped.
type samWrapper struct{ buf []byte }

const maxRequest = 256

func (w *samWrapper) push(b []byte) (requests []samRequest) {
	w.buf = append(w.buf, b...)
	for {
		at := bytes.Index(w.buf, samPreamble)
		if at < 0 {
			keep := min(len(w.buf), len(samPreamble)-1)
			w.buf = append(w.buf[:0], w.buf[len(w.buf)-keep:]...)
			return requests
		}
		w.buf = w.buf[at:]
		body := w.buf[len(samPreamble):]
		if len(body) < 2 {
			return requests
		}
		n := int(binary.BigEndian.Uint16(body))
		if n < 3 || n > maxRequest {
			requests = append(requests, samRequest{bad: swLength})
			w.buf = w.buf[len(samPreamble):]
			continue
		}
		if len(body) < 2+n {
			return requests
		}
		r := samRequest{cmd: body[2], para: body[3]}
		if xor(body[:1+n]) != body[1+n] {
			r = samRequest{bad: swChecksum}
		}
		requests = append(requests, r)
		w.buf = w.buf[len(samPreamble)+2+n:]
	}
}

func (*samWrapper) frame(sw1, sw2, sw3 byte, data []byte) []byte {
	f := append([]byte(nil), samPreamble...)
	f = binary.BigEndian.AppendUint16(f, uint16(len(data)+4))
	f = append(f, sw1, sw2, sw3)
	f = append(f, data...)
	return append(f, xor(f[len(samPreamble):]))
}
