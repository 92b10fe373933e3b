package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

func benchStore(b *testing.B, kiosks int) *Store {
	b.Helper()
	s, err := Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "b.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	for i := range kiosks {
		if err := s.AddKiosk(b.Context(), Kiosk{ID: fmt.Sprint("k", i), Number: i + 1}, fmt.Sprint(i), false); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkPending is one look for orders, with one waiting for each of many terminals.
func BenchmarkPending(b *testing.B) {
	for _, kiosks := range []int{10, 18000} {
		b.Run(fmt.Sprint("terminals", kiosks), func(b *testing.B) {
			s := benchStore(b, kiosks)
			for i := range kiosks {
				_, err := s.GiveCommand(b.Context(), Command{Kiosk: fmt.Sprint("k", i), GivenBy: "li",
					Command: protocol.Command{Name: protocol.CommandStatus, Expires: time.Now().Add(time.Hour)}}, "")
				if err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if all, err := s.PendingCommands(b.Context()); err != nil || len(all) != kiosks {
					b.Fatal(len(all), err)
				}
			}
		})
	}
}

// BenchmarkConditions is one flush of 600 terminals' STATUS: of 18,000, each 30 s.
func BenchmarkConditions(b *testing.B) {
	for name, troubles := range map[string][]protocol.Trouble{"well": nil, "troubled": {protocol.TroubleClock, protocol.TroubleBackup}} {
		b.Run(name, func(b *testing.B) {
			const kiosks = 600
			s := benchStore(b, kiosks)
			all := make([]Condition, kiosks)
			for i := range all {
				id := fmt.Sprint("k", i)
				a, err := s.Attach(b.Context(), Claim{Kiosk: id, Epoch: testEpoch})
				if err != nil {
					b.Fatal(err)
				}
				all[i] = Condition{Kiosk: id, Fence: a.Fence, Status: []byte(`{"visit":"home"}`), Troubles: troubles}
			}
			for b.Loop() {
				if _, err := s.SaveConditions(b.Context(), all); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkChunks stores pieces of 32 KB, a transaction of so many at a time.
func BenchmarkChunks(b *testing.B) {
	for _, each := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("pieces", each), func(b *testing.B) {
			s := benchStore(b, each)
			data := make([]byte, 32<<10)
			const pieces = 32 // of an attachment, whose hash is found wrong in the end
			b.SetBytes(int64(each * len(data)))
			for n := 0; b.Loop(); n++ {
				all := make([]Chunk, each)
				for i := range all {
					all[i] = Chunk{Kiosk: fmt.Sprint("k", i), Hash: record.Hash{1}, Bytes: pieces * int64(len(data)),
						Offset: int64(n%pieces) * int64(len(data)), Data: data}
				}
				if out := s.PutChunks(b.Context(), all); out[0].Err != nil {
					b.Fatal(out[0].Err)
				}
			}
		})
	}
}
