package model

import (
	"slices"

	"yeban/hub/store"
	"yeban/sync/record"
)

// connect says HELLO and compares, as sync/link does. With lost set the WELCOME does not
// arrive.
func (m *machine) connect(h *hub, lost bool) error {
	m.hangUp(len(h.wires)) // the hub may have all that was sent
	epoch, first, last := m.box.Position()
	a, conflict, err := h.attach(store.Claim{Kiosk: m.kiosk, Epoch: epoch, First: first, Last: last, Clock: m.cfg.Now()})
	if err != nil || lost {
		return err
	}
	if conflict != nil {
		return m.settle("hub: "+conflict.Error(), 0)
	}
	w := &wire{kiosk: m.kiosk, fence: a.Fence, epoch: epoch, told: a.Have}
	h.wires = append(h.wires, w)
	m.wire, m.epoch = w, epoch
	hash, err := m.box.Hash(a.Have)
	switch {
	case a.Have > last:
		return m.settle("hub has more", 0)
	case err != nil && (first == 0 || a.Have+1 < first):
		return m.settle("hub has what is not held", a.Have)
	case err != nil:
		return err
	case hash != a.HaveHash:
		return m.settle("hub has another entry", 0)
	}
	if a.Have > 0 {
		m.begun = record.Epoch{}
	}
	m.sent, m.acked = a.Have, a.Have
	return m.tell(a.Have)
}

// settle begins a new epoch after a conflict, but not twice in a row.
func (m *machine) settle(reason string, after uint64) error {
	m.hangUp(0)
	if m.ledger.epoch == m.begun {
		return nil
	}
	if err := m.newEpoch(reason, after); err != nil {
		return err
	}
	m.begun = m.ledger.epoch
	return nil
}

func (m *machine) newEpoch(reason string, after uint64) error {
	if err := m.box.NewEpoch(reason, after); err != nil {
		return err
	}
	m.ledger.epoch, _, _ = m.box.Position()
	m.log = slices.Clone(m.log[max(int(after), m.first):])
	m.first, m.ackedAt = 0, nil
	return m.check()
}

// tell has the outbox learn how far the hub is.
func (m *machine) tell(have uint64) error {
	if err := m.box.Acked(m.epoch, have); err != nil {
		return err
	}
	m.ackedAt = m.ackedAt[:min(len(m.ackedAt), int(have))]
	for len(m.ackedAt) < int(have) {
		m.ackedAt = append(m.ackedAt, m.cfg.Now())
	}
	return nil
}

// send puts the next records on the wire as far as the window goes.
func (m *machine) send(most int, twice bool) error {
	if m.wire == nil || m.ledger.epoch != m.epoch {
		m.hangUp(0)
		return nil
	}
	room := window - int(m.sent-m.acked)
	if room <= 0 {
		return nil
	}
	entries, err := m.box.Read(m.sent, min(room, most), 1<<20)
	if err != nil || len(entries) == 0 {
		return err
	}
	b := store.Batch{Kiosk: m.kiosk, Fence: m.wire.fence, Epoch: m.epoch, Entries: entries, Received: m.cfg.Now()}
	m.wire.up = append(m.wire.up, b)
	if twice {
		m.wire.up = append(m.wire.up, b)
	}
	m.sent = entries[len(entries)-1].Seq
	return nil
}

// forge sends an entry that is not what the log has at its place.
func (m *machine) forge(chance func(int) int) error {
	if m.wire == nil || m.ledger.epoch != m.epoch || len(m.held()) == 0 {
		return nil
	}
	e, err := m.box.Entry(uint64(m.first + 1 + chance(len(m.held()))))
	if err != nil {
		return err
	}
	switch chance(3) {
	case 0:
		e.AtMs++ // and its hash no longer fits
	case 1:
		e.Prev[0] ^= 1
		e.Hash = e.Sum(m.epoch)
	case 2:
		if e.Seq > m.acked {
			return nil // the hub could only believe it
		}
		e.AtMs++
		e.Hash = e.Sum(m.epoch)
	}
	m.wire.up = append(m.wire.up, store.Batch{
		Kiosk: m.kiosk, Fence: m.wire.fence, Epoch: m.epoch, Entries: []record.Entry{e}, Received: m.cfg.Now()})
	return nil
}

// hear takes the next word of the hub.
func (m *machine) hear(t *truth) error {
	if m.wire == nil {
		return nil
	}
	if len(m.wire.down) == 0 {
		if m.wire.ended {
			m.hangUp(0)
		}
		return nil
	}
	next := m.wire.down[0]
	m.wire.down = m.wire.down[1:]
	switch {
	case next.fault == faultConflict:
		return m.settle("hub: conflict", 0)
	case next.fault != "":
		m.hangUp(0)
		return nil
	}
	if have, _ := t.have(logName{m.kiosk, m.epoch}); next.have > have {
		return brokenf("%s hears that %d are committed, and %d are", m.kiosk, next.have, have)
	}
	if next.have > m.sent || next.have <= m.acked {
		return nil
	}
	m.acked, m.begun = next.have, record.Epoch{}
	return m.tell(next.have)
}
