package bus

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func TestHintsArrive(t *testing.T) {
	external, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	external.Start()
	defer external.Shutdown()
	if !external.ReadyForConnections(10 * time.Second) {
		t.Fatal("external server is not ready")
	}
	for name, url := range map[string]string{"in process": "", "external": external.ClientURL()} {
		t.Run(name, func(t *testing.T) {
			b, err := Open(url, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			hints, stop, err := b.Watch(AnyStatus)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			b.Hint(Committed)
			b.Hint(Status("hall-1"))
			select {
			case s := <-hints:
				if s != Status("hall-1") {
					t.Errorf("got %s", s)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("no hint")
			}
		})
	}
}

func TestOwnBusHasNoPort(t *testing.T) {
	b, err := Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if a := b.own.Addr(); a != nil {
		t.Errorf("listens at %v", a)
	}
}

func TestAFullWatcherBlocksNobody(t *testing.T) {
	b, err := Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	_, stop, err := b.Watch(Anything) // and nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	heard := make(chan struct{}, 1)
	stopLast, err := b.Listen("yeban.last", func(string) { heard <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer stopLast()
	for range 10000 {
		b.Hint(Committed)
	}
	b.Hint("yeban.last")
	select {
	case <-heard:
	case <-time.After(30 * time.Second):
		t.Fatal("a hint behind a full watcher did not arrive")
	}
}

func TestTakenBy(t *testing.T) {
	if kiosk, fence, ok := TakenBy(Taken("hall-1", 42)); kiosk != "hall-1" || fence != 42 || !ok {
		t.Errorf("got %s %d %v", kiosk, fence, ok)
	}
	for _, subject := range []string{Committed, Status("x"), "yeban.taken.x", "yeban.taken.x.y", "yeban.taken..1"} {
		if _, _, ok := TakenBy(subject); ok {
			t.Errorf("%s was taken for one", subject)
		}
	}
}
