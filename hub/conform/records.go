package conform

import (
	"fmt"

	"yeban/sync/protocol"
)

const (
	specRecords = "records.json, ack.json; asyncapi.yaml, operations takeRecords and acknowledge"
	specResume  = "welcome.json: have, haveHash; asyncapi.yaml, info: resumes behind the cursor"
	specLog     = "asyncapi.yaml, info: a log that contradicts; fault.json: conflict"
)

// most is how many records a case sends at once, whatever the window.
const most = 256

// exchange sends the entries behind have and waits for the last ACK.
func (p *peer) exchange(l *log, from int) error {
	if err := p.records(l.epoch, l.entries[from-1:]...); err != nil {
		return err
	}
	return p.acked(l, uint64(len(l.entries)))
}

// delivered is a log of n entries that the server has.
func (v *visit) delivered(n int) (*peer, *log, error) {
	l, err := v.newLog(n)
	if err != nil {
		return nil, nil, err
	}
	p, _, err := v.connect(l)
	if err == nil {
		err = p.exchange(l, 1)
	}
	return p, l, err
}

var recordCases = []one{
	{name: "RECORDS are acknowledged", spec: specRecords, essential: true,
		expected: "ACK up to the last record, never beyond what was sent and never backwards",
		run: func(v *visit) error {
			p, l, err := v.delivered(1)
			if err != nil {
				return err
			}
			for range 5 {
				if _, err := l.add(v); err != nil {
					return err
				}
			}
			for i := 1; i < len(l.entries); i++ { // pipelined
				if err := p.records(l.epoch, l.entries[i]); err != nil {
					return err
				}
			}
			return p.acked(l, uint64(len(l.entries)))
		}},
	{name: "what was acknowledged is there", spec: specRecords, expected: "after a broken connection have is at least the last ACK, with its hash",
		run: func(v *visit) error {
			p, l, err := v.delivered(3)
			if err != nil {
				return err
			}
			p.ws.NetConn().Close() // no farewell
			return v.at(l, 3)
		}},
	{name: "resume after a broken connection", spec: specResume,
		expected: "have is between the last ACK and what was sent, with its hash; the log goes on at have+1",
		run: func(v *visit) error {
			p, l, err := v.delivered(2)
			if err != nil {
				return err
			}
			for range 20 {
				if _, err := l.add(v); err != nil {
					return err
				}
			}
			if err := p.records(l.epoch, l.entries[2:]...); err != nil {
				return err
			}
			p.ws.NetConn().Close() // with the ACK under way
			p, w, err := v.connect(l)
			if err != nil {
				return err
			}
			if w.Have < 2 || w.Have > 22 || w.HaveHash != l.hash(w.Have) {
				return fmt.Errorf("have %d, or another hash than at that place", w.Have)
			}
			if w.Have < 22 {
				if err := p.exchange(l, int(w.Have)+1); err != nil {
					return err
				}
			}
			return v.at(l, 22)
		}},
	{name: "records that come twice", spec: specRecords, expected: "passed over without a fault; what is new behind them is taken",
		run: func(v *visit) error {
			p, l, err := v.delivered(3)
			if err != nil {
				return err
			}
			if err := p.records(l.epoch, l.entries...); err != nil {
				return err
			}
			if _, err := l.add(v); err != nil {
				return err
			}
			if err := p.exchange(l, 2); err != nil {
				return err
			}
			return v.at(l, 4)
		}},
	{name: "a gap", spec: specRecords, expected: "Error bad-frame and the end; nothing behind the gap is committed",
		run: func(v *visit) error {
			p, l, err := v.delivered(2)
			if err != nil {
				return err
			}
			for range 2 {
				if _, err := l.add(v); err != nil {
					return err
				}
			}
			if err := p.records(l.epoch, l.entries[3]); err != nil {
				return err
			}
			if err := p.refused(protocol.FaultBadFrame); err != nil {
				return err
			}
			return v.at(l, 2)
		}},
	{name: "a full window", spec: "welcome.json: windowRecords, windowBytes", expected: "as many records as the window allows are taken at once",
		run: func(v *visit) error {
			l, err := v.newLog(1)
			if err != nil {
				return err
			}
			p, w, err := v.connect(l)
			if err != nil {
				return err
			}
			bytes := l.entries[0].WireSize()
			for n := min(w.WindowRecords, most); len(l.entries) < n && bytes < w.WindowBytes; {
				e, err := l.add(v)
				if err != nil {
					return err
				}
				bytes += e.WireSize()
			}
			for from := 0; from < len(l.entries); from += 50 {
				if err := p.records(l.epoch, l.entries[from:min(from+50, len(l.entries))]...); err != nil {
					return err
				}
			}
			return p.acked(l, uint64(len(l.entries)))
		}},
	{name: "the largest record", spec: "entry.json; frame.json: one text message", expected: "a record near the limit of a frame is taken, even when it is larger than the window",
		run: func(v *visit) error {
			l, err := newLog()
			if err != nil {
				return err
			}
			e, err := l.add(v)
			if err != nil {
				return err
			}
			l.entries = nil
			e.Sealed = append(e.Sealed, make([]byte, (protocol.MaxEntryBytes-e.WireSize())/4*3-64)...)
			l.put(e)
			p, _, err := v.connect(l)
			if err != nil {
				return err
			}
			return p.exchange(l, 1)
		}},
	{name: "a record that cannot be opened", spec: "entry.json: sealed", expected: "accepted and acknowledged: a hub validates later, and one bad record never blocks a terminal",
		run: func(v *visit) error {
			l, err := newLog()
			if err != nil {
				return err
			}
			e, err := l.add(v)
			if err != nil {
				return err
			}
			l.entries = nil
			e.Header, e.Key, e.Sealed = []byte(`not JSON`), []byte("no key"), []byte("no seal")
			l.put(e)
			p, _, err := v.connect(l)
			if err != nil {
				return err
			}
			return p.exchange(l, 1)
		}},
}
