package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

var postgresDialect = dialect{
	name:  "postgres",
	goose: goose.DialectPostgres,
	// goose's own table is there a moment before ours when two hubs start on an empty
	// database.
	tables: `SELECT table_name FROM information_schema.tables
		WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name <> 'goose_db_version'`,
	// By bytes, as Go sorts: all must lock in one order, whatever language the database
	// speaks.
	lock:   ` COLLATE "C" FOR SHARE`,
	hold:   ` COLLATE "C" FOR NO KEY UPDATE`,
	open:   openPostgres,
	damage: func(error) bool { return false },
	migrate: func() ([]goose.ProviderOption, error) {
		locker, err := lock.NewPostgresSessionLocker()
		return []goose.ProviderOption{goose.WithSessionLocker(locker)}, err
	},
}

const (
	postgresConnect  = 5 * time.Second  // for one host, so that a dead one is passed over
	postgresLifetime = 10 * time.Minute // of a connection, so that a hub finds back to a preferred host
	postgresIdle     = "5s"             // between two statements of a transaction; a hub needs milliseconds
)

// openPostgres opens one pool for both uses: PostgreSQL takes many writers. Of several
// hosts pgx takes the first that accepts writes, again whenever it connects; after a
// failover that is the new primary.
func openPostgres(ctx context.Context, dsn string) (write, read *sql.DB, err error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, nil, errors.New("store: the postgres address cannot be read") // pgx's text may quote it
	}
	if len(cfg.Fallbacks) > 0 && cfg.ValidateConnect == nil {
		cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if !strings.Contains(dsn, "connect_timeout") {
		cfg.ConnectTimeout = postgresConnect
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = product
	}
	// Whatever the server's habit is, a commit of ours has reached its disk, and that of
	// the synchronous standby where there is one.
	if cfg.RuntimeParams["synchronous_commit"] == "" {
		cfg.RuntimeParams["synchronous_commit"] = "on"
	}
	// A hub that stops in the middle of a transaction must not keep the others from
	// committing for as long as it is stopped.
	if cfg.RuntimeParams["idle_in_transaction_session_timeout"] == "" {
		cfg.RuntimeParams["idle_in_transaction_session_timeout"] = postgresIdle
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(max(8, 4*runtime.NumCPU()))
	db.SetMaxIdleConns(8)
	db.SetConnMaxLifetime(postgresLifetime)
	if err := checkDurable(ctx, db); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, db, nil
}

// checkDurable refuses a server that is set up to forget.
func checkDurable(ctx context.Context, db *sql.DB) error {
	var fsync, commit string
	err := db.QueryRowContext(ctx, `SELECT current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&fsync, &commit)
	switch {
	case err != nil:
		return fmt.Errorf("open database: %w", err)
	case fsync != "on":
		return fmt.Errorf("fsync is %s: %w", fsync, ErrVolatile)
	case commit == "off", commit == "local":
		return fmt.Errorf("synchronous_commit is %s: %w", commit, ErrVolatile)
	}
	return nil
}
