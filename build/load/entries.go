package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// began is when the records of these runs were handed in.
var began = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// application is one whose sealed body has about the given bytes.
func application(kiosk, n, bytes int) (record.Application, error) {
	at := began.Add(time.Duration(n) * time.Second)
	number, err := record.NewReceiptNumber(at, kiosk)
	return record.Application{
		ID: ulid.Make().String(), ReceiptNumber: number, Kiosk: kioskID(kiosk), Item: "load", ItemName: "测试",
		Clock:   record.Clock{Wall: at},
		Answers: map[string]string{"x": strings.Repeat("x", max(0, bytes-450))},
	}, err
}

// log makes the first entries of a kiosk's log: sealed and chained as an outbox does.
func log(epoch record.Epoch, platform record.PublicKey, kiosk, entries, bytes int) ([]record.Entry, error) {
	all := make([]record.Entry, entries)
	var before record.Hash
	for i := range all {
		a, err := application(kiosk, i, bytes)
		if err != nil {
			return nil, err
		}
		e := record.Entry{Seq: uint64(i + 1), Prev: before, AtMs: a.Clock.Wall.UnixMilli(), Kind: a.Kind(), ID: a.ID}
		if e.Header, err = json.Marshal(a.Header()); err != nil {
			return nil, err
		}
		plain, err := record.Encode(a)
		if err != nil {
			return nil, err
		}
		if e.Key, e.Sealed, err = record.Seal(nil, platform, plain, record.SealData(record.Origin{Epoch: epoch, Seq: e.Seq}, e.Kind, e.ID)); err != nil {
			return nil, err
		}
		e.Hash = e.Sum(epoch)
		before, all[i] = e.Hash, e
	}
	return all, nil
}

// message is one RECORDS, ready for the socket.
type message struct {
	text []byte
	last uint64
}

// messages packs a log as the link does, up to so many bytes in one.
func messages(epoch record.Epoch, log []record.Entry, bytes int) ([]message, error) {
	var all []message
	for len(log) > 0 {
		n, size := 0, 0
		for n < len(log) && (n == 0 || size+log[n].WireSize() <= bytes) {
			size += log[n].WireSize()
			n++
		}
		f, err := protocol.NewFrame(protocol.Event, "", protocol.MethodRecords, &protocol.Records{Epoch: epoch, Entries: log[:n]})
		if err != nil {
			return nil, err
		}
		text, err := f.MarshalJSON()
		if err != nil {
			return nil, err
		}
		all, log = append(all, message{text, log[n-1].Seq}), log[n:]
	}
	return all, nil
}

// fleet makes the kiosks with their logs, on all cores.
func fleet(h *hub, kiosks, entries, bytes, batch int) ([]*kiosk, error) {
	all := make([]*kiosk, kiosks)
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for n := range all {
		group.Go(func() error {
			epoch, err := record.NewEpoch(nil)
			if err != nil {
				return err
			}
			list, err := log(epoch, h.platform, n+1, entries, bytes)
			if err != nil {
				return fmt.Errorf("log of kiosk %d: %w", n+1, err)
			}
			all[n] = &kiosk{n: n + 1, url: h.socket(), epoch: epoch}
			all[n].queue, err = messages(epoch, list, batch)
			return err
		})
	}
	return all, group.Wait()
}
