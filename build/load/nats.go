package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"yeban/sync/record"
)

const (
	subject   = "records.k00001"
	leafName  = "KIOSK"
	hubStream = "HUB"
)

// drainNATS empties the stream of a leaf node into that of a hub by sourcing, both on disk
// and synced at every write. The hub is a process of its own, as ours is; the leaf runs in
// this one.
func (r *rig) drainNATS(bodies [][]byte, records int) (drained, error) {
	dir, err := r.folder("nats-leaf")
	if err != nil {
		return drained{}, err
	}
	if err := r.fillLeaf(dir, bodies, records); err != nil {
		return drained{}, err
	}
	hubDir, err := r.folder("nats-hub")
	if err != nil {
		return drained{}, err
	}
	hub, err := r.start(r.again("nats-hub", "--data", hubDir))
	if err != nil {
		return drained{}, err
	}
	defer hub.stop(syscall.SIGTERM)
	addresses, err := r.fileWithText(filepath.Join(hubDir, "ready"))
	if err != nil {
		return drained{}, err
	}
	var clients, leaves string
	if _, err := fmt.Sscan(addresses, &clients, &leaves); err != nil {
		return drained{}, err
	}
	w, err := r.startWire(leaves)
	if err != nil {
		return drained{}, err
	}
	begun := time.Now()
	remote := &server.RemoteLeafOpts{URLs: []*url.URL{{Scheme: "nats", Host: w.address()}}}
	leaf, err := startNATS(&server.Options{
		ServerName: "leaf", Host: "127.0.0.1", Port: -1, StoreDir: dir, JetStreamDomain: "leaf", SyncAlways: true,
		LeafNode: server.LeafNodeOpts{Remotes: []*server.RemoteLeafOpts{remote}},
	})
	if err != nil {
		return drained{}, err
	}
	defer stopNATS(leaf)
	nc, err := nats.Connect(clients)
	if err != nil {
		return drained{}, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return drained{}, err
	}
	err = r.until("leaf node", func() (bool, error) { return leaf.NumLeafNodes() == 1, nil })
	if err != nil {
		return drained{}, err
	}
	stream, err := js.CreateStream(r.ctx, jetstream.StreamConfig{
		Name: hubStream, Storage: jetstream.FileStorage,
		Sources: []*jetstream.StreamSource{{Name: leafName, Domain: "leaf"}},
	})
	if err != nil {
		return drained{}, err
	}
	err = r.until("the stream", func() (bool, error) {
		sleep(r.ctx, 20*time.Millisecond) // a question costs the server more than a look at a counter
		info, err := stream.Info(r.ctx)
		return err == nil && info.State.Msgs >= uint64(records), err
	})
	return drained{records, time.Since(begun), w.carried()}, err
}

// fillLeaf is not measured, and does not sync each write.
func (r *rig) fillLeaf(dir string, bodies [][]byte, records int) error {
	s, err := startNATS(&server.Options{ServerName: "leaf", Host: "127.0.0.1", Port: -1, StoreDir: dir, JetStreamDomain: "leaf"})
	if err != nil {
		return err
	}
	defer stopNATS(s)
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1000))
	if err != nil {
		return err
	}
	if _, err := js.CreateStream(r.ctx, jetstream.StreamConfig{Name: leafName, Subjects: []string{"records.*"}, Storage: jetstream.FileStorage}); err != nil {
		return err
	}
	for n := range records {
		if _, err := js.PublishAsync(subject, bodies[n%len(bodies)]); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

type natsHubCmd struct{ Data string }

// Run serves until it is told to stop.
func (c *natsHubCmd) Run(r *rig) error {
	s, err := startNATS(&server.Options{
		ServerName: "hub", Host: "127.0.0.1", Port: -1, StoreDir: c.Data, JetStreamDomain: "hub", SyncAlways: true,
		LeafNode: server.LeafNodeOpts{Host: "127.0.0.1", Port: -1},
	})
	if err != nil {
		return err
	}
	defer stopNATS(s)
	v, err := s.Varz(nil)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s 127.0.0.1:%d", s.ClientURL(), v.LeafNode.Port)
	if err := os.WriteFile(filepath.Join(c.Data, "ready"), []byte(text), 0o600); err != nil {
		return err
	}
	<-r.ctx.Done()
	return nil
}

func startNATS(o *server.Options) (*server.Server, error) {
	o.JetStream, o.NoSigs, o.NoLog = true, true, true
	o.JetStreamMaxStore, o.JetStreamMaxMemory = 8<<30, 256<<20
	s, err := server.NewServer(o)
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		s.Shutdown()
		return nil, errors.New("NATS does not start")
	}
	return s, nil
}

func stopNATS(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// sealedBodies are what the peers carry: the same bytes as ours, without our header.
func sealedBodies(platform record.PublicKey, n, bytes int) ([][]byte, error) {
	epoch, err := record.NewEpoch(nil)
	if err != nil {
		return nil, err
	}
	entries, err := log(epoch, platform, 1, n, bytes)
	if err != nil {
		return nil, err
	}
	all := make([][]byte, n)
	for i := range entries {
		all[i] = append(append(append([]byte(nil), entries[i].Header...), entries[i].Key...), entries[i].Sealed...)
	}
	return all, nil
}
