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

// samFrame wraps a reply: two status bytes, SW3, data.
func samFrame(sw1, sw2, sw3 byte, data []byte) []byte {
	f := append([]byte(nil), samPreamble...)
	f = binary.BigEndian.AppendUint16(f, uint16(len(data)+4))
	f = append(f, sw1, sw2, sw3)
	f = append(f, data...)
	return append(f, xor(f[len(samPreamble):]))
}

func xor(p []byte) (x byte) {
	for _, b := range p {
		x ^= b
	}
	return x
}

// samRequest is one command as the module heard it, or a status word that says why it
// did not understand.
type samRequest struct {
	cmd, para byte
	bad       byte
}

// samParser finds requests in what the host says. A request's length may be up to
// maxRequest; anything longer is answered with a length error and skipped.
type samParser struct{ buf []byte }

const maxRequest = 256

func (p *samParser) push(b []byte) (requests []samRequest) {
	p.buf = append(p.buf, b...)
	for {
		at := bytes.Index(p.buf, samPreamble)
		if at < 0 {
			keep := min(len(p.buf), len(samPreamble)-1)
			p.buf = append(p.buf[:0], p.buf[len(p.buf)-keep:]...)
			return requests
		}
		p.buf = p.buf[at:]
		body := p.buf[len(samPreamble):]
		if len(body) < 2 {
			return requests
		}
		n := int(binary.BigEndian.Uint16(body))
		if n < 3 || n > maxRequest {
			requests = append(requests, samRequest{bad: swLength})
			p.buf = p.buf[len(samPreamble):]
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
		p.buf = p.buf[len(samPreamble)+2+n:]
	}
}
