package simulator

import (
	"encoding/binary"
	"sync"
	"time"
)

// readerState is how far a card has come.
type readerState int

const (
	cardWaiting  readerState = iota // laid, not yet found
	cardFound                       // answered find
	cardSelected                    // answered select
	cardDone                        // read, or failed: must be lifted and laid again
)

// Reader is an ID-card reader with a SAM_V module, or one of the STX family.
type Reader struct {
	line *line
	emit func(Event)

	mu      sync.Mutex
	faults  ReaderFaults
	family  ReaderFamily
	wrap    wrapper
	card    *Card
	state   readerState
	deaf    time.Time // hears nothing before
	held    []segment // a late reply
	ownBaud int
	reads   int
	events  []Event
}

func newReader(cfg Config, emit func(Event)) *Reader {
	r := &Reader{emit: emit, ownBaud: cfg.ReaderBaud, family: cfg.Reader, wrap: newWrapper(cfg.Reader)}
	r.line = newLine(cfg.Dir, "idcard", cfg.ReaderBaud, cfg.Speed, r)
	return r
}

// Lay puts a card on the reader. A card that lies there is lifted first.
func (r *Reader) Lay(c Card) {
	r.mu.Lock()
	defer r.unlock()
	r.card, r.state = &c, cardWaiting
	r.note("laid")
}

// Lift takes the card away.
func (r *Reader) Lift() {
	r.mu.Lock()
	defer r.unlock()
	r.lift()
}

func (r *Reader) lift() {
	if r.card != nil {
		r.card = nil
		r.note("lifted")
	}
}

// Card is what lies on the reader.
func (r *Reader) Card() (c Card, laid bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.card == nil {
		return Card{}, false
	}
	return *r.card, true
}

// Reads counts the text records that were sent whole.
func (r *Reader) Reads() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads
}

// Faults are the faults in force.
func (r *Reader) Faults() ReaderFaults {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.faults
}

// SetFaults replaces the faults in force.
func (r *Reader) SetFaults(f ReaderFaults) {
	r.mu.Lock()
	defer r.unlock()
	r.faults = f
	r.tune()
	r.note("faults")
}

// tune sets the module's rate: its own, or the wrong one that it booted with.
func (r *Reader) tune() {
	if r.faults.BootBaud != 0 {
		r.line.baud.Store(int64(r.faults.BootBaud))
	} else {
		r.line.baud.Store(int64(r.ownBaud))
	}
}

func (r *Reader) note(name string) { r.events = append(r.events, Event{r.line.name, name}) }

func (r *Reader) unlock() {
	events := r.events
	r.events = nil
	r.mu.Unlock()
	for _, e := range events {
		r.emit(e)
	}
}

func (r *Reader) pulled() {
	r.mu.Lock()
	defer r.unlock()
	r.note("unplugged")
}

func (r *Reader) space() int { return 1 << 10 }

func (r *Reader) plugged() {
	r.mu.Lock()
	defer r.unlock()
	r.wrap, r.held = newWrapper(r.family), nil
	if r.card != nil {
		r.state = cardWaiting
	}
	r.deaf = time.Now().Add(r.line.scale(r.faults.DeafFor.D()))
	r.tune()
	r.note("plugged")
}

func (r *Reader) receive(p []byte) {
	r.mu.Lock()
	defer r.unlock()
	if time.Now().Before(r.deaf) {
		return
	}
	for _, q := range r.wrap.push(p) {
		r.answer(q)
	}
}

func (r *Reader) answer(q samRequest) {
	if r.faults.Mute {
		return
	}
	if r.faults.TimeoutNotice {
		r.line.send(segment{data: []byte{0xAA, 0xAA, 0xAA, 0x96, 0x69, 0x00, 0x05, 0x05, 0x05, 0x05}})
		return
	}
	sw1, sw2, sw3, data := r.execute(q)
	reply := r.spoil(r.wrap.frame(sw1, sw2, sw3, data))
	if r.faults.LateReply && r.held == nil {
		r.held = reply
		return
	}
	if r.held != nil {
		reply = append(r.held, reply...)
		r.held = nil
		r.faults.LateReply = false // one late reply; the next is in time again
	}
	if n := r.faults.UnplugAfter; n > 0 {
		r.unplugAfter(reply, n)
		return
	}
	r.line.send(reply...)
}

