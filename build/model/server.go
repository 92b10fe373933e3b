package model

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"log"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"yeban/hub/intake"
)

// servers is how many processes of a hub are at work on one store.
const servers = 2

// server is one of them: the real intake behind the real net/http.
type server struct {
	intake *intake.Server
	http   http.Server
	door   *door
	serves sync.WaitGroup
}

func startServer(st intake.Store, hints *hints, c *clock) (*server, error) {
	in, err := intake.New(intake.Config{
		WindowRecords: window, Ping: ping, Dead: dead, HelloTimeout: patience, ComeBack: time.Second,
		Flush: flush, OrdersEvery: 4 * flush, StatusEvery: 10 * time.Minute,
	}, st, hints, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), c.Now)
	if err != nil {
		return nil, err
	}
	s := &server{intake: in, door: newDoor()}
	s.http.Handler, s.http.ErrorLog = in, log.New(io.Discard, "", 0)
	s.serves.Go(func() { _ = s.http.Serve(s.door) }) // ends with stop
	return s, nil
}

// stop ends the server; in good order it asks terminals to go before.
func (s *server) stop(inGoodOrder bool) error {
	if inGoodOrder {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		_ = s.intake.Drain(ctx) // who has not gone by then is shown the door
		cancel()
	}
	err := errors.Join(s.http.Close(), s.intake.Close())
	s.serves.Wait()
	if errors.Is(err, errDown) {
		return nil // as is to be expected of a hub that crashes
	}
	return err
}

// hints is a bus between the servers that loses two of three words, the same in every life.
type hints struct {
	mu   sync.Mutex
	ears []*ear
}

type ear struct {
	subject string
	hear    func(string)
}

func (h *hints) Hint(subject string) {
	if crc32.ChecksumIEEE([]byte(subject))%3 != 0 {
		return
	}
	h.mu.Lock()
	all := slices.Clone(h.ears)
	h.mu.Unlock()
	for _, e := range all {
		if strings.HasPrefix(subject, strings.TrimSuffix(e.subject, ">")) {
			e.hear(subject)
		}
	}
}

func (h *hints) Listen(subject string, f func(string)) (stop func(), err error) {
	e := &ear{subject, f}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ears = append(h.ears, e)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ears = slices.DeleteFunc(h.ears, func(o *ear) bool { return o == e })
	}, nil
}

// Watch is for the projector, which looks by itself.
func (h *hints) Watch(string) (<-chan string, func(), error) { return nil, func() {}, nil }
