package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect is all that differs between databases. Placeholders ($1), upserts and
// RETURNING are common to both.
type dialect struct {
	goose  goose.Dialect
	tables string // query for the names of the user's tables
	lock   string // suffix of a SELECT whose row must not change before commit
	// open gives one handle for writing and one for reading; they may be the same.
	open func(ctx context.Context, dsn string) (write, read *sql.DB, err error)
	// damage tells an error that means: this is no database, or a broken one.
	damage func(error) bool
}

// dialectOf chooses by the scheme of the DSN.
func dialectOf(dsn string) (dialect, error) {
	scheme, _, ok := strings.Cut(dsn, ":")
	if ok && scheme == "sqlite" {
		return sqliteDialect, nil
	}
	return dialect{}, fmt.Errorf("store %q: want sqlite:PATH", scheme)
}

var sqliteDialect = dialect{
	goose:  goose.DialectSQLite3,
	tables: `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
	open:   openSQLite,
	damage: func(err error) bool {
		var e *sqlite.Error
		return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_NOTADB || e.Code()&0xff == sqlite3.SQLITE_CORRUPT)
	},
}

// sqlitePragmas: a commit in WAL mode with synchronous FULL has been fsynced.
var sqlitePragmas = []string{
	"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(ON)",
	"temp_store(MEMORY)", "wal_autocheckpoint(2000)",
}

// openSQLite opens one connection that writes, because SQLite has one writer anyway and
// waiting in Go is fairer than waiting for a file lock, and some that read.
func openSQLite(ctx context.Context, dsn string) (write, read *sql.DB, err error) {
	path := strings.TrimPrefix(dsn, "sqlite:")
	if path == "" {
		return nil, nil, errors.New("store: want a path behind sqlite")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, nil, fmt.Errorf("folder of the database: %w", err)
	}
	// Created here, so that the file is not readable by others for even a moment.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, nil, fmt.Errorf("open database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, nil, fmt.Errorf("open database: %w", err)
	}
	name := func(extra ...string) string {
		q := url.Values{"_pragma": append(extra, sqlitePragmas...), "_txlock": {"immediate"}}
		return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
	}
	if write, err = sql.Open("sqlite", name()); err != nil {
		return nil, nil, fmt.Errorf("open database: %w", err)
	}
	write.SetMaxOpenConns(1)
	if err := write.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open database: %w", err), write.Close())
	}
	if read, err = sql.Open("sqlite", name("query_only(ON)")); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open database: %w", err), write.Close())
	}
	read.SetMaxOpenConns(max(4, runtime.NumCPU()))
	return write, read, nil
}
