package store

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// testOrders is part of what every database must do.
var testOrders = map[string]func(*testing.T, *Store){
	"an order waits, begins and ends": func(t *testing.T, s *Store) {
		id := give(t, s, "a", protocol.CommandReopen)
		got := pending(t, s)
		if len(got) != 1 || got[0].ID != id || got[0].Kiosk != "a" || got[0].State != protocol.CommandWaiting || got[0].Args["device"] != "printer" {
			t.Fatalf("pending %+v", got)
		}
		if _, err := s.GiveCommand(t.Context(), Command{Kiosk: "a", GivenBy: "wang", Command: got[0].Command}, "::1"); !errors.Is(err, ErrExists) {
			t.Errorf("the same order while it is under way: %v", err)
		}
		steps := []struct {
			state   protocol.CommandState
			changed bool
		}{{protocol.CommandBegun, true}, {protocol.CommandBegun, false}, {protocol.CommandDone, true},
			{protocol.CommandDone, false}, {protocol.CommandBegun, false}, {protocol.CommandFailed, false}}
		for _, step := range steps {
			changed, err := s.ReportCommand(t.Context(), "a", protocol.Report{Command: id, State: step.state, Detail: "said " + string(step.state) + "\x00"})
			if err != nil || changed != step.changed {
				t.Errorf("%s: changed %v, %v", step.state, changed, err)
			}
		}
		if got := pending(t, s); len(got) != 0 {
			t.Errorf("an ended order is pending: %+v", got)
		}
		all, err := s.Commands(t.Context(), "a", 5)
		if err != nil || len(all) != 1 || all[0].State != protocol.CommandDone || all[0].Detail != "said done\uFFFD" || all[0].GivenBy != "li" {
			t.Errorf("orders %+v, %v", all, err)
		}
		if rows, err := s.Audits(t.Context(), id, 5); err != nil || len(rows) != 1 || rows[0].Action != "command.given" || rows[0].User != "li" {
			t.Errorf("audit %+v, %v", rows, err)
		}
	},
	"another terminal's order is not to be reported on": func(t *testing.T, s *Store) {
		id := give(t, s, "a", protocol.CommandRestart)
		for kiosk, order := range map[string]string{"b": id, "a": "01NOSUCH"} {
			if _, err := s.ReportCommand(t.Context(), kiosk, protocol.Report{Command: order, State: protocol.CommandDone}); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s on %s: %v", kiosk, order, err)
			}
		}
		if _, err := s.GiveCommand(t.Context(), Command{Kiosk: "nobody", Command: protocol.Command{Name: protocol.CommandStatus}}, ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("order to nobody: %v", err)
		}
	},
	"an order is taken back only while it waits": func(t *testing.T, s *Store) {
		first, second := give(t, s, "a", protocol.CommandStatus), give(t, s, "b", protocol.CommandStatus)
		if _, err := s.ReportCommand(t.Context(), "b", protocol.Report{Command: second, State: protocol.CommandBegun}); err != nil {
			t.Fatal(err)
		}
		if err := s.WithdrawCommand(t.Context(), first, "wang", "::1"); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{first, second, "01NOSUCH"} {
			if err := s.WithdrawCommand(t.Context(), id, "wang", "::1"); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", id, err)
			}
		}
		if rows, _ := s.Audits(t.Context(), first, 5); len(rows) != 2 || rows[0].Action != "command.withdrawn" || rows[0].User != "wang" {
			t.Errorf("audit %+v", rows)
		}
		// It was on its way already: what the terminal did is what counts.
		if changed, err := s.ReportCommand(t.Context(), "a", protocol.Report{Command: first, State: protocol.CommandDone}); err != nil || !changed {
			t.Errorf("word of a withdrawn order that was run: %v, %v", changed, err)
		}
	},
	"orders keep their order": func(t *testing.T, s *Store) {
		var want []string
		for i := range 20 { // all in the same millisecond
			id, err := s.GiveCommand(t.Context(), Command{Kiosk: "a", Command: protocol.Command{
				Name: protocol.CommandReopen, Args: map[string]string{"device": fmt.Sprint(i)}, Expires: s.now().Add(time.Hour)}}, "")
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, id)
		}
		var got []string
		for _, c := range pending(t, s) {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pending %v, given %v", got, want)
		}
		if all, err := s.Commands(t.Context(), "a", 1); err != nil || len(all) != 1 || all[0].ID != want[19] {
			t.Errorf("newest %+v, %v", all, err)
		}
	},
	"an order that nobody fetches expires": func(t *testing.T, s *Store) {
		late, begun := give(t, s, "a", protocol.CommandRestart), give(t, s, "b", protocol.CommandRestart)
		if _, err := s.ReportCommand(t.Context(), "b", protocol.Report{Command: begun, State: protocol.CommandBegun}); err != nil {
			t.Fatal(err)
		}
		if kiosks, err := s.ExpireCommands(t.Context()); err != nil || len(kiosks) != 0 {
			t.Fatalf("closed in time: %v, %v", kiosks, err)
		}
		real := s.now
		s.now = func() time.Time { return real().Add(20 * time.Minute) }
		if kiosks, err := s.ExpireCommands(t.Context()); err != nil || !slices.Equal(kiosks, []string{"a"}) {
			t.Errorf("closed %v, %v", kiosks, err)
		}
		if got := pending(t, s); len(got) != 1 || got[0].ID != begun {
			t.Errorf("pending %+v", got)
		}
		if changed, err := s.ReportCommand(t.Context(), "a", protocol.Report{Command: late, State: protocol.CommandExpired}); err != nil || changed {
			t.Errorf("the terminal agrees: %v, %v", changed, err)
		}
		if changed, err := s.ReportCommand(t.Context(), "a", protocol.Report{Command: late, State: protocol.CommandInterrupted}); err != nil || !changed {
			t.Errorf("it had begun in time: %v, %v", changed, err)
		}
		give(t, s, "b", protocol.CommandRestart) // one that has outlived its time bars no new one
	},
	"an order whose end nobody hears of is closed, and its terminal's later word counts more": func(t *testing.T, s *Store) {
		report := func(id string, state protocol.CommandState, want bool) {
			t.Helper()
			changed, err := s.ReportCommand(t.Context(), "a", protocol.Report{Command: id, State: state, Detail: "own words"})
			if err != nil || changed != want {
				t.Errorf("%s: changed %v, %v", state, changed, err)
			}
		}
		id := give(t, s, "a", protocol.CommandRestart)
		report(id, protocol.CommandBegun, true)
		real := s.now
		for _, c := range []struct {
			after time.Duration
			want  []string
		}{{10*time.Minute + unreportedFor - time.Second, nil}, {10*time.Minute + unreportedFor, []string{"a"}}, {24 * time.Hour, nil}} {
			s.now = func() time.Time { return real().Add(c.after) }
			for _, one := range pending(t, s) {
				if one.Late(s.now()) != (c.want != nil) {
					t.Errorf("after %v: late %v", c.after, one.Late(s.now()))
				}
			}
			if kiosks, err := s.ExpireCommands(t.Context()); err != nil || !slices.Equal(kiosks, c.want) {
				t.Errorf("after %v: closed %v, %v", c.after, kiosks, err)
			}
		}
		state := func() Command {
			t.Helper()
			all, err := s.Commands(t.Context(), "a", 1)
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			return all[0]
		}
		if got := state(); got.State != protocol.CommandInterrupted || got.Detail != Unreported || len(pending(t, s)) != 0 {
			t.Errorf("closed as %+v", got)
		}
		report(id, protocol.CommandBegun, false)
		report(id, protocol.CommandDone, true)
		report(id, protocol.CommandFailed, false)
		if got := state(); got.State != protocol.CommandDone || got.Detail != "own words" {
			t.Errorf("reported as %+v", got)
		}
		id = give(t, s, "a", protocol.CommandStatus)
		report(id, protocol.CommandInterrupted, true) // by the terminal itself: that is the end
		report(id, protocol.CommandDone, false)
	},
	"an attachment comes piece by piece": func(t *testing.T, s *Store) {
		data := bytes.Repeat([]byte("0123456789"), 1000)
		sum := record.Hash(sm3.Sum(data))
		other := []byte("signature")
		name(t, s, "a", record.BlobRef{Hash: sum, Bytes: 10000, Role: record.BlobCardPhoto, Media: "image/x"},
			record.BlobRef{Hash: sm3.Sum(other), Bytes: 9, Role: record.BlobSignature})
		list := func() []AttachedBlob {
			t.Helper()
			got, err := s.AttachedBlobs(t.Context(), "a", withBlobs)
			if err != nil || len(got) != 2 || got[0].Role != record.BlobCardPhoto || got[1].Role != record.BlobSignature {
				t.Fatalf("attachments %+v, %v", got, err)
			}
			return got
		}
		piece := func(from, to int) Chunk {
			return Chunk{Kiosk: "a", Hash: sum, Bytes: 10000, Offset: int64(from), Data: data[from:to]}
		}
		if got := put(t, s, piece(0, 0)); got.Have != 0 || got.Err != nil {
			t.Errorf("asked before the first piece: %+v", got)
		}
		if _, _, err := s.Blob(t.Context(), "a", sum); !errors.Is(err, ErrNotFound) {
			t.Errorf("read before it is there: %v", err)
		}
		for _, c := range []struct{ from, to, have int }{
			{0, 4000, 4000}, {0, 4000, 4000}, {2000, 6000, 4000}, {9000, 10000, 4000}, // again, overlapping, ahead
			{4000, 8000, 8000}, {8000, 8000, 8000}, {8000, 10000, 10000}, {8000, 10000, 10000}, {0, 0, 10000},
		} {
			if got := put(t, s, piece(c.from, c.to)); got.Have != int64(c.have) || got.Err != nil {
				t.Errorf("%d to %d: %+v, want %d", c.from, c.to, got, c.have)
			}
		}
		if got := list(); got[0].Have != 10000 || got[0].Complete.IsZero() || got[1].Have != 0 || !got[1].Complete.IsZero() {
			t.Errorf("attachments %+v", got)
		}
		r, size, err := s.Blob(t.Context(), "a", sum)
		if err != nil || size != 10000 {
			t.Fatal(size, err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		if _, _, err := s.Blob(t.Context(), "b", sum); !errors.Is(err, ErrNotFound) {
			t.Errorf("another terminal's: %v", err)
		}
	},
	"an attachment that is not what it says is forgotten": func(t *testing.T, s *Store) {
		good := []byte("as it was sealed")
		c := Chunk{Kiosk: "a", Hash: sm3.Sum(good), Bytes: int64(len(good)), Data: []byte("as it was healed")}
		first, second := c, c
		first.Data, second.Data, second.Offset = c.Data[:4], c.Data[4:], 4
		put(t, s, first)
		if got := put(t, s, second); got.Have != 0 || !errors.Is(got.Err, ErrWrongHash) {
			t.Errorf("wrong content: %+v", got)
		}
		if count(t, s, "blobs") != 0 || count(t, s, "blob_chunks") != 0 {
			t.Error("something of it is kept")
		}
		c.Data = good
		if got := put(t, s, c); got.Have != c.Bytes || got.Err != nil {
			t.Errorf("right content: %+v", got)
		}
	},
	"a wrong size bars nobody": func(t *testing.T, s *Store) {
		data := []byte("the content")
		c := Chunk{Kiosk: "a", Hash: sm3.Sum(data), Bytes: int64(len(data)), Data: data}
		wrong := c
		wrong.Bytes = 1000
		put(t, s, wrong)
		if got := put(t, s, c); !errors.Is(got.Err, ErrMisfit) {
			t.Errorf("another size that no record names: %+v", got)
		}
		name(t, s, "a", record.BlobRef{Hash: c.Hash, Bytes: c.Bytes})
		if got := put(t, s, c); got.Err != nil || got.Have != c.Bytes {
			t.Errorf("the size that a record names: %+v", got)
		}
		if got := put(t, s, wrong); !errors.Is(got.Err, ErrMisfit) || got.Have != c.Bytes {
			t.Errorf("and then the wrong one: %+v", got)
		}
	},
	"one piece that cannot be kept fails alone": func(t *testing.T, s *Store) {
		ctx := t.Context()
		guilty := Chunk{Kiosk: "a", Hash: record.Hash{1}, Bytes: 9, Data: []byte("1234")}
		put(t, s, guilty)
		// A leftover where its next piece belongs.
		_, err := s.write.ExecContext(ctx, `INSERT INTO blob_chunks (kiosk, hash, start, data) VALUES ('a', $1, 4, $2)`, guilty.Hash.String(), []byte{})
		if err != nil {
			t.Fatal(err)
		}
		guilty.Offset = 4
		good := Chunk{Kiosk: "b", Hash: record.Hash{2}, Bytes: 9, Data: []byte("1234")}
		misfit := Chunk{Kiosk: "a", Hash: guilty.Hash, Bytes: 8, Data: []byte("1234")}
		out := s.PutChunks(ctx, []Chunk{guilty, good, misfit})
		if out[0].Err == nil || refusal(out[0].Err) || out[1] != (Stored{Have: 4}) || !errors.Is(out[2].Err, ErrMisfit) {
			t.Errorf("%+v", out)
		}
		// Trouble of the store never passes for a refusal, which would be for ever.
		if _, err := s.write.ExecContext(ctx, `DROP TABLE attachments`); err != nil {
			t.Fatal(err)
		}
		if got := put(t, s, misfit); got.Err == nil || refusal(got.Err) {
			t.Errorf("%+v", got)
		}
	},
	"what no record names has bounds and is forgotten": func(t *testing.T, s *Store) {
		stray := func(kiosk string, i byte) Chunk {
			return Chunk{Kiosk: kiosk, Hash: record.Hash{i}, Bytes: 16 << 20, Data: []byte{i}}
		}
		for i := range byte(4) {
			if got := put(t, s, stray("a", i+1)); got.Err != nil {
				t.Fatal(got.Err)
			}
		}
		if got := put(t, s, stray("a", 9)); !errors.Is(got.Err, ErrStray) {
			t.Errorf("the fifth: %+v", got)
		}
		if got := put(t, s, stray("b", 9)); got.Err != nil {
			t.Errorf("another terminal: %+v", got)
		}
		name(t, s, "a", record.BlobRef{Hash: record.Hash{1}, Bytes: 16 << 20})
		if got := put(t, s, stray("a", 9)); got.Err != nil {
			t.Errorf("one of the four is no stray any more: %+v", got)
		}
		if n, err := s.ForgetStrays(t.Context(), s.now()); err != nil || n != 0 {
			t.Errorf("forgot %d, %v", n, err)
		}
		if n, err := s.ForgetStrays(t.Context(), s.now().Add(time.Millisecond)); err != nil || n != 5 {
			t.Errorf("forgot %d, %v", n, err)
		}
		if n := count(t, s, "blob_chunks"); n != 1 {
			t.Errorf("%d pieces left", n)
		}
	},
	"strays are bounded in number, too": func(t *testing.T, s *Store) {
		stray := func(i int) Chunk {
			return Chunk{Kiosk: "a", Hash: record.Hash{1, byte(i >> 8), byte(i)}, Bytes: 2, Data: []byte{1}}
		}
		put(t, s, stray(0))
		const room = MaxStray / (strayLeast + 2)
		err := s.transact(t.Context(), func(tx *sql.Tx) error { // as if each had come by itself, but sooner
			for i := 1; i < room-1; i++ {
				if _, err := tx.ExecContext(t.Context(), `INSERT INTO blobs (kiosk, hash, bytes, have, digest, stray, begun_at)
					SELECT kiosk, $1, bytes, have, digest, stray, begun_at FROM blobs WHERE hash = $2`,
					stray(i).Hash.String(), stray(0).Hash.String()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := put(t, s, stray(room-1)); got.Err != nil {
			t.Errorf("the last that there is room for: %+v", got)
		}
		if got := put(t, s, stray(room)); !errors.Is(got.Err, ErrStray) {
			t.Errorf("one too many: %+v", got)
		}
	},
	"headers that make no sense are committed all the same": func(t *testing.T, s *Store) {
		for i, header := range []string{`{"blobs":7}`, `{"blobs":[{"hash":"00"}]}`, `{"blobs":[{}]}`, `not "blobs" of JSON`} {
			e := record.Entry{Seq: 1, Kind: record.KindApplication, ID: "01X", Header: []byte(header)}
			epoch := record.Epoch{byte(i + 1)}
			e.Hash = e.Sum(epoch)
			out := mustCommit(t, s, Batch{Kiosk: "a", Fence: attach(t, s, "a"), Epoch: epoch, Entries: []record.Entry{e}})
			if out[0].Err != nil || out[0].Have != 1 {
				t.Errorf("%s: %+v", header, out[0])
			}
		}
		if n := count(t, s, "attachments"); n != 0 {
			t.Errorf("%d attachments", n)
		}
	},
	"troubles raise alarms and end them": func(t *testing.T, s *Store) {
		fence := attach(t, s, "a")
		say := func(all ...protocol.Trouble) {
			t.Helper()
			fenced, err := s.SaveConditions(t.Context(), []Condition{{Kiosk: "a", Fence: fence, Seen: s.now(), At: s.now(), Status: []byte(`{}`), Troubles: all}})
			if err != nil || len(fenced) > 0 {
				t.Fatal(fenced, err)
			}
		}
		open := func() (refs []string) {
			t.Helper()
			all, err := s.OpenAlarms(t.Context(), 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range all {
				if a.Kind != AlarmTrouble || a.Times != 1 && a.Ref == string(protocol.TroubleSetAside) {
					t.Errorf("alarm %+v", a)
				}
				refs = append(refs, a.Ref)
			}
			slices.Sort(refs)
			return refs
		}
		expect := func(want ...string) {
			t.Helper()
			if got := open(); !slices.Equal(got, want) {
				t.Errorf("open %v, want %v", got, want)
			}
		}
		clear := func(ref protocol.Trouble) {
			t.Helper()
			all, _ := s.OpenAlarms(t.Context(), 10)
			i := slices.IndexFunc(all, func(a Alarm) bool { return a.Ref == string(ref) })
			if err := s.ClearAlarm(t.Context(), all[i].ID, "li", "::1"); err != nil {
				t.Fatal(err)
			}
		}
		say(protocol.TroubleWrite, protocol.TroubleSetAside)
		say(protocol.TroubleWrite, protocol.TroubleSetAside)
		expect("outbox.set-aside", "outbox.write")
		say(protocol.TroubleSetAside, "glowing")
		expect("glowing", "outbox.set-aside")
		if _, err := s.SaveConditions(t.Context(), []Condition{{Kiosk: "a", Fence: fence, Seen: s.now()}, // says nothing new
			{Kiosk: "b", Fence: 7, Status: []byte(`{}`), Troubles: []protocol.Trouble{protocol.TroubleClock}}}); err != nil { // fenced
			t.Fatal(err)
		}
		expect("glowing", "outbox.set-aside")
		clear(protocol.TroubleSetAside)
		clear("glowing")
		say(protocol.TroubleSetAside, "glowing")
		expect("glowing") // the person said done, and it is not
		say()
		expect()
		say(protocol.TroubleSetAside)
		all, err := s.OpenAlarms(t.Context(), 10)
		if err != nil || len(all) != 1 || all[0].Ref != "outbox.set-aside" || all[0].Times != 2 {
			t.Errorf("set aside once more: %+v, %v", all, err)
		}
		say() // it stays until a person has seen to it
		if all, _ := s.OpenAlarms(t.Context(), 10); len(all) != 1 {
			t.Errorf("open %+v", all)
		}
	},
	"invented troubles do not fill the store": func(t *testing.T, s *Store) {
		fence := attach(t, s, "a")
		for i := range 5 {
			c := Condition{Kiosk: "a", Fence: fence, Status: []byte(`{}`)}
			for j := range 20 {
				c.Troubles = append(c.Troubles, protocol.Trouble(fmt.Sprint("invented.", i, ".", j)))
			}
			if _, err := s.SaveConditions(t.Context(), []Condition{c}); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, s, "alarms"); n != maxTroubles+1 {
			t.Errorf("%d alarms", n)
		}
	},
	"device events are kept in order": func(t *testing.T, s *Store) {
		mustCommit(t, s, Batch{Kiosk: "a", Fence: attach(t, s, "a"), Epoch: testEpoch, Entries: chain(3)})
		all, err := s.After(t.Context(), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		var run []Projection
		for i, state := range []string{"online", "userError", "online\x00"} {
			run = append(run, Projection{Entry: all[i], Device: &record.DeviceEvent{ID: all[i].Entry.ID, Device: "printer", Class: "printer",
				State: state, Reason: "paper.out", Clock: record.Clock{Wall: time.UnixMilli(int64(i + 1))}}})
		}
		if err := s.Project(t.Context(), "p", 0, run); err != nil {
			t.Fatal(err)
		}
		got, err := s.DeviceEvents(t.Context(), "a", 2)
		if err != nil || len(got) != 2 || got[1].State != "userError" || !got[0].Happened.Equal(time.UnixMilli(3)) || got[0].Committed.IsZero() {
			t.Errorf("events %+v, %v", got, err)
		}
	},
	"a person's applications are found by the tag": func(t *testing.T, s *Store) {
		mustCommit(t, s, Batch{Kiosk: "a", Fence: attach(t, s, "a"), Epoch: testEpoch, Entries: chain(4)})
		all, err := s.After(t.Context(), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		var run []Projection
		for i, tag := range []string{"x", "", "x", "y"} {
			run = append(run, Projection{Entry: all[i], Application: &Application{ID: all[i].Entry.ID, Applicant: tag}})
		}
		if err := s.Project(t.Context(), "p", 0, run); err != nil {
			t.Fatal(err)
		}
		got, err := s.ApplicationsByApplicant(t.Context(), "x", 10)
		if err != nil || len(got) != 2 || got[0].Pos != 3 || got[0].Result != protocol.ResultReceived {
			t.Fatalf("applications %+v, %v", got, err)
		}
		if got, err := s.ApplicationsByApplicant(t.Context(), "", 10); err != nil || len(got) != 0 {
			t.Errorf("nobody's: %+v, %v", got, err)
		}
		at := time.UnixMilli(1_790_000_000_000)
		if _, err := s.SaveResult(t.Context(), Result{Application: got[0].ID, State: protocol.ResultNeedsMore, Reason: "缺一页", At: at}); err != nil {
			t.Fatal(err)
		}
		if a, err := s.Application(t.Context(), got[0].ID); err != nil || a.Result != protocol.ResultNeedsMore || a.ResultReason != "缺一页" || !a.ResultAt.Equal(at) {
			t.Errorf("with a result: %+v, %v", a, err)
		}
		old, err := s.Untagged(t.Context(), 10)
		if err != nil || len(old) != 1 || old[0].Pos != 2 {
			t.Fatalf("untagged %+v, %v", old, err)
		}
		if err := s.Tag(t.Context(), map[int64]string{2: "y", 3: "stolen"}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.ApplicationsByApplicant(t.Context(), "y", 1); err != nil || len(got) != 1 || got[0].Pos != 4 {
			t.Errorf("newest of two: %+v, %v", got, err)
		}
		if got, _ := s.ApplicationsByApplicant(t.Context(), "x", 10); len(got) != 2 {
			t.Error("a tag was changed")
		}
	},
}

// withBlobs is the record that name commits.
const withBlobs = "01WITHBLOBS"

// name commits an entry of a terminal whose header names attachments.
func name(t *testing.T, s *Store, kiosk string, blobs ...record.BlobRef) {
	t.Helper()
	header, err := json.Marshal(record.Header{Application: withBlobs, Blobs: blobs})
	if err != nil {
		t.Fatal(err)
	}
	e := record.Entry{Seq: 1, Kind: record.KindApplication, ID: withBlobs, Header: header}
	e.Hash = e.Sum(testEpoch)
	if out := mustCommit(t, s, Batch{Kiosk: kiosk, Fence: attach(t, s, kiosk), Epoch: testEpoch, Entries: []record.Entry{e}}); out[0].Err != nil {
		t.Fatal(out[0].Err)
	}
}

func put(t *testing.T, s *Store, c Chunk) Stored {
	t.Helper()
	return s.PutChunks(t.Context(), []Chunk{c})[0]
}

func give(t *testing.T, s *Store, kiosk string, what protocol.CommandName) string {
	t.Helper()
	id, err := s.GiveCommand(t.Context(), Command{Kiosk: kiosk, GivenBy: "li", Command: protocol.Command{
		Name: what, Args: map[string]string{"device": "printer"}, Expires: s.now().Add(10 * time.Minute)}}, "::1")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func pending(t *testing.T, s *Store) []Command {
	t.Helper()
	all, err := s.PendingCommands(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}
