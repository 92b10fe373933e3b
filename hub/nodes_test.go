package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"yeban/sync/protocol"
)

// startNodes starts a NATS cluster whose nodes find each other through the first.
func startNodes(t *testing.T, size int) []*server.Server {
	t.Helper()
	var nodes []*server.Server
	for i := range size {
		o := &server.Options{ServerName: fmt.Sprint("node", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
			Username: "hub", Password: busSecret,
			Cluster: server.ClusterOpts{Name: "yeban", Host: "127.0.0.1", Port: server.RANDOM_PORT}}
		if i > 0 {
			o.Routes = server.RoutesFromStr("nats://" + nodes[0].ClusterAddr().String())
		}
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(s.Shutdown)
		if !s.ReadyForConnections(patience) {
			t.Fatal("a node of the bus does not start")
		}
		nodes = append(nodes, s)
	}
	for _, n := range nodes {
		eventually(t, "the nodes of the bus", func() bool { return n.NumRoutes() >= size-1 })
	}
	return nodes
}

// aNodeOfTheBusDies: each hub hangs on a node of its own. When the one dies that a terminal's
// hub hangs on, an order given at the other hub still arrives: at once by the hub's own
// look, and by hints when it has found another node.
func aNodeOfTheBusDies(c *cluster) {
	t := c.t
	nodes := startNodes(t, 3)
	at := func(name string, n *server.Server) *member {
		c.at = fmt.Sprintf("nats://hub:%s@%s", busSecret, n.Addr())
		return c.start(name)
	}
	a, b := at("a", nodes[0]), at("b", nodes[1])
	k := c.startKiosk(1, startBalancer(t, b.address()), startNotebook(t, func(context.Context) error { return nil }))
	eventually(t, "the terminal", func() bool { return k.link.State().Connected })
	desk := c.logIn(a)
	order := func(n int, when string) {
		t.Helper()
		desk.order(k.id, protocol.CommandStatus)
		t.Logf("%s done after %v", when, eventually(t, when, func() bool { return c.done(k, n) }))
	}

	order(1, "an order over two nodes")
	if nodes[1].NumClients() != 1 {
		t.Fatalf("%d hubs hang on the second node", nodes[1].NumClients())
	}
	nodes[1].Shutdown()
	nodes[1].WaitForShutdown()
	order(2, "an order while the node is dead")
	eventually(t, "another node", func() bool {
		text, err := os.ReadFile(b.log)
		return err == nil && bytes.Contains(text, []byte("bus is back"))
	})
	order(3, "an order over the nodes that are left")
}
