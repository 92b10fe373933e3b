package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// patience is how soon a node of an external bus is given up.
type patience struct {
	ping  time.Duration // between two; a node that leaves two without an answer is gone
	write time.Duration // a node that takes nothing for so long is gone
}

var usual = patience{ping: 10 * time.Second, write: 2 * time.Second}

// retryEvery is between two rounds through the nodes of a bus that is away.
const retryEvery = time.Second

// Open connects to a NATS server or cluster (comma-separated URLs). With an empty url it
// runs one inside the process, without any listening port.
//
// An external bus may be away, now or later: Open returns all the same, says so in the
// log, and the connection comes up by itself. The error is only for an url that cannot
// be read. Neither log nor error holds credentials.
func Open(url string, log *slog.Logger) (*Bus, error) {
	if url == "" {
		return openOwn(log)
	}
	return openExternal(url, log, usual)
}

func openExternal(url string, log *slog.Logger, p patience) (*Bus, error) {
	where := hosts(url)
	conn, err := nats.Connect(url, append(options(log),
		nats.RetryOnFailedConnect(true),
		// Somebody may mend the credentials at the server; a closed connection would not notice.
		nats.IgnoreAuthErrorAbort(),
		// A hint that waited for the bus tells nothing that a reader has not looked up since.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(p.ping), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(p.write),
		nats.ConnectHandler(func(c *nats.Conn) { log.Info("bus is here", "node", c.ConnectedAddr()) }),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("bus is back", "node", c.ConnectedAddr()) }),
	)...)
	if err != nil {
		// The text may quote the address, password and all.
		return nil, fmt.Errorf("connect to bus %s: the address cannot be used", where)
	}
	if !conn.IsConnected() {
		log.Warn("bus is away; readers poll", "bus", where)
	}
	return &Bus{conn: conn}, nil
}

func openOwn(log *slog.Logger) (*Bus, error) {
	own, err := server.NewServer(&server.Options{DontListen: true, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, fmt.Errorf("start bus: %w", err)
	}
	own.Start()
	if !own.ReadyForConnections(10 * time.Second) {
		own.Shutdown()
		return nil, errors.New("start bus: not ready in 10 s")
	}
	conn, err := nats.Connect("", append(options(log), nats.InProcessServer(own))...)
	if err != nil {
		own.Shutdown()
		return nil, fmt.Errorf("connect to bus: %w", err)
	}
	return &Bus{conn: conn, own: own}, nil
}

// options are those of both kinds of bus.
func options(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name("yeban-hub"), nats.MaxReconnects(-1), nats.ReconnectWait(retryEvery),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("bus is away; readers poll", "err", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("bus", "err", err) }),
	}
}

// hosts is what of an address may be shown: neither user nor password nor token.
func hosts(address string) string {
	var shown []string
	for one := range strings.SplitSeq(address, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		host := "(unreadable)"
		if u, err := url.Parse(one); err == nil && u.Host != "" {
			host = u.Host
		}
		shown = append(shown, host)
	}
	return strings.Join(shown, ",")
}
