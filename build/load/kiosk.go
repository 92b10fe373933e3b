package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// The hubs of these runs have certificates that nobody signed.
var (
	noVerify = &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	insecure = &http.Client{Transport: &http.Transport{TLSClientConfig: noVerify}, Timeout: 30 * time.Second}
)

// kiosk is a light one: it speaks the protocol, but holds its log as ready messages, so
// that thousands of them cost the machine less than the hub does.
type kiosk struct {
	n     int // from 1
	url   string
	epoch record.Epoch
	queue []message
	tries int

	ws      *websocket.Conn
	welcome protocol.Welcome
}

// writeBuffers are shared: a kiosk holds one only while it writes.
var writeBuffers sync.Pool

// last is the newest sequence of its log.
func (k *kiosk) last() uint64 {
	if len(k.queue) == 0 {
		return 0
	}
	return k.queue[len(k.queue)-1].last
}

var errBusy = errors.New("hub is busy")

// connect dials and says HELLO. Every kiosk comes from one of a few addresses, since one
// has not ports enough for all.
func (k *kiosk) connect(ctx context.Context) error {
	k.tries++
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+k.n/4000))}
	dialer := websocket.Dialer{
		NetDialContext:  (&net.Dialer{LocalAddr: from}).DialContext,
		TLSClientConfig: noVerify,
		Subprotocols:    []string{protocol.Subprotocol},
		ReadBufferSize:  1024, WriteBufferSize: 4096, WriteBufferPool: &writeBuffers,
		HandshakeTimeout: time.Minute,
	}
	ws, answer, err := dialer.DialContext(ctx, k.url+protocol.Path, http.Header{"Authorization": {"Bearer " + token(kioskID(k.n))}})
	if errors.Is(err, websocket.ErrBadHandshake) && answer.StatusCode == http.StatusServiceUnavailable {
		return errBusy
	}
	if err != nil {
		return err
	}
	if err := k.hello(ws); err != nil {
		ws.Close()
		return err
	}
	k.ws = ws
	return nil
}

func (k *kiosk) hello(ws *websocket.Conn) error {
	hello := protocol.Hello{
		Kiosk: kioskID(k.n), Software: "load", CatalogVersion: "1", Epoch: k.epoch,
		Last: k.last(), Clock: record.Clock{Wall: time.Now()},
	}
	if hello.Last > 0 {
		hello.First = 1
	}
	f, err := protocol.NewFrame(protocol.Call, "hello", protocol.MethodHello, &hello)
	if err != nil {
		return err
	}
	text, err := f.MarshalJSON()
	if err != nil {
		return err
	}
	if err := ws.WriteMessage(websocket.TextMessage, text); err != nil {
		return err
	}
	if err := ws.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	for {
		f, err := receive(ws)
		if err != nil {
			return err
		}
		switch {
		case f.Type == protocol.Result && f.ID == "hello":
			return f.Decode(&k.welcome)
		case f.Type == protocol.Error:
			return errBusy // the only one that a right HELLO can meet
		}
	}
}

func receive(ws *websocket.Conn) (protocol.Frame, error) {
	_, text, err := ws.ReadMessage()
	if err != nil {
		return protocol.Frame{}, err
	}
	f, err := protocol.Parse(text)
	var unknown *protocol.UnknownMethodError
	if errors.As(err, &unknown) {
		err = nil
	}
	return f, err
}

// deliver sends what the hub lacks, within its window, and returns when all is
// acknowledged.
func (k *kiosk) deliver() error {
	have, sent := k.welcome.Have, 0
	for sent < len(k.queue) && k.queue[sent].last <= have {
		sent++
	}
	for have < k.last() {
		for sent < len(k.queue) && (k.queue[sent].last-have <= uint64(k.welcome.WindowRecords) || sent == 0) {
			if err := k.ws.WriteMessage(websocket.TextMessage, k.queue[sent].text); err != nil {
				return err
			}
			sent++
		}
		if err := k.ws.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
			return err
		}
		f, err := receive(k.ws)
		if err != nil {
			return err
		}
		switch f.Method {
		case protocol.MethodAck:
			var ack protocol.Ack
			if err := f.Decode(&ack); err != nil {
				return err
			}
			have = ack.Have
		default:
			if f.Type == protocol.Error {
				return fmt.Errorf("kiosk %d: hub refuses: %s", k.n, f.Body)
			}
		}
	}
	return nil
}

// status is what a healthy terminal with three devices says.
var status = func() []byte {
	var devices []protocol.DeviceStatus
	for _, name := range []string{"idcard", "printer", "evaluator"} {
		devices = append(devices, protocol.DeviceStatus{Name: name, State: "online", At: began})
	}
	body, err := json.Marshal(protocol.Status{At: began, Visit: "home", Devices: devices, CatalogVersion: "1", DiskFreeBytes: 1 << 34})
	if err != nil {
		panic(err)
	}
	return bytes.Join([][]byte{[]byte(`[5,"","STATUS",`), body, []byte(`]`)}, nil)
}()

// keepAlive does what a terminal does that nobody uses, until ctx ends: it answers pings,
// pings, and tells its condition as often as the hub asks.
func (k *kiosk) keepAlive(ctx context.Context) error {
	defer k.ws.Close()
	gone := make(chan error, 1)
	heard := func() error {
		return k.ws.SetReadDeadline(time.Now().Add(time.Duration(k.welcome.DeadSeconds) * time.Second))
	}
	k.ws.SetPongHandler(func(string) error { return heard() })
	answer := k.ws.PingHandler()
	k.ws.SetPingHandler(func(data string) error { return errors.Join(heard(), answer(data)) })
	go func() {
		for {
			if err := heard(); err != nil {
				gone <- err
				return
			}
			if _, _, err := k.ws.ReadMessage(); err != nil {
				gone <- err
				return
			}
		}
	}()
	every := time.Duration(k.welcome.StatusSeconds) * time.Second
	next := time.NewTimer(rand.N(every)) // not all in step
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			k.ws.Close()
			<-gone
			return nil
		case err := <-gone:
			return err
		case <-next.C:
			next.Reset(every)
			if err := k.ws.WriteMessage(websocket.TextMessage, status); err != nil {
				return err
			}
			if err := k.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Minute)); err != nil {
				return err
			}
		}
	}
}
