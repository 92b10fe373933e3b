package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// postgresBin is where Debian's postgresql-15 puts its programs.
const postgresBin = "/usr/lib/postgresql/15/bin/"

// noPostgres says why this machine has none.
func noPostgres() string {
	if _, err := os.Stat(postgresBin + "postgres"); err != nil {
		return "no PostgreSQL 15 (Debian's postgresql-15)"
	}
	return ""
}

// database is a real PostgreSQL on a Unix socket of its own, with one database "hub".
type database struct {
	dir string // data, socket, log
	as  *syscall.SysProcAttr
	cmd *exec.Cmd
}

// newDatabase makes a folder for a server that is not there yet. PostgreSQL refuses to run
// as root, and is run as the user of the Debian package then.
func (s *scene) newDatabase(name string) (*database, error) {
	// The path of a socket has 107 bytes at most: not under the scene's folder.
	dir, err := os.MkdirTemp("", scratchPrefix+name+"-")
	if err != nil {
		return nil, err
	}
	d := &database{dir: dir, as: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	s.defers(func() { d.stop(syscall.SIGQUIT); _ = os.RemoveAll(dir) })
	if os.Geteuid() != 0 {
		return d, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.ParseUint(who.Uid, 10, 32)
	gid, _ := strconv.ParseUint(who.Gid, 10, 32)
	d.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return d, os.Chown(dir, int(uid), int(gid))
}

// startDatabase is a fresh server with an empty database.
func (s *scene) startDatabase(ctx context.Context, name string) (*database, error) {
	d, err := s.newDatabase(name)
	if err != nil {
		return nil, err
	}
	if err := d.tool("initdb", "-D", d.data(), "-U", "yeban", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, err
	}
	if err := d.run(ctx); err != nil {
		return nil, err
	}
	return d, d.exec(ctx, "postgres", `CREATE DATABASE hub`)
}

// follow makes d a copy of a running server that the latter waits for with every commit.
func (d *database) follow(ctx context.Context, primary *database, name string) error {
	if err := d.tool("pg_basebackup", "-D", d.data(), "-R", "--checkpoint=fast", "--no-sync",
		"-d", "host="+primary.dir+" user=yeban application_name="+name); err != nil {
		return err
	}
	if err := d.run(ctx); err != nil {
		return err
	}
	if err := primary.exec(ctx, "postgres", `ALTER SYSTEM SET synchronous_standby_names = '`+name+`'`); err != nil {
		return err
	}
	if err := primary.exec(ctx, "postgres", `SELECT pg_reload_conf()`); err != nil {
		return err
	}
	return primary.until(ctx, `SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'`)
}

// promote makes a standby the one that takes writes, alone.
func (d *database) promote(ctx context.Context) error {
	if err := d.tool("pg_ctl", "promote", "-w", "-D", d.data()); err != nil {
		return err
	}
	if err := d.exec(ctx, "postgres", `ALTER SYSTEM SET synchronous_standby_names = ''`); err != nil {
		return err
	}
	return d.exec(ctx, "postgres", `SELECT pg_reload_conf()`)
}

func (d *database) data() string { return filepath.Join(d.dir, "data") }

// dsn names the database on this server or, tried in turn, on others.
func (d *database) dsn(name string, others ...*database) string {
	hosts := []string{d.dir}
	for _, o := range others {
		hosts = append(hosts, o.dir)
	}
	return fmt.Sprintf("postgres://yeban@/%s?host=%s", name, strings.Join(hosts, ","))
}

// tool runs one of PostgreSQL's programs to its end.
func (d *database) tool(name string, args ...string) error {
	cmd := exec.Command(postgresBin+name, args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Env = d.dir, d.as, []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// run starts the server and returns when it answers.
func (d *database) run(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd = exec.Command(postgresBin+"postgres", "-D", d.data(), "-k", d.dir, "-c", "listen_addresses=", "-c", "max_connections=60")
	d.cmd.Dir, d.cmd.SysProcAttr, d.cmd.Stderr, d.cmd.Env = d.dir, d.as, log, []string{"LC_ALL=C"}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	return d.until(ctx, `SELECT true`)
}

// until asks again and again until the answer is yes.
func (d *database) until(ctx context.Context, question string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	db, err := sql.Open("pgx", d.dsn("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		var yes bool
		err := db.QueryRowContext(ctx, question).Scan(&yes)
		if err == nil && yes {
			return nil
		}
		if !wait(ctx, 20*time.Millisecond) {
			return fmt.Errorf("PostgreSQL: %s: %w", question, err)
		}
	}
}

func (d *database) exec(ctx context.Context, name, statement string) error {
	db, err := sql.Open("pgx", d.dsn(name))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return nil
}

// stop sends SIGKILL for a crash, SIGQUIT for a fast end.
func (d *database) stop(with syscall.Signal) {
	if d.cmd != nil {
		_ = d.cmd.Process.Signal(with)
		_ = d.cmd.Wait()
		d.cmd = nil
	}
}
