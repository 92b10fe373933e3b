package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// postgresBin is where Debian's postgresql-15 puts its programs.
const postgresBin = "/usr/lib/postgresql/15/bin/"

// startPostgres runs a server of its own on a Unix socket, durable as it comes. It
// refuses to run as root: then it runs as the user that the Debian package made.
func (r *rig) startPostgres() (dsn string, err error) {
	dir, err := r.folder("postgres")
	if err != nil {
		return "", err
	}
	as := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		who, err := user.Lookup("postgres")
		if err != nil {
			return "", fmt.Errorf("install postgresql-15: %w", err)
		}
		uid, _ := strconv.ParseUint(who.Uid, 10, 32)
		gid, _ := strconv.ParseUint(who.Gid, 10, 32)
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return "", err
		}
	}
	data := filepath.Join(dir, "data")
	program := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(postgresBin+name, args...)
		cmd.Dir, cmd.SysProcAttr, cmd.Env = dir, &syscall.SysProcAttr{Credential: as.Credential}, []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
		return cmd
	}
	if out, err := program("initdb", "-D", data, "-U", "yeban", "-A", "trust", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	log, err := os.Create(filepath.Join(r.dir, "postgres.log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd := program("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=50")
	cmd.Stderr = log
	server, err := r.start(cmd)
	if err != nil {
		return "", err
	}
	r.later(func() { server.stop(syscall.SIGQUIT) })
	dsn = "postgres://yeban@/postgres?" + url.Values{"host": {dir}}.Encode()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return "", err
	}
	defer db.Close()
	return dsn, r.until("PostgreSQL", func() (bool, error) {
		select {
		case <-server.ended:
			text, _ := os.ReadFile(log.Name())
			return false, errors.New("PostgreSQL has ended: " + string(text))
		default:
			return db.PingContext(r.ctx) == nil, nil
		}
	})
}
