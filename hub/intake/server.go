package intake

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
)

// desks is how many calls of all terminals may be at the store at once.
const desks = 8

// Store is what intake needs of the hub's store.
type Store interface {
	KioskByToken(ctx context.Context, token string) (id string, err error)
	Attach(ctx context.Context, c store.Claim) (store.Attachment, error)
	Detach(ctx context.Context, kiosk string, fence uint64) error
	KiosksUp(ctx context.Context, since time.Time) ([]string, error)
	Commit(ctx context.Context, batches []store.Batch) ([]store.Outcome, error)
	SaveConditions(ctx context.Context, all []store.Condition) (fenced []string, err error)
	PendingCommands(ctx context.Context) ([]store.Command, error)
	ReportCommand(ctx context.Context, kiosk string, r protocol.Report) (changed bool, err error)
	ExpireCommands(ctx context.Context) (kiosks []string, err error)
	PutChunks(ctx context.Context, all []store.Chunk) []store.Stored
	ForgetStrays(ctx context.Context, before time.Time) (n int64, err error)
}

// Bus is what intake hints to.
type Bus interface {
	Hint(subject string)
	Listen(subject string, f func(subject string)) (stop func(), err error)
}

// Server accepts terminals. It is an http.Handler for protocol.Path.
type Server struct {
	cfg      Config
	store    Store
	bus      Bus
	log      *slog.Logger
	now      func() time.Time
	metrics  *metrics
	writer   *writer
	keeper   *keeper
	presence *presence
	orders   *orders
	pace     pace
	asked    allowance
	upgrader websocket.Upgrader
	unlisten []func()

	ctx         context.Context // ends when sessions must
	cancel      context.CancelFunc
	connections atomic.Int64
	hellos      chan struct{}
	desks       chan struct{} // calls that may be at the store at once

	mu       sync.Mutex
	draining bool
	sessions map[string]*session // by terminal, the newest of each
	all      sync.WaitGroup
}

// New starts the writer and the keeper of conditions; Close ends them. now is the hub's
// clock, nil meaning time.Now.
func New(cfg Config, st Store, b Bus, log *slog.Logger, reg prometheus.Registerer, now func() time.Time) (*Server, error) {
	if now == nil {
		now = time.Now
	}
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, store: st, bus: b, log: log, now: now,
		hellos:   make(chan struct{}, cfg.MaxHellos),
		desks:    make(chan struct{}, desks),
		pace:     pace{quiet: cfg.Settle, busy: cfg.SettleBusy, many: cfg.BusyHellos, started: now()},
		asked:    allowance{perMinute: cfg.ProgressEach},
		sessions: make(map[string]*session),
		upgrader: websocket.Upgrader{
			Subprotocols:    []string{protocol.Subprotocol},
			ReadBufferSize:  1024,
			WriteBufferSize: 2048,
			WriteBufferPool: new(sync.Pool),
			CheckOrigin:     func(r *http.Request) bool { return r.Header.Get("Origin") == "" }, // no browser has business here
		},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.metrics = newMetrics(reg, s)
	s.orders = startOrders(s)
	for subject, hear := range map[string]func(string){bus.AnyTaken: s.taken, bus.AnyCommand: func(string) { s.orders.look() }} {
		stop, err := b.Listen(subject, hear)
		if err != nil {
			s.stopListening()
			s.orders.close()
			s.cancel()
			return nil, err
		}
		s.unlisten = append(s.unlisten, stop)
	}
	s.writer = startWriter(cfg, st, b, s.metrics, log)
	s.keeper = startKeeper(s)
	s.presence = startPresence(s)
	return s, nil
}

func (s *Server) stopListening() {
	for _, stop := range s.unlisten {
		stop()
	}
}

