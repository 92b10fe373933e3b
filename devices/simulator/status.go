package simulator

import "bytes"

// clearBuffers is DLE DC4 8: drop everything received, recover from errors.
var clearBuffers = []byte{0x10, 0x14, 0x08, 0x01, 0x03, 0x14, 0x01, 0x06, 0x02, 0x08}

// realTime acts on the commands that work while the printer is offline and its buffer is
// full. It reports whether b ended one, whose bytes are then gone from the buffer. Inside
// raster data such bytes are acted on as well, but stay data.
func (p *Printer) realTime(b byte) (ended bool) {
	p.tail = append(p.tail, b)
	if n := len(clearBuffers); len(p.tail) > n {
		p.tail = p.tail[len(p.tail)-n:]
	}
	t := p.tail
	if n := len(t); n >= 3 && t[n-3] == 0x10 && t[n-2] == 0x04 && t[n-1] >= 1 && t[n-1] <= 4 {
		if !p.faults.StatusMute {
			p.sayStatus(t[n-1])
		}
		return p.strip([]byte{0x10, 0x04})
	}
	if bytes.Equal(t, clearBuffers) && !p.faults.IgnoresClear {
		p.buffer, p.tail = nil, nil
		p.interp.reset()
		p.say([]byte{0x37, 0x25, 0x00})
		p.note("cleared")
		return true
	}
	return false
}

// strip takes the beginning of a real-time command back out of what was received.
func (p *Printer) strip(head []byte) bool {
	if rest, ok := bytes.CutSuffix(p.buffer, head); ok {
		p.buffer = rest
		return true
	}
	if len(p.buffer) == 0 && bytes.Equal(p.interp.cmd, head) {
		p.interp.cmd = p.interp.cmd[:0]
		return true
	}
	return false
}

// eot is the answer to DLE EOT n.
func (p *Printer) eot(n byte) byte {
	s := byte(0x12)
	set := func(bit int, on bool) {
		if on {
			s |= 1 << bit
		}
	}
	switch n {
	case 1:
		set(3, !p.ready())
	case 2:
		set(2, p.cover)
		set(5, p.noPaper)
		set(6, p.faults.CutterStuck || p.faults.HeadHot || p.faults.Broken)
	case 3:
		set(3, p.faults.CutterStuck)
		set(5, p.faults.Broken)
		set(6, p.faults.HeadHot)
	case 4:
		set(2, p.nearEnd || p.noPaper)
		set(3, p.nearEnd || p.noPaper)
		set(5, p.noPaper)
		set(6, p.noPaper)
	}
	return s
}

// sensors is the answer to GS r 1.
func (p *Printer) sensors() byte {
	var s byte
	if p.nearEnd || p.noPaper {
		s |= 0x03
	}
	if p.noPaper {
		s |= 0x0C
	}
	return s
}

// automatic is the automatic status: four bytes.
func (p *Printer) automatic() [4]byte {
	s := [4]byte{0x10, 0, 0, 0x0F}
	if !p.ready() {
		s[0] |= 1 << 3
	}
	if p.cover {
		s[0] |= 1 << 5
	}
	if p.faults.CutterStuck {
		s[1] |= 1 << 3
	}
	if p.faults.Broken {
		s[1] |= 1 << 5
	}
	if p.faults.HeadHot {
		s[1] |= 1 << 6
	}
	s[2] = p.sensors()
	return s
}

func (p *Printer) switchASB(on bool) {
	p.asb = on
	if on {
		p.lastASB = [4]byte{}
		p.report()
	}
}

// report sends the automatic status where it is on and something changed.
func (p *Printer) report() {
	if now := p.automatic(); p.asb && !p.off && now != p.lastASB {
		p.lastASB = now
		p.transmit(now[:])
	}
}

// lateReply is what PrinterFaults.LateReply holds back: an answer, and those of its kind
// that have to wait behind it.
type lateReply struct {
	question byte // n of DLE EOT; 0 for a marker
	held     [][]byte
}

// sayMarker answers what stood in the queue behind the print data.
func (p *Printer) sayMarker(answer []byte) {
	if !p.faults.MarkerMute && !p.hold(0, answer) {
		p.say(answer)
	}
}

// nextJob lets a marker's late answer go: another job has begun.
func (p *Printer) nextJob() {
	if p.late.held != nil && p.late.question == 0 {
		p.catchUp()
	}
}

// sayStatus answers DLE EOT n. A late answer comes when the same is asked again.
func (p *Printer) sayStatus(n byte) {
	if p.late.held != nil && p.late.question == n {
		p.catchUp()
	}
	if answer := []byte{p.eot(n)}; !p.hold(n, answer) {
		p.say(answer)
	}
}

// hold keeps an answer back if it is to come late, or stands behind one of its kind that
// is.
func (p *Printer) hold(question byte, answer []byte) bool {
	switch {
	case p.late.held == nil && p.faults.LateReply:
		p.late.question = question
	case p.late.held == nil || (p.late.question == 0) != (question == 0):
		return false
	}
	p.late.held = append(p.late.held, answer)
	return true
}

// catchUp says what was held back. From then on answers are in time.
func (p *Printer) catchUp() {
	held := p.late.held
	p.late, p.faults.LateReply = lateReply{}, false
	for _, answer := range held {
		p.say(answer)
	}
}

// say answers the host, with what the faults do to answers.
func (p *Printer) say(answer []byte) {
	asb := p.automatic()
	if p.faults.ChattyASB {
		p.transmit(asb[:])
	}
	p.transmit(answer)
	if p.faults.DoubledReplies {
		p.transmit(answer)
	}
	if p.faults.ChattyASB {
		p.transmit(asb[:])
	}
}

func (p *Printer) transmit(b []byte) {
	if !p.faults.Mute {
		p.line.send(segment{data: append([]byte(nil), b...)})
	}
}
