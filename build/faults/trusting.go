package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"yeban/hub/bus"
	"yeban/hub/intake"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

const roleTrusting = "trusting"

// trustingOrder is for the control of the fence: the real intake on a store that appends
// whatever it is given to a file, and asks neither for the fence nor for the position.
type trustingOrder struct {
	Address string
	File    string // shared by all hubs
	DSN     string // of a real store of its own, for all that is beside records
}

func playTrusting(text []byte) error {
	var order trustingOrder
	if err := json.Unmarshal(text, &order); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	b, err := bus.Open("", log)
	if err != nil {
		return err
	}
	cfg := intake.Default()
	cfg.Ping, cfg.Dead, cfg.Settle, cfg.SettleBusy = time.Second, sleepless, 0, 0
	real, err := store.Open(context.Background(), order.DSN, nil)
	if err != nil {
		return err
	}
	server, err := intake.New(cfg, &trustingStore{Store: real, file: order.File}, b, log, prometheus.NewRegistry(), nil)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", order.Address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(protocol.Path, server)
	fmt.Println("console", order.Address)
	return http.Serve(l, mux) // until it is killed
}

// trustingStore is an intake.Store that believes whoever speaks.
type trustingStore struct {
	*store.Store
	file string
	mu   sync.Mutex
}

// trustedLine is what the file holds of one entry.
type trustedLine struct {
	Kiosk string
	Epoch record.Epoch
	Seq   uint64
	Hash  record.Hash
	ID    string
}

func readTrusted(path string) ([]trustedLine, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []trustedLine
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var one trustedLine
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, lines.Err()
}

// Attach tells how far the file is; its fence holds nobody back.
func (t *trustingStore) Attach(ctx context.Context, c store.Claim) (store.Attachment, error) {
	a, err := t.Store.Attach(ctx, c)
	if err != nil {
		return a, err
	}
	all, err := readTrusted(t.file)
	a.Have, a.HaveHash = 0, record.Hash{}
	for _, one := range all {
		if one.Kiosk == c.Kiosk && one.Epoch == c.Epoch && one.Seq > a.Have {
			a.Have, a.HaveHash = one.Seq, one.Hash
		}
	}
	return a, err
}

// Commit appends all of it.
func (t *trustingStore) Commit(_ context.Context, batches []store.Batch) ([]store.Outcome, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	outcomes := make([]store.Outcome, len(batches))
	var text strings.Builder
	lines := json.NewEncoder(&text)
	for i, b := range batches {
		for _, e := range b.Entries {
			if err := lines.Encode(trustedLine{b.Kiosk, b.Epoch, e.Seq, e.Hash, e.ID}); err != nil {
				return nil, err
			}
			outcomes[i] = store.Outcome{Have: e.Seq, Added: outcomes[i].Added + 1}
		}
	}
	f, err := os.OpenFile(t.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, err = f.WriteString(text.String())
	return outcomes, err
}

// judgeTrusted counts in the file as judge does in the store.
func (s *scene) judgeTrusted(path string) error {
	promises, err := readOracle(s.oracles...)
	if err != nil {
		return err
	}
	all, err := readTrusted(path)
	if err != nil {
		return err
	}
	times := map[string]int{}
	last := uint64(0)
	for _, one := range all {
		if times[one.ID]++; times[one.ID] == 2 {
			s.row.doubled++
		}
		if one.Seq != last+1 {
			s.row.disorder++
		}
		last = one.Seq
	}
	s.row.handed += len(promises)
	for _, p := range promises {
		if times[p.id] == 0 {
			s.row.lost++
		}
	}
	return nil
}