// ServeHTTP admits a terminal. The connection then outlives the call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		s.metrics.faults.WithLabelValues(string(protocol.FaultUnauthorised)).Inc()
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "a terminal's token is required", http.StatusUnauthorized)
		return
	}
	if !s.enter() {
		s.metrics.faults.WithLabelValues(string(protocol.FaultBusy)).Inc()
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(s.comeBack().Seconds()))))
		http.Error(w, "come back later", http.StatusServiceUnavailable)
		return
	}
	stays := false
	defer func() {
		if !stays {
			s.leave()
		}
	}()
	kiosk, err := s.store.KioskByToken(r.Context(), token)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.metrics.faults.WithLabelValues(string(protocol.FaultUnauthorised)).Inc()
		http.Error(w, "no terminal has this token", http.StatusUnauthorized)
		return
	case err != nil:
		s.log.Error("look up a token", "err", err)
		http.Error(w, "come back later", http.StatusServiceUnavailable)
		return
	case s.cfg.RequireCertificate && certified(r) != kiosk:
		s.metrics.faults.WithLabelValues(string(protocol.FaultUnauthorised)).Inc()
		s.log.Warn("terminal without its certificate", "kiosk", kiosk, "remote", r.RemoteAddr)
		http.Error(w, "the terminal's own certificate is required", http.StatusForbidden)
		return
	}
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	if ws.Subprotocol() != protocol.Subprotocol {
		_ = ws.WriteControl(websocket.CloseMessage,
			websocket.FormatCloseMessage(websocket.CloseProtocolError, "want subprotocol "+protocol.Subprotocol), time.Now().Add(time.Second))
		ws.Close()
		return
	}
	conn := protocol.NewConn(ws, protocol.ConnConfig{Ping: s.cfg.Ping, Dead: s.cfg.Dead})
	one := newSession(s, kiosk, conn, r.RemoteAddr)
	if stays = one.begin(); !stays {
		return
	}
	// A connection lasts for days. The request's buffers and the deep stack on which a
	// terminal was attached go with this goroutine, and are most of what it took.
	go func() {
		defer s.leave()
		one.serve()
	}()
}

// certified is the terminal that a verified client certificate names; empty without one.
func certified(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	return r.TLS.VerifiedChains[0][0].Subject.CommonName
}

// enter admits a connection, which must leave again.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining || s.connections.Load() >= int64(s.cfg.MaxConnections) {
		return false
	}
	s.connections.Add(1)
	s.all.Add(1)
	return true
}

func (s *Server) leave() {
	s.connections.Add(-1)
	s.all.Done()
}

// register makes one the session of its terminal, unless a newer one is there already.
func (s *Server) register(one *session) bool {
	s.mu.Lock()
	old := s.sessions[one.kiosk]
	if old != nil && old.fence > one.fence {
		s.mu.Unlock()
		return false
	}
	s.sessions[one.kiosk] = one
	draining := s.draining
	s.mu.Unlock()
	if old != nil {
		old.end(protocol.FaultFenced, "a newer connection has taken over")
	}
	if draining {
		one.drain(s.comeBack(), "hub stops")
	}
	s.bus.Hint(bus.Taken(one.kiosk, one.fence))
	s.presence.changed(one.kiosk)
	s.orders.look()
	return true
}

// session gives the session of a terminal, nil when it is not connected here.
func (s *Server) session(kiosk string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[kiosk]
}

func (s *Server) unregister(one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[one.kiosk] == one {
		delete(s.sessions, one.kiosk)
	}
}

// taken hears that a terminal has connected to this or another hub. Without the hint an
// older session learns it with its next commit or condition.
func (s *Server) taken(subject string) {
	kiosk, fence, ok := bus.TakenBy(subject)
	if !ok {
		return
	}
	s.fenceOff(kiosk, fence)
}

// fenceOff ends the session of a terminal when its fence is below the given one.
func (s *Server) fenceOff(kiosk string, fence uint64) {
	if one := s.session(kiosk); one != nil && one.fence < fence {
		one.end(protocol.FaultFenced, "a newer connection has taken over")
	}
}

func (s *Server) live() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.sessions))
	for _, one := range s.sessions {
		all = append(all, one)
	}
	return all
}

// Drain asks every terminal to go and to come back later, or soon where another hub is
// there to take it, refuses new ones, and waits until all have gone or ctx ends.
func (s *Server) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	sooner := time.Duration(1)
	if s.elsewhere(ctx) {
		sooner = 10
	}
	for _, one := range s.live() {
		one.drain(s.comeBack()/sooner, "hub stops")
	}
	gone := make(chan struct{})
	go func() {
		s.all.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// elsewhere says whether terminals are connected to another hub.
func (s *Server) elsewhere(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	up, err := s.store.KiosksUp(ctx, s.now().Add(-s.cfg.Dead))
	if err != nil {
		s.log.Warn("look for other hubs", "err", err)
	}
	return slices.ContainsFunc(up, func(kiosk string) bool { return s.session(kiosk) == nil })
}

// Close ends every connection, commits what was received, and stops.
func (s *Server) Close() error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.stopListening()
	s.orders.close()
	s.cancel()
	s.all.Wait()
	s.writer.close()
	s.keeper.close()
	return s.presence.close()
}

// Busy says that terminals have more to send than one visit brings, and are sending it.
func (s *Server) Busy() bool { return s.writer.busy() }

// comeBack is what a refused terminal is told, spread so that they do not all return
// at once.
func (s *Server) comeBack() time.Duration {
	return s.cfg.ComeBack/2 + rand.N(s.cfg.ComeBack)
}
