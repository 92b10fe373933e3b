package intake

import (
	"context"
	"sync"
	"time"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
)

// orders hands what staff have ordered to the terminals that are connected here: at once
// when it hears of an order or a terminal, and otherwise by looking now and then. One
// look is one query for all terminals. An order goes out once a connection, and with
// each connection again until it has ended.
type orders struct {
	server  *Server
	wake    chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func startOrders(s *Server) *orders {
	o := &orders{server: s, wake: make(chan struct{}, 1)}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.running.Go(o.run)
	return o
}

// look asks for a look soon. Many requests in a short time are one.
func (o *orders) look() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *orders) close() {
	o.cancel()
	o.running.Wait()
}

func (o *orders) run() {
	every := time.NewTicker(o.server.cfg.OrdersEvery)
	defer every.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select { // not more often than conditions are written
		case <-o.ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-o.ctx.Done():
			return
		case <-every.C:
		case <-o.wake:
		}
		if err := o.hand(); err != nil && o.ctx.Err() == nil {
			o.server.log.Error("hand out commands", "err", err)
		}
		pause.Reset(o.server.cfg.Flush)
	}
}

// hand gives pending orders to sessions, and closes those that are out of date.
func (o *orders) hand() error {
	ctx, cancel := context.WithTimeout(o.ctx, 10*time.Second)
	defer cancel()
	pending, err := o.server.store.PendingCommands(ctx)
	if err != nil {
		return err
	}
	late := false
	for _, c := range pending {
		if c.Late(o.server.now()) {
			late = true
			continue
		}
		if one := o.server.session(c.Kiosk); one != nil {
			one.order(c)
		}
	}
	if !late {
		return nil
	}
	kiosks, err := o.server.store.ExpireCommands(ctx)
	if err != nil {
		return err
	}
	o.server.metrics.expired.Add(float64(len(kiosks)))
	for _, kiosk := range kiosks {
		o.server.bus.Hint(bus.Status(kiosk))
	}
	return nil
}

// order has the peer sent an order, unless this connection has carried it already.
func (s *session) order(c store.Command) {
	s.mu.Lock()
	known := s.ordered[c.ID]
	if !known {
		if s.ordered == nil { // most terminals have none
			s.ordered = make(map[string]bool)
		}
		s.ordered[c.ID] = true
	}
	s.mu.Unlock()
	if known {
		return
	}
	f, err := protocol.NewFrame(protocol.Event, "", protocol.MethodCommand, &c.Command)
	if err != nil {
		s.log.Error("command", "command", c.ID, "err", err)
		return
	}
	s.server.metrics.commands.Inc()
	s.log.Info("command sent", "command", c.ID, "name", c.Name)
	s.post(parcel{frame: f})
}
