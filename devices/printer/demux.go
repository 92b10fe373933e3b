package printer

// event is one thing that a printer said.
type event struct {
	kind eventKind
	b    byte    // eventEOT, eventSensor
	asb  [4]byte // eventASB
	id   [4]byte // eventJobID
	text string  // eventInfo
}

type eventKind int

const (
	eventNoise   eventKind = iota
	eventEOT               // answer to DLE EOT
	eventASB               // automatic status
	eventSensor            // answer to GS r
	eventJobID             // answer to GS ( H function 48
	eventCleared           // answer to DLE DC4 8
	eventInfo              // answer to GS I
	eventXON
	eventXOFF
)

// demux cuts a printer's byte stream into events. The zero value is ready.
type demux struct{ pending []byte }

// push takes bytes in any pieces and gives the events that they complete.
func (d *demux) push(p []byte) (events []event) {
	d.pending = append(d.pending, p...)
	for len(d.pending) > 0 {
		e, n := classify(d.pending)
		if n == 0 {
			return events
		}
		events = append(events, e)
		d.pending = d.pending[n:]
	}
	d.pending = nil
	return events
}

// classify reads the event at the beginning of p and its length, 0 if it needs more.
//
//	11, 13      XON, XOFF
//	0xx1xx10    DLE EOT
//	0xx1xx00    first byte of ASB, three of 0xx0xxxx follow
//	37 22 …     job id, 7 bytes;  37 25 00 cleared
//	5F … 00     GS I, text
//	0xx0xxxx    GS r, where no ASB is under way
func classify(p []byte) (event, int) {
	b := p[0]
	switch {
	case b == 0x11:
		return event{kind: eventXON}, 1
	case b == 0x13:
		return event{kind: eventXOFF}, 1
	case b&0x93 == 0x12:
		return event{kind: eventEOT, b: b}, 1
	case b&0x93 == 0x10:
		// XON and XOFF may stand within; a frame that is broken off is noise as a whole,
		// since its later bytes look like answers.
		asb, n := [4]byte{p[0]}, 1
		for i := 1; i < 4; n++ {
			switch {
			case n >= len(p):
				return event{}, 0
			case p[n] == 0x11 || p[n] == 0x13:
			case p[n]&0x90 != 0:
				return event{kind: eventNoise}, n
			default:
				asb[i] = p[n]
				i++
			}
		}
		return event{kind: eventASB, asb: asb}, n
	case b == 0x37:
		return classifyBlock(p)
	case b == 0x5F:
		return classifyInfo(p)
	case b&0x90 == 0:
		return event{kind: eventSensor, b: b}, 1
	}
	return event{kind: eventNoise}, 1
}

func classifyBlock(p []byte) (event, int) {
	if len(p) < 2 {
		return event{}, 0
	}
	switch {
	case p[1] == 0x25:
		if len(p) < 3 {
			return event{}, 0
		}
		if p[2] == 0 {
			return event{kind: eventCleared}, 3
		}
	case p[1] == 0x22:
		if len(p) < 7 {
			return event{}, 0
		}
		if p[6] == 0 {
			return event{kind: eventJobID, id: [4]byte(p[2:6])}, 7
		}
	}
	return event{kind: eventNoise}, 1
}

// maxInfo is the longest text that GS I answers with.
const maxInfo = 80

func classifyInfo(p []byte) (event, int) {
	for i, b := range p[1:] {
		switch {
		case b == 0:
			return event{kind: eventInfo, text: string(p[1 : 1+i])}, 2 + i
		case b < 0x20 || b > 0x7E || i == maxInfo:
			return event{kind: eventNoise}, 1
		}
	}
	return event{}, 0
}