// execute runs one command on the module and the card.
func (r *Reader) execute(q samRequest) (sw1, sw2, sw3 byte, data []byte) {
	if q.bad != 0 {
		return 0, 0, q.bad, nil
	}
	const iin, sn = "\x00\x00\x00\x07", "\x00\x00\x00\x00\x19\x00\x01\x01" // non-zero on purpose
	if q.whole {
		if r.card == nil || r.state == cardDone {
			return 0, 0, swFindFailed, nil
		}
		r.state = cardSelected
		r.note("selected")
	}
	switch {
	case q.cmd == 0x10 && q.para == 0xFF, q.cmd == 0x11 && q.para == 0xFF:
		if r.faults.SelfTest != 0 {
			return 0, 0, r.faults.SelfTest, nil
		}
		return 0, 0, swOK, nil
	case q.cmd == 0x12 && q.para == 0xFF:
		return 0, 0, swOK, samID()
	case q.cmd == 0x61 && q.para == 0xFF:
		return 0, 0, swOK, nil
	case q.cmd == 0x60 && q.para <= 4:
		rates := [...]int{115200, 57600, 38400, 19200, 9600}
		r.ownBaud = rates[q.para]
		defer r.tune()
		return 0, 0, swOK, nil
	case q.cmd == 0x20 && q.para == 0x01:
		if r.card == nil || r.state == cardDone {
			return 0, 0, swFindFailed, nil
		}
		r.state = cardFound
		r.note("found")
		return 0, 0, swFound, []byte(iin)
	case q.cmd == 0x20 && q.para == 0x02:
		if r.card == nil || r.state != cardFound {
			return 0, 0, swSelectFails, nil
		}
		r.state = cardSelected
		r.note("selected")
		return 0, 0, swOK, []byte(sn)
	case q.cmd == 0x30:
		return r.read(q.para)
	}
	return 0, 0, swBadCommand, nil
}

// read answers the three reading commands.
func (r *Reader) read(para byte) (sw1, sw2, sw3 byte, data []byte) {
	if r.faults.LiftOnRead {
		r.lift()
	}
	if para == 0x03 { // after a read, while the card still lies there
		if r.card == nil || (r.state != cardSelected && r.state != cardDone) {
			return 0x01, 0x02, swReadFailed, nil
		}
		if r.card.NewAddress == "" {
			return 0, 0, swNone, nil
		}
		return 0, 0, swOK, record(r.card.NewAddress, 70)
	}
	if para != 0x01 && para != 0x10 {
		return 0, 0, swBadCommand, nil
	}
	if r.card == nil || r.state != cardSelected {
		if r.card != nil {
			r.state = cardDone
		}
		r.note("failed")
		return 0x01, 0x02, swReadFailed, nil
	}
	photo := r.card.photo()
	if r.faults.FrameInPhoto {
		copy(photo[200:], r.wrap.frame(0, 0, swReadFailed, nil))
	}
	data = binary.BigEndian.AppendUint16(data, textSize)
	data = binary.BigEndian.AppendUint16(data, photoSize)
	if para == 0x10 {
		data = binary.BigEndian.AppendUint16(data, uint16(r.card.Fingerprint))
	}
	data = append(data, r.card.text()...)
	data = append(data, photo...)
	if para == 0x10 {
		data = append(data, photo[:r.card.Fingerprint]...)
	}
	r.state = cardDone
	r.reads++
	r.note("read")
	return 0, 0, swOK, data
}

// samID is 05.01-20200101-0000000001-0000000002 as the module sends it.
func samID() []byte {
	var id []byte
	id = binary.LittleEndian.AppendUint16(id, 5)
	id = binary.LittleEndian.AppendUint16(id, 1)
	id = binary.LittleEndian.AppendUint32(id, 20200101)
	id = binary.LittleEndian.AppendUint32(id, 1)
	return binary.LittleEndian.AppendUint32(id, 2)
}

// spoil turns a good frame into what a faulty reader says.
func (r *Reader) spoil(frame []byte) []segment {
	f := r.faults
	if f.BadChecksum {
		frame[len(frame)-1] ^= 0x5A
	}
	if f.HugeLength {
		frame = append([]byte{0xAA, 0xAA, 0xAA, 0x96, 0x69, 0xFF, 0xFF}, frame...)
	}
	if n := f.Noise; n > 0 {
		noise := make([]byte, n, n+2+len(frame))
		for i := range noise {
			noise[i] = byte(i*73 + 0x96)
		}
		frame = append(append(noise, 0xAA, 0xAA), frame...)
	}
	first := segment{after: f.Latency.D(), data: frame}
	if len(frame) <= photoSize || (f.Chunk == 0 && f.PhotoGap == 0) {
		return []segment{first}
	}
	size := f.Chunk
	if size <= 0 {
		size = len(frame)
	}
	gapAt := len(frame) - photoSize/2
	var out []segment
	for at := 0; at < len(frame); {
		end := min(at+size, len(frame))
		if at < gapAt && end > gapAt {
			end = gapAt
		}
		s := segment{after: time.Millisecond, data: frame[at:end]}
		if at == 0 {
			s.after = f.Latency.D()
		} else if at == gapAt {
			s.after = f.PhotoGap.D()
		}
		out = append(out, s)
		at = end
	}
	return out
}

// unplugAfter sends n bytes of a reply and pulls the cable.
func (r *Reader) unplugAfter(reply []segment, n int) {
	r.faults.UnplugAfter = 0
	var whole []byte
	for _, s := range reply {
		whole = append(whole, s.data...)
	}
	r.line.send(segment{data: whole[:min(n, len(whole))]}, segment{pull: true})
}
