package simulator

import (
	"bytes"
	"context"
	"image/png"
	"net"
	"path/filepath"
	"testing"
	"time"
)

func TestControlSocketWorksTheBench(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, l) }()
	c, err := Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	do := func(q Request) Response {
		t.Helper()
		r, err := c.Do(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := do(Request{Do: "lay", Card: "longterm"}); r.State.Card != "longterm" {
		t.Errorf("%+v", r.State)
	}
	if r := do(Request{Do: "paper", Paper: "out"}); r.State.Printer.Paper {
		t.Errorf("%+v", r.State)
	}
	if r := do(Request{Do: "unplug", Device: "printer"}); len(r.State.Unplugged) != 1 {
		t.Errorf("%+v", r.State)
	}
	do(Request{Do: "fault", Device: "idcard", Faults: []byte(`{"photoGap":"900ms","chunk":7}`)})
	if f := b.Reader.Faults(); f.PhotoGap.D() != 900*time.Millisecond || f.Chunk != 7 {
		t.Errorf("%+v", f)
	}
	if r := do(Request{Do: "image"}); !isPNG(r.PNG) {
		t.Error("no picture")
	}
	for _, bad := range []Request{
		{Do: "dance"}, {Do: "lay", Card: "nobody"}, {Do: "press", Level: 6}, {Do: "unplug", Device: "toaster"},
		{Do: "fault", Device: "idcard", Faults: []byte(`{"chnuk":7}`)}, {Do: "paper", Paper: "blue"},
	} {
		if _, err := c.Do(ctx, bad); err == nil {
			t.Errorf("%+v accepted", bad)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	c.Close()
}

func isPNG(p []byte) bool {
	_, err := png.Decode(bytes.NewReader(p))
	return err == nil
}

func TestBadConfigIsRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"width": {Dir: t.TempDir(), Width: 70}, "kind": {Dir: t.TempDir(), Evaluator: "morse"},
		"font": {Dir: t.TempDir(), Font: []byte("x")}, "buffer": {Dir: t.TempDir(), Buffer: -1},
	} {
		if b, err := New(c); err == nil {
			b.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}
