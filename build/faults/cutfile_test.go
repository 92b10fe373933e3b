package main

import (
	"bytes"
	"syscall"
	"testing"
)

func TestPulledPlugKeepsWhatWasFlushed(t *testing.T) {
	whole, torn, gone := 0, 0, 0
	for seed := range uint64(200) {
		f := newCutFile(make([]byte, 4*pageBytes))
		ctx := t.Context()
		first, second := bytes.Repeat([]byte{1}, pageBytes), bytes.Repeat([]byte{2}, pageBytes)
		if _, errno := f.Write(ctx, nil, first, 0); errno != 0 {
			t.Fatal(errno)
		}
		if seed < 5 { // a flush takes its time
			if errno := f.Fsync(ctx, nil, 0); errno != 0 {
				t.Fatal(errno)
			}
		} else {
			f.flushed, f.pending = append([]byte(nil), f.now...), nil
		}
		if _, errno := f.Write(ctx, nil, second, pageBytes); errno != 0 {
			t.Fatal(errno)
		}
		image, _ := f.pullPlug(seeded(seed))
		if !bytes.Equal(image[:pageBytes], first) {
			t.Fatalf("seed %d: a flushed page is gone", seed)
		}
		switch n := bytes.Count(image[pageBytes:], []byte{2}); n {
		case 0:
			gone++
		case pageBytes:
			whole++
		default:
			if torn++; n%sectorBytes != 0 {
				t.Fatalf("seed %d: %d bytes of a page, torn inside a sector", seed, n)
			}
		}
		if _, errno := f.Write(ctx, nil, first, 0); errno != syscall.EIO {
			t.Fatalf("written without power: %v", errno)
		}
		if errno := f.Fsync(ctx, nil, 0); errno != syscall.EIO {
			t.Fatalf("flushed without power: %v", errno)
		}
	}
	if whole == 0 || torn == 0 || gone == 0 {
		t.Errorf("%d whole, %d torn, %d gone: one of them never happens", whole, torn, gone)
	}
}
