package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed schema/*/*.sql
var schema embed.FS

const product = "yeban-hub"

// Store is an open database. It is safe for concurrent use.
type Store struct {
	write   *sql.DB
	read    *sql.DB
	dialect dialect
	now     func() time.Time

	attaching *group[Claim, attached]
	detaching *group[departure, struct{}]
	end       context.CancelFunc // of the groups
}

// Open opens the database named by dsn and brings its schema up to date. sqlite:PATH is
// made if it is not there; postgres://… names an existing database, on one host or on
// several of which the one that takes writes is used. now is the hub's clock; nil means
// time.Now. The error is ErrForeign or ErrNewer when the database must not be touched,
// ErrVolatile when it would not keep what it commits.
func Open(ctx context.Context, dsn string, now func() time.Time) (*Store, error) {
	d, err := dialectOf(dsn)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	write, read, err := d.open(ctx, dsn)
	if err != nil {
		return nil, d.openError(err)
	}
	s := &Store{write: write, read: read, dialect: d, now: now}
	lasting, end := context.WithCancel(context.Background())
	s.end = end
	s.attaching, s.detaching = startGroup(lasting, s.attach), startGroup(lasting, s.detach)
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(d.openError(err), s.Close())
	}
	return s, nil
}

func (d dialect) openError(err error) error {
	if d.damage(err) {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return err
}

// Close waits for running statements and closes the database.
func (s *Store) Close() error {
	s.end()
	s.attaching.running.Wait()
	s.detaching.running.Wait()
	err := s.read.Close()
	if s.write != s.read {
		err = errors.Join(err, s.write.Close())
	}
	return err
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.read.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	tables, err := s.tables(ctx)
	if err != nil {
		return err
	}
	ours := slices.Contains(tables, "yeban_hub")
	if len(tables) > 0 && !ours {
		return fmt.Errorf("database has %d tables of another program: %w", len(tables), ErrForeign)
	}
	p, err := s.migrations()
	if err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	if ours {
		current, target, err := p.GetVersions(ctx)
		if err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		if current > target {
			return fmt.Errorf("schema %d, this hub knows %d: %w", current, target, ErrNewer)
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring schema up to date: %w", err)
	}
	_, err = s.write.ExecContext(ctx,
		`INSERT INTO yeban_hub (product, created_at) VALUES ($1, $2) ON CONFLICT (product) DO NOTHING`,
		product, ms(s.now()))
	if err != nil {
		return fmt.Errorf("mark database: %w", err)
	}
	return nil
}

func (s *Store) migrations() (*goose.Provider, error) {
	files, err := fs.Sub(schema, "schema/"+s.dialect.name)
	if err != nil {
		return nil, err
	}
	options, err := s.dialect.migrate()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(s.dialect.goose, s.write, files, options...)
}

func (s *Store) tables(ctx context.Context) ([]string, error) {
	names, err := collect(ctx, s.write, func(r *sql.Rows) (name string, err error) {
		return name, r.Scan(&name)
	}, s.dialect.tables)
	if err != nil {
		return nil, fmt.Errorf("look into the database: %w", err)
	}
	return names, nil
}

// transact runs f in one transaction and commits it when f returns nil.
func (s *Store) transact(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// asker is a database handle or a transaction.
type asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// collect runs a query and scans each row.
func collect[T any](ctx context.Context, db asker, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// changed checks that a statement has changed a row, and gives otherwise when it has not.
// Trouble of the store never passes for that.
func changed(r sql.Result, err, otherwise error) error {
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = otherwise
	}
	return err
}

// found turns the driver's word for an empty result into ours.
func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// ms is a moment as a column holds it; the zero time is 0.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// flag is a truth as a column holds it.
func flag(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// moment is the inverse of ms.
func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n)
}
