package simulator

import (
	"bytes"
	"encoding/binary"
)

// The other family of readers: 02, length of the body, body, XOR of the body, 03. Its one
// command finds, selects and reads; its replies begin with two status bytes, 90 00 or
// anything else.
var stxRead = []byte{0xCA, 0x01}

const stxStart, stxEnd = 0x02, 0x03

// stxWrapper finds requests of the family in what the host says.
type stxWrapper struct{ buf []byte }

func (w *stxWrapper) push(b []byte) (requests []samRequest) {
	w.buf = append(w.buf, b...)
	for {
		at := bytes.IndexByte(w.buf, stxStart)
		if at < 0 {
			w.buf = w.buf[:0]
			return requests
		}
		w.buf = w.buf[at:]
		if len(w.buf) < 3 {
			return requests
		}
		end := 3 + int(binary.BigEndian.Uint16(w.buf[1:]))
		if end < 5 || end > 3+maxRequest {
			w.buf = w.buf[1:]
			continue
		}
		if len(w.buf) < end+2 {
			return requests
		}
		body := w.buf[3:end]
		switch {
		case w.buf[end+1] != stxEnd:
			w.buf = w.buf[1:]
			continue
		case xor(body) != w.buf[end]:
			requests = append(requests, samRequest{bad: swChecksum})
		case !bytes.HasPrefix(body, stxRead):
			requests = append(requests, samRequest{bad: swBadCommand})
		default:
			requests = append(requests, samRequest{cmd: 0x30, para: 0x01, whole: true})
		}
		w.buf = w.buf[end+2:]
	}
}

func (*stxWrapper) frame(_, _, sw3 byte, data []byte) []byte {
	status := []byte{0x6F, sw3}
	if sw3 == swOK {
		status = []byte{0x90, 0x00}
	}
	f := []byte{stxStart}
	f = binary.BigEndian.AppendUint16(f, uint16(len(status)+len(data)))
	f = append(f, status...)
	f = append(f, data...)
	return append(f, xor(f[3:]), stxEnd)
}
