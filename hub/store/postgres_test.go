package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"yeban/sync/record"
)

// postgresBin is where Debian's postgresql-15 puts its programs.
const postgresBin = "/usr/lib/postgresql/15/bin/"

const patience = 60 * time.Second

// server is a real PostgreSQL on a Unix socket of its own.
type server struct {
	t     testing.TB
	dir   string // data folder, socket, log
	as    *syscall.SysProcAttr
	more  []string // settings, as name=value
	cmd   *exec.Cmd
	ended chan struct{} // cmd has
}

// newServer makes an empty data folder. PostgreSQL refuses to run as root: root's tests
// run it as the user that the Debian package made.
func newServer(t testing.TB, settings ...string) *server {
	t.Helper()
	if _, err := os.Stat(postgresBin + "postgres"); err != nil {
		t.Fatalf("this test needs a real PostgreSQL: install Debian's postgresql-15 (%v)", err)
	}
	dir, err := os.MkdirTemp("", "yeban-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: dir, as: &syscall.SysProcAttr{}, more: settings}
	t.Cleanup(func() { s.stop(syscall.SIGQUIT); os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		who, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(who.Uid, 10, 32)
		gid, _ := strconv.ParseUint(who.Gid, 10, 32)
		s.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// program runs one of PostgreSQL's programs to its end.
func (s *server) program(name string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(postgresBin+name, args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Env = s.dir, s.as, []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func (s *server) initialise() {
	s.t.Helper()
	s.program("initdb", "-D", s.data(), "-U", "yeban", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
}

// start waits until the server answers. The one that was killed before may still be
// dying, and then a second try is needed.
func (s *server) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	deadline := time.Now().Add(patience)
	for {
		args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=50"}
		for _, one := range s.more {
			args = append(args, "-c", one)
		}
		s.cmd = exec.Command(postgresBin+"postgres", args...)
		s.cmd.Dir, s.cmd.SysProcAttr, s.cmd.Stderr, s.cmd.Env = s.dir, s.as, log, []string{"LC_ALL=C"}
		if err := s.cmd.Start(); err != nil {
			s.t.Fatal(err)
		}
		s.ended = make(chan struct{})
		go func(cmd *exec.Cmd, ended chan struct{}) {
			_ = cmd.Wait()
			close(ended)
		}(s.cmd, s.ended)
		if s.answers() {
			return
		}
		if s.cmd = nil; time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			s.t.Fatalf("PostgreSQL does not start:\n%s", text)
		}
	}
}

func (s *server) answers() bool {
	db, err := sql.Open("pgx", s.dsn("postgres"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if db.Ping() == nil {
			return true
		}
		select {
		case <-s.ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.t.Fatal("PostgreSQL does not answer")
	return false
}

// stop sends SIGKILL for a crash, SIGQUIT for a fast end without a checkpoint.
func (s *server) stop(with syscall.Signal) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(with)
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Error("PostgreSQL does not end")
	}
	s.cmd = nil
}

// dsn names a database on one server or, tried in turn, on several.
func (s *server) dsn(database string, others ...*server) string {
	hosts := []string{s.dir}
	for _, o := range others {
		hosts = append(hosts, o.dir)
	}
	return fmt.Sprintf("postgres://yeban@/%s?host=%s", database, strings.Join(hosts, ","))
}

func (s *server) query(database, query string, args ...any) (answer string) {
	s.t.Helper()
	db, err := sql.Open("pgx", s.dsn(database))
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	err = db.QueryRow(query, args...).Scan(&answer)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		s.t.Fatalf("%s: %v", query, err)
	}
	return answer
}

// create makes a database unless it is there.
func (s *server) create(database string) {
	s.t.Helper()
	if s.query("postgres", `SELECT count(*) FROM pg_database WHERE datname = $1`, database) == "0" {
		s.query("postgres", `CREATE DATABASE "`+database+`"`)
	}
}

func (s *server) open(t *testing.T, database string, now func() time.Time, others ...*server) *Store {
	t.Helper()
	st, err := Open(t.Context(), s.dsn(database, others...), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func TestPostgres(t *testing.T) {
	s := newServer(t)
	s.initialise()
	s.start()
	t.Run("conforms", func(t *testing.T) {
		testStore(t, func(t *testing.T, name string, now func() time.Time) *Store {
			t.Helper()
			name = strings.ToLower(name)
			s.create(name)
			return s.open(t, name, now)
		})
	})
	t.Run("what is sealed is not compressed", func(t *testing.T) {
		s.create("storage")
		s.open(t, "storage", nil)
		for table, column := range map[string]string{"entries": "sealed", "blob_chunks": "data"} {
			got := s.query("storage", `SELECT attstorage::text FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2`, table, column)
			if got != "e" {
				t.Errorf("%s.%s is stored as %q", table, column, got)
			}
		}
	})
	t.Run("each connection has its limits", func(t *testing.T) {
		s.create("limits")
		for more, want := range map[string]map[string]string{
			"": {"idle_in_transaction_session_timeout": postgresIdle, "application_name": product, "synchronous_commit": "on"},
			"&idle_in_transaction_session_timeout=7s&application_name=mine&synchronous_commit=remote_apply": {
				"idle_in_transaction_session_timeout": "7s", "application_name": "mine", "synchronous_commit": "remote_apply"},
		} {
			st, err := Open(t.Context(), s.dsn("limits")+more, nil)
			if err != nil {
				t.Fatal(err)
			}
			for setting, value := range want {
				var got string
				if err := st.read.QueryRowContext(t.Context(), `SELECT current_setting($1)`, setting).Scan(&got); err != nil || got != value {
					t.Errorf("%s is %q, %v; want %q", setting, got, err, value)
				}
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("a hub that stops in a transaction keeps nobody waiting", func(t *testing.T) {
		s.create("stopped")
		st, err := Open(t.Context(), s.dsn("stopped")+"&idle_in_transaction_session_timeout=100ms", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		if err := st.AddKiosk(t.Context(), Kiosk{ID: "a", Number: 1}, "t", false); err != nil {
			t.Fatal(err)
		}
		tx, err := st.write.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(`UPDATE kiosks SET name = name`); err != nil {
			t.Fatal(err)
		}
		attach(t, st, "a") // waits until the server has ended the other
		if err := tx.Commit(); err == nil {
			t.Error("what had stopped went on")
		}
	})
	t.Run("refuses what is not ours", func(t *testing.T) {
		s.create("foreign")
		s.query("foreign", `CREATE TABLE customers (id TEXT)`)
		if _, err := Open(t.Context(), s.dsn("foreign"), nil); !errors.Is(err, ErrForeign) {
			t.Errorf("foreign: %v", err)
		}
		if _, err := Open(t.Context(), s.dsn("foreign")+"&synchronous_commit=off", nil); !errors.Is(err, ErrVolatile) {
			t.Errorf("volatile: %v", err)
		}
		if _, err := Open(t.Context(), s.dsn("nowhere"), nil); err == nil {
			t.Error("a database that is not there was opened")
		}
	})
	t.Run("two hubs begin at once on an empty database", func(t *testing.T) {
		s.create("both")
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				st, err := Open(context.Background(), s.dsn("both"), nil)
				if err == nil {
					err = st.Close()
				}
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("two hubs commit to one log of positions", func(t *testing.T) {
		s.create("shared")
		hubs := []*Store{s.open(t, "shared", nil), s.open(t, "shared", nil)}
		const each = 40
		errs := make(chan error, len(hubs))
		for i, st := range hubs {
			id := fmt.Sprint("k", i)
			if err := st.AddKiosk(t.Context(), Kiosk{ID: id, Number: i + 1}, id, false); err != nil {
				t.Fatal(err)
			}
			fence := attach(t, st, id)
			go func() {
				for _, e := range chain(each) {
					if _, err := st.Commit(context.Background(), []Batch{{Kiosk: id, Fence: fence, Epoch: testEpoch, Entries: []record.Entry{e}}}); err != nil {
						errs <- err
						return
					}
				}
				errs <- nil
			}()
		}
		for range hubs {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		all, err := hubs[0].After(t.Context(), 0, 1000)
		if err != nil || len(all) != len(hubs)*each {
			t.Fatalf("%d entries, %v", len(all), err)
		}
		for i, c := range all {
			if c.Pos != int64(i+1) {
				t.Fatalf("position %d at %d", c.Pos, i)
			}
		}
	})
	t.Run("a server that is killed comes back and nothing is lost", func(t *testing.T) {
		s.create("killed")
		st := s.open(t, "killed", nil)
		outlives(t, st, 3, func() {
			s.stop(syscall.SIGKILL)
			s.start()
		})
	})
}

// TestPostgresFailover: the primary is lost for good, its synchronous standby takes over,
// and the hub finds it by itself.
func TestPostgresFailover(t *testing.T) {
	primary, standby := newServer(t), newServer(t)
	primary.initialise()
	primary.start()
	primary.create("hub")
	standby.program("pg_basebackup", "-D", standby.data(), "-R", "--checkpoint=fast", "--no-sync",
		"-d", "host="+primary.dir+" user=yeban application_name=standby")
	standby.start()
	primary.query("postgres", `ALTER SYSTEM SET synchronous_standby_names = 'standby'`)
	primary.query("postgres", `SELECT pg_reload_conf()`)
	for deadline := time.Now().Add(patience); primary.query("postgres", `SELECT sync_state FROM pg_stat_replication`) != "sync"; {
		if time.Now().After(deadline) {
			t.Fatal("the standby does not become synchronous")
		}
		time.Sleep(10 * time.Millisecond)
	}
	// The standby stands first: it takes no writes yet, and is passed over.
	st := standby.open(t, "hub", nil, primary)
	outlives(t, st, 1, func() {
		primary.stop(syscall.SIGKILL)
		standby.program("pg_ctl", "promote", "-w", "-D", standby.data())
	})
}

// outlives commits one entry after another while failover runs several times, repeating
// as a terminal would: from the cursor. Afterwards each acknowledged entry is there once.
func outlives(t *testing.T, st *Store, times int, failover func()) {
	t.Helper()
	const between = 20 // commits before each failover
	if err := st.AddKiosk(t.Context(), Kiosk{ID: "a", Number: 1}, "t", false); err != nil {
		t.Fatal(err)
	}
	log := chain((times + 1) * between)
	acked, failures := uint64(0), 0
	progress := make(chan uint64, len(log))
	ended := make(chan error, 1)
	go func() {
		deadline := time.Now().Add(3 * patience)
		for acked < uint64(len(log)) {
			if time.Now().After(deadline) {
				ended <- fmt.Errorf("%d of %d after %d failures", acked, len(log), failures)
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			a, err := st.Attach(ctx, Claim{Kiosk: "a", Epoch: testEpoch, First: 1, Last: uint64(len(log))})
			if err == nil && a.Have < acked {
				ended <- fmt.Errorf("%d were acknowledged, %d are there", acked, a.Have)
				cancel()
				return
			}
			for have := a.Have; err == nil && have < uint64(len(log)); {
				var out []Outcome
				out, err = st.Commit(ctx, []Batch{{Kiosk: "a", Fence: a.Fence, Epoch: testEpoch, Entries: log[have : have+1]}})
				if err == nil {
					if err = out[0].Err; err == nil {
						have = out[0].Have
						acked = have
						progress <- have
					}
				}
			}
			cancel()
			if err != nil {
				failures++
				time.Sleep(10 * time.Millisecond) // a terminal backs off too
			}
		}
		ended <- nil
	}()
	for i := range times {
		for have := range progress {
			if have >= uint64((i+1)*between) {
				break
			}
		}
		failover()
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	all, err := st.After(t.Context(), 0, 2*len(log))
	if err != nil || len(all) != len(log) {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	var before record.Entry
	for _, c := range all {
		if err := c.Entry.Follows(testEpoch, before.Seq, before.Hash); err != nil {
			t.Fatal(err)
		}
		before = c.Entry
	}
	t.Logf("%d failovers, %d failed attempts, %d entries", times, failures, len(all))
}

// onlyPostgres are migrations about what SQLite does not have.
var onlyPostgres = []string{"00005_storage.sql"}

// TestSchemasAreOne keeps the two forms of each migration from drifting apart.
func TestSchemasAreOne(t *testing.T) {
	names := func(dir string) (names []string) {
		files, err := schema.ReadDir("schema/" + dir)
		if err != nil || len(files) == 0 {
			t.Fatal(err)
		}
		for _, f := range files {
			names = append(names, f.Name())
		}
		return names
	}
	common := names("sqlite")
	all := slices.Sorted(slices.Values(slices.Concat(common, onlyPostgres)))
	if got := names("postgres"); !slices.Equal(got, all) {
		t.Fatalf("PostgreSQL has %v, want %v", got, all)
	}
	words := func(dir, name string) []string {
		text, err := schema.ReadFile("schema/" + dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(strings.ReplaceAll(string(text), "BYTEA", "BLOB"))
	}
	for _, f := range common {
		a, b := words("sqlite", f), words("postgres", f)
		if strings.Join(a, " ") != strings.Join(b, " ") {
			t.Errorf("%s differs by more than the name of a type", f)
		}
	}
}
