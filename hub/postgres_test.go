package main

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// postgresBin is where Debian's postgresql-15 puts its programs.
const postgresBin = "/usr/lib/postgresql/15/bin/"

// startPostgres runs a real PostgreSQL on a Unix socket of its own. create makes an empty
// database and gives its address.
func startPostgres(t *testing.T) (create func(name string) (dsn string)) {
	t.Helper()
	if _, err := os.Stat(postgresBin + "postgres"); err != nil {
		t.Fatalf("this test needs a real PostgreSQL: install Debian's postgresql-15 (%v)", err)
	}
	// Not t.TempDir: a socket's path has a length limit, and its owner is another user.
	dir, err := os.MkdirTemp("", "yeban-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		who, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(who.Uid, 10, 32)
		gid, _ := strconv.ParseUint(who.Gid, 10, 32)
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(postgresBin+name, args...)
		cmd.Dir, cmd.SysProcAttr, cmd.Env = dir, as, []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
		return cmd
	}
	if out, err := command("initdb", "-D", data, "-U", "yeban", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	server := command("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=200")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGQUIT)
		_ = server.Wait()
	})
	address := func(name string) string { return fmt.Sprintf("postgres://yeban@/%s?host=%s", name, dir) }
	db, err := sql.Open("pgx", address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for deadline := time.Now().Add(patience); db.Ping() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("PostgreSQL does not answer")
		}
	}
	return func(name string) string {
		if _, err := db.Exec(`CREATE DATABASE "` + name + `"`); err != nil {
			t.Fatal(err)
		}
		return address(name)
	}
}
