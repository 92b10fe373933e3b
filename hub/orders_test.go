package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"yeban/sync/command"
	"yeban/sync/protocol"
)

// anOrderReachesItsTerminal: given at the console of one hub, run by a terminal that is
// connected to another, reported, and run once whatever happens between.
func anOrderReachesItsTerminal(c *cluster) {
	t := c.t
	a, b := c.start("a"), c.start("b")
	lb := startBalancer(t, a.address())
	var runs atomic.Int64
	begun, goOn := make(chan struct{}), make(chan struct{})
	notebook := startNotebook(t, func(ctx context.Context) error {
		if runs.Add(1) != 2 {
			return nil
		}
		close(begun)
		select {
		case <-goOn:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	k := c.startKiosk(1, lb, notebook)
	eventually(t, "the terminal at the first hub", func() bool { return k.link.State().Connected })
	desk := c.logIn(b)
	ended := func(n int) func() bool { return func() bool { return c.done(k, n) } }

	desk.order(k.id, protocol.CommandStatus)
	t.Logf("given at one hub, done at the other after %v", eventually(t, "the first order", ended(1)))

	desk.order(k.id, protocol.CommandStatus)
	select {
	case <-begun:
	case <-time.After(patience):
		t.Fatal("the second order does not arrive")
	}
	a.kill(t)
	lb.set(b.address())
	eventually(t, "the terminal at the second hub", func() bool { return lb.at(b.address()) == 1 && k.link.State().Connected })
	close(goOn)
	eventually(t, "the second order", ended(2))

	// Nobody hints now: hubs look for orders by themselves.
	c.bus.Shutdown()
	c.bus.WaitForShutdown()
	desk.order(k.id, protocol.CommandStatus)
	t.Logf("with the bus dead done after %v", eventually(t, "the third order", ended(3)))
	if n := runs.Load(); n != 3 {
		t.Errorf("3 orders were run %d times", n)
	}

	late := c.start("c") // a hub starts without the bus, too
	if text, err := os.ReadFile(late.log); err != nil || !bytes.Contains(text, []byte("bus is away; readers poll")) {
		t.Errorf("a hub without its bus says\n%s%v", text, err)
	}
}

// startNotebook is where a terminal notes its orders; do is what it does for STATUS.
func startNotebook(t *testing.T, do func(context.Context) error) *command.Notebook {
	t.Helper()
	notebook, err := command.Open(command.Config{Dir: t.TempDir(), Actions: map[protocol.CommandName]command.Action{
		protocol.CommandStatus: {Do: func(ctx context.Context, _ map[string]string) error { return do(ctx) }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- notebook.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, notebook.Close()); err != nil {
			t.Error(err)
		}
	})
	return notebook
}

// done tells whether a terminal has had so many orders, and the last is done.
func (c *cluster) done(k *kiosk, n int) bool {
	orders, err := c.store.Commands(c.t.Context(), k.id, 10)
	if err != nil {
		c.t.Fatal(err)
	}
	return len(orders) == n && orders[0].State == protocol.CommandDone
}

// logIn makes somebody who may, and has them log in at one hub.
func (c *cluster) logIn(at *member) *desk {
	c.t.Helper()
	const password = "a-long-test-password"
	if code, _, errs := hubWith(c.t, password+"\n", "--config", filepath.Join(c.dir, "a", "hub.yaml"), "user", "add", "li", "--password-stdin"); code != 0 {
		c.t.Fatal(errs)
	}
	return logIn(c.t, at.url, "li", password)
}

// desk is somebody at the console of one hub.
type desk struct {
	t      *testing.T
	url    string
	client *http.Client
}

func logIn(t *testing.T, url, name, password string) *desk {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t, url, &http.Client{Jar: jar, Timeout: patience}}
	d.post("/login", "name", name, "password", password)
	return d
}

func (d *desk) post(path string, form ...string) {
	d.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	r, err := d.client.PostForm(d.url+path, values)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: %s", path, r.Status)
	}
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (d *desk) order(kiosk string, name protocol.CommandName) {
	d.t.Helper()
	r, err := d.client.Get(d.url + "/terminals/" + kiosk)
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	page, err := io.ReadAll(r.Body)
	found := csrfField.FindSubmatch(page)
	if err != nil || found == nil {
		d.t.Fatalf("the terminal's page has no form (%s, %v)", r.Status, err)
	}
	d.post("/terminals/"+kiosk+"/commands", "csrf", string(found[1]), "name", string(name))
}
