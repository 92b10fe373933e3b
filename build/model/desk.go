package model

import (
	"slices"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// desk is the outbox as the link sees it. It keeps the ledger beside it, and can give the
// link something else to read than what is there.
type desk struct {
	*outbox.Outbox
	m *machine
}

func (d desk) Acked(epoch record.Epoch, have uint64) error {
	m := d.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.clerk.heard(logName{m.kiosk, epoch}, have); err != nil {
		m.life.fail(err)
	}
	if err := d.Outbox.Acked(epoch, have); err != nil || epoch != m.ledger.epoch {
		return err
	}
	m.ackedAt = m.ackedAt[:min(len(m.ackedAt), int(have))]
	for len(m.ackedAt) < int(have) {
		m.ackedAt = append(m.ackedAt, m.clock.Now())
	}
	return nil
}

func (d desk) NewEpoch(reason string, after uint64) error {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	epoch, _, _ := d.Position()
	if err := d.m.clerk.heard(logName{d.m.kiosk, epoch}, after); err != nil { // what is left behind must be there
		d.m.life.fail(err)
		after = 0
	}
	return d.m.newEpoch(reason, after)
}

// newEpoch ends the log; the caller holds mu.
func (m *machine) newEpoch(reason string, after uint64) error {
	if err := m.box.NewEpoch(reason, after); err != nil {
		return err
	}
	m.ledger.epoch, _, _ = m.box.Position()
	m.log = slices.Clone(m.log[min(len(m.log), max(int(after), m.first)):])
	m.first, m.ackedAt = 0, nil
	return nil
}

// Hash is the hub's own word for a terminal that does not compare.
func (d desk) Hash(seq uint64) (record.Hash, error) {
	if d.m.life.flaw == BlindTerminal {
		epoch, _, _ := d.Position()
		return d.m.clerk.last(logName{d.m.kiosk, epoch}), nil
	}
	return d.Outbox.Hash(seq)
}

// Read gives what is there, but for one time after forge or stutter was asked for.
func (d desk) Read(after uint64, most, bytes int) ([]record.Entry, error) {
	m := d.m
	m.mu.Lock()
	defer m.mu.Unlock()
	epoch, first, _ := d.Position()
	if m.stutter && after > first && first > 0 { // sent already, and once more
		m.stutter, after = false, max(after-2, first)
	}
	entries, err := d.Outbox.Read(after, most, bytes)
	if err == nil && m.forge && len(entries) > 0 {
		m.forge = false
		switch e := &entries[len(entries)-1]; len(m.log) % 2 {
		case 0:
			e.AtMs++ // and its hash no longer fits
		case 1:
			e.Prev[0] ^= 1
			e.Hash = e.Sum(epoch)
		}
	}
	return entries, err
}

func (d desk) BlobDelivered(hash record.Hash) error {
	if !d.m.clerk.everWhole(hash) {
		d.m.life.fail(brokenf("%s hears that an attachment is whole, and it is not", d.m.kiosk))
	}
	return d.Outbox.BlobDelivered(hash)
}
