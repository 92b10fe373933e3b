package evaluator

import (
	"context"
	"time"
)

// pj06 is the adapter for PJ06 devices.
type pj06 struct {
	pause   time.Duration
	timeout byte // seconds, as the device was told last
}

// Commands of PJ06.
const (
	pj06Timeout = 0x13
	pj06Welcome = 0x1F
	pj06Ask     = 0x20
)

func pj06Frame(cmd byte, data ...byte) []byte {
	f := append([]byte{0x55, 0xAA, byte(1 + len(data)), cmd}, data...)
	return append(f, 0x1A)
}

func (d *pj06) open(ctx context.Context, w *wire, timeout time.Duration) error {
	seconds := byte((timeout + time.Second - 1) / time.Second)
	if seconds != d.timeout {
		if err := w.write(ctx, pj06Frame(pj06Timeout, seconds)); err != nil {
			return err
		}
		if err := w.pause(ctx, d.pause); err != nil {
			return err
		}
		d.timeout = seconds
	}
	return w.write(ctx, pj06Frame(pj06Ask, 0))
}

func (d *pj06) idle() []byte { return pj06Frame(pj06Welcome, 0) }

func (d *pj06) status() []byte { return nil }

// hear takes every byte 01–05 for a key.
func (d *pj06) hear(p []byte) (h heard) {
	for _, b := range p {
		if b >= 1 && b <= 5 {
			h.keys = append(h.keys, b)
		} else {
			h.junk++
		}
	}
	return h
}
