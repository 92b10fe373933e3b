package conform

import (
	"errors"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// contradict sends an entry that is not that of the log, which must be refused as a
// conflict and change nothing.
func (v *visit) contradict(p *peer, l *log, e record.Entry) error {
	have := uint64(len(l.entries))
	if err := p.records(l.epoch, e); err != nil {
		return err
	}
	if err := p.refused(protocol.FaultConflict); err != nil {
		return err
	}
	return v.at(l, have)
}

var logCases = []one{
	{name: "another record at a committed place", spec: specLog, expected: "Error conflict and the end; the committed one stays",
		run: func(v *visit) error {
			p, l, err := v.delivered(3)
			if err != nil {
				return err
			}
			e := l.entries[1]
			e.AtMs++
			e.Hash = e.Sum(l.epoch)
			return v.contradict(p, l, e)
		}},
	{name: "a record that names another predecessor", spec: specLog, expected: "Error conflict and the end; not committed",
		run: func(v *visit) error {
			p, l, err := v.delivered(2)
			if err != nil {
				return err
			}
			e, err := l.add(v)
			if err != nil {
				return err
			}
			l.entries = l.entries[:2]
			e.Prev[0] ^= 1
			e.Hash = e.Sum(l.epoch)
			return v.contradict(p, l, e)
		}},
	{name: "a record that is not what its hash says", spec: "entry.json: hash; fault.json: conflict", expected: "Error conflict and the end; not committed",
		run: func(v *visit) error {
			p, l, err := v.delivered(2)
			if err != nil {
				return err
			}
			e, err := l.add(v)
			if err != nil {
				return err
			}
			l.entries = l.entries[:2]
			e.AtMs++
			return v.contradict(p, l, e)
		}},
	{name: "a log that ends before the cursor", spec: specLog, expected: "HELLO is answered with Error conflict, and the end",
		run: func(v *visit) error {
			_, l, err := v.delivered(3)
			if err != nil {
				return err
			}
			h := v.hello(l)
			h.Last = 2
			return v.helloRefused(h, protocol.FaultConflict)
		}},
	{name: "a log that no longer holds what is missing", spec: specLog, expected: "HELLO is answered with Error conflict, and the end",
		run: func(v *visit) error {
			_, l, err := v.delivered(1)
			if err != nil {
				return err
			}
			h := v.hello(l)
			h.First, h.Last = 3, 4
			return v.helloRefused(h, protocol.FaultConflict)
		}},
	{name: "RECORDS of another epoch than HELLO", spec: "records.json: epoch; fault.json: bad-frame", expected: "Error bad-frame and the end; not committed",
		run: func(v *visit) error {
			p, _, err := v.delivered(1)
			if err != nil {
				return err
			}
			other, err := v.newLog(1)
			if err != nil {
				return err
			}
			if err := p.records(other.epoch, other.entries...); err != nil {
				return err
			}
			if err := p.refused(protocol.FaultBadFrame); err != nil {
				return err
			}
			return v.at(other, 0)
		}},
	{name: "a new epoch with carried records", spec: "asyncapi.yaml, info: begins another under a new epoch; header.json: origin",
		expected: "the new log begins at 0 and is taken, records that the server has included; the old log stays as it is",
		run: func(v *visit) error {
			_, old, err := v.delivered(2)
			if err != nil {
				return err
			}
			l, err := newLog()
			if err != nil {
				return err
			}
			for _, e := range old.entries {
				if _, err := l.carry(old, e); err != nil {
					return err
				}
			}
			if _, err := l.add(v); err != nil {
				return err
			}
			p, w, err := v.connect(l)
			if err != nil {
				return err
			}
			if w.Have != 0 {
				return errors.New("the new epoch does not begin at 0")
			}
			if err := p.exchange(l, 1); err != nil {
				return err
			}
			return errors.Join(v.at(l, 3), v.at(old, 2))
		}},
}
