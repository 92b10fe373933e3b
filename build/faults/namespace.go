package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"yeban/sync/protocol"
)

// cable is a pair of virtual network cards: one end here, the other in a network
// namespace, where a terminal lives.
type cable struct {
	namespace string
	here      string // name of this end
	there     string
	hubSide   string // address
	kioskSide string
}

// noNamespace says why this machine can have none.
func noNamespace() string {
	if os.Geteuid() != 0 {
		return "not root"
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return "no ip (iproute2)"
	}
	probe := fmt.Sprintf("yf%d", os.Getpid())
	if err := tool("ip", "netns", "add", probe); err != nil {
		return "no network namespaces"
	}
	defer func() { _ = tool("ip", "netns", "delete", probe) }()
	if err := tool("ip", "link", "add", probe, "type", "veth", "peer", "name", probe+"p"); err != nil {
		return "no virtual network cards"
	}
	_ = tool("ip", "link", "delete", probe)
	return ""
}

// layCable makes a namespace and takes it away with the scene.
func (s *scene) layCable() (*cable, error) {
	sweepNamespaces()
	name := fmt.Sprintf("yf%d", os.Getpid())
	c := &cable{namespace: name, here: name + "a", there: name + "b", hubSide: "198.18.77.1", kioskSide: "198.18.77.2"}
	s.defers(func() {
		_ = tool("ip", "link", "delete", c.here)
		_ = tool("ip", "netns", "delete", c.namespace)
	})
	for _, line := range []string{
		"netns add " + c.namespace,
		"link add " + c.here + " type veth peer name " + c.there,
		"link set " + c.there + " netns " + c.namespace,
		"addr add " + c.hubSide + "/30 dev " + c.here,
		"link set " + c.here + " up",
		"-n " + c.namespace + " addr add " + c.kioskSide + "/30 dev " + c.there,
		"-n " + c.namespace + " link set " + c.there + " up",
	} {
		if err := tool("ip", strings.Fields(line)...); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// pull takes the terminal's end out; nobody is told.
func (c *cable) pull() error {
	return tool("ip", "-n", c.namespace, "link", "set", c.there, "down")
}

func (c *cable) plug() error { return tool("ip", "-n", c.namespace, "link", "set", c.there, "up") }

// sweepNamespaces removes what a rig has left that was killed.
func sweepNamespaces() {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return
	}
	for _, line := range strings.Split(string(out), "\n") {
		name, _, _ := strings.Cut(line, " ")
		pid, ours := strings.CutPrefix(name, "yf")
		if _, err := os.Stat("/proc/" + pid); ours && pid != "" && err != nil {
			_ = tool("ip", "netns", "delete", name)
		}
	}
}

// pullCable measures the half-open line on real network cards.
func pullCable(ctx context.Context, s *scene) error {
	c, err := s.layCable()
	if err != nil {
		return err
	}
	s.addKiosks(1, s.dir)
	h, err := s.newHub(ctx, "hub", hubSettings{listen: c.hubSide})
	if err != nil {
		return err
	}
	s.defers(h.end)
	if err := h.run(ctx); err != nil {
		return err
	}
	order := s.order("ws://"+h.address+protocol.Path, "k", s.kiosks[0])
	order.Pause = 20 * time.Millisecond
	k, err := s.startKiosk(ctx, order, "ip", "netns", "exec", c.namespace)
	if err != nil {
		return err
	}
	for range s.times(1, 5) {
		if err := s.halfOpen(ctx, h, k, 0, c.pull, c.plug); err != nil {
			return err
		}
	}
	if err := k.finish(ctx); err != nil {
		return err
	}
	return s.judge(ctx, h.dsn)
}
