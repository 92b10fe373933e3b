package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"yeban/hub/store"
	"yeban/sync/protocol"
)

// hubSettings differ from fault to fault; the zero value is a hub on SQLite that notices
// a dead line within two seconds.
type hubSettings struct {
	listen  string        // IP address; 127.0.0.1
	data    string        // folder; the scene's own where empty
	dsn     string        // of the store; SQLite in data where empty
	catalog string        // path
	ping    time.Duration // 1 s
	dead    time.Duration // 2 s
	settle  bool          // terminals wait after connecting as long as the hub's defaults say
}

// hub is the real hub program with one address that it keeps over restarts.
type hub struct {
	*process
	program string
	config  string
	log     string
	address string
	dsn     string
}

// newHub writes the configuration of a hub and registers the scene's terminals with it.
func (s *scene) newHub(ctx context.Context, name string, set hubSettings) (*hub, error) {
	address, err := freeAddress(cmp.Or(set.listen, "127.0.0.1"))
	if err != nil {
		return nil, err
	}
	if set.data == "" {
		set.data = filepath.Join(s.dir, name)
	}
	if set.dsn == "" {
		set.dsn = "sqlite:" + filepath.Join(set.data, "hub.db")
	}
	if set.ping == 0 {
		set.ping, set.dead = time.Second, 2*time.Second
	}
	if err := os.MkdirAll(set.data, 0o755); err != nil {
		return nil, err
	}
	h := &hub{
		program: s.rig.hub, config: filepath.Join(s.dir, name+".yaml"), log: filepath.Join(s.dir, name+".log"),
		address: address, dsn: set.dsn,
	}
	settle := ", settle: 0s"
	if set.settle {
		settle = ""
	}
	text := fmt.Sprintf("listen: %q\ndata: %q\nstore: %q\nplatform_key: %q\ncatalog: %q\nlimits: {ping: %s, dead: %s, status_every: 1s%s}\n",
		address, set.data, set.dsn, s.keyFile, set.catalog, set.ping, set.dead, settle)
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return h, s.register(ctx, h.dsn)
}

// register makes the scene's terminals known to a store that has none of them.
func (s *scene) register(ctx context.Context, dsn string) error {
	st, err := store.Open(ctx, dsn, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	have, err := st.Kiosks(ctx)
	if err != nil || len(have) == len(s.kiosks) {
		return err
	}
	for _, k := range s.kiosks {
		if err := st.AddKiosk(ctx, store.Kiosk{ID: k.ID, Number: k.Number, Name: k.ID}, k.Token, false); err != nil {
			return err
		}
	}
	return nil
}

// run starts the hub and returns when it listens.
func (h *hub) run(ctx context.Context) (err error) {
	if h.process, err = start("hub", h.log, nil, h.program, "serve", "--config", h.config); err != nil {
		return err
	}
	_, err = h.await(ctx, "console", nil)
	return err
}

func (h *hub) url() string { return "ws://" + h.address + protocol.Path }

// end is for the end of a scene, when nothing of it is of use any more.
func (h *hub) end() {
	if h.process != nil {
		h.kill()
	}
}

// committed is how many entries this process of the hub has committed.
func (h *hub) committed(ctx context.Context) (int, error) {
	return h.metric(ctx, "yeban_intake_records_total")
}

// commitsMore waits until it has committed n more, and is false when it does not within a
// few seconds.
func (h *hub) commitsMore(ctx context.Context, n int) (bool, error) {
	before, err := h.committed(ctx)
	if err != nil {
		return false, err
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); wait(ctx, time.Millisecond) {
		now, err := h.committed(ctx)
		if err != nil || now >= before+n {
			return err == nil, err
		}
	}
	return false, ctx.Err()
}

// fenced is how many connections this process of the hub has refused by the fence.
func (h *hub) fenced(ctx context.Context) (int, error) {
	return h.metric(ctx, `yeban_intake_faults_total{code="`+string(protocol.FaultFenced)+`"}`)
}

// deserted waits until it has no connection any more.
func (h *hub) deserted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		n, err := h.metric(ctx, "yeban_intake_connections")
		switch {
		case err != nil:
			return err
		case n == 0:
			return nil
		case !wait(ctx, 5*time.Millisecond):
			return fmt.Errorf("hub keeps a connection whose terminal has gone: %w", ctx.Err())
		}
	}
}

// metric is the present value; 0 where it was never counted.
func (h *hub) metric(ctx context.Context, name string) (int, error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(rq)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(rest, 64)
			return int(n), err
		}
	}
	return 0, nil
}

// freeAddress is a port on an address of this machine that nobody has at the moment.
func freeAddress(ip string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
