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
	name   string // of its folder under schema
	goose  goose.Dialect
	tables string // query for the names of the user's tables
	lock   string // suffix of a SELECT … ORDER BY id whose rows must not change before commit
	hold   string // likewise, of one whose rows this transaction is about to change
	// local says that there is no server: a statement that is run often is worth
	// preparing, and its placeholders are better bare, because SQLite looks each named
	// one up among all.
	local bool
	// open gives one handle for writing and one for reading; they may be the same.
	open func(ctx context.Context, dsn string) (write, read *sql.DB, err error)
	// damage tells an error that means: this is no database, or a broken one.
	damage func(error) bool
	// migrate gives what goose needs to know besides.
	migrate func() ([]goose.ProviderOption, error)
}

// values gives n rows of so many placeholders; one row is a list. All of a statement's
// placeholders must come from here.
func (d *dialect) values(n, columns int) string {
	if d.local {
		return bareValues(n, columns)
	}
	return values(n, columns)
}

// dialectOf chooses by the scheme of the DSN.
func dialectOf(dsn string) (dialect, error) {
	scheme, _, ok := strings.Cut(dsn, ":")
	switch {
	case ok && scheme == "sqlite":
		return sqliteDialect, nil
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return postgresDialect, nil
	}
	return dialect{}, fmt.Errorf("store: want %s", Forms)
}

// Forms are the DSNs that Open understands.
const Forms = "sqlite:PATH or postgres://USER:PASSWORD@HOST[,HOST…]/DATABASE"

// CheckDSN says whether Open would understand a DSN.
func CheckDSN(dsn string) error {
	_, err := dialectOf(dsn)
	return err
}

// RedactDSN is a DSN without its password, for logs and error texts.
func RedactDSN(dsn string) string {
	if strings.HasPrefix(dsn, "sqlite:") {
		return dsn
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "postgres://…"
	}
	q := u.Query()
	for key := range q {
		if strings.Contains(key, "password") {
			q.Set(key, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

var sqliteDialect = dialect{
	name:   "sqlite",
	local:  true,
	goose:  goose.DialectSQLite3,
	tables: `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
	open:   openSQLite,
	damage: func(err error) bool {
		var e *sqlite.Error
		return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_NOTADB || e.Code()&0xff == sqlite3.SQLITE_CORRUPT)
	},
	migrate: func() ([]goose.ProviderOption, error) { return nil, nil },
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
