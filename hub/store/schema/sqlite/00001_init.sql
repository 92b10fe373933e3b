-- Moments are Unix milliseconds, hashes and epochs are hex text. The SQLite and the
-- PostgreSQL form of this file differ in the name of one type, which a test checks.

-- +goose Up

-- Marks the database as ours; version of the product, not of the schema.
CREATE TABLE yeban_hub (
    product    TEXT   NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);

CREATE TABLE kiosks (
    id              TEXT    NOT NULL PRIMARY KEY,
    number          INTEGER NOT NULL UNIQUE,
    name            TEXT    NOT NULL,
    region          TEXT    NOT NULL,
    token_hash      TEXT    NOT NULL,
    created_at      BIGINT  NOT NULL,
    fence           BIGINT  NOT NULL DEFAULT 0,
    link            TEXT    NOT NULL DEFAULT 'never',
    link_since      BIGINT  NOT NULL DEFAULT 0,
    seen_at         BIGINT  NOT NULL DEFAULT 0,
    clock_offset_ms BIGINT  NOT NULL DEFAULT 0,
    software        TEXT    NOT NULL DEFAULT '',
    catalog_version TEXT    NOT NULL DEFAULT '',
    status          TEXT    NOT NULL DEFAULT '',
    status_at       BIGINT  NOT NULL DEFAULT 0
);

-- How far each life of each terminal's log is on stable storage.
CREATE TABLE cursors (
    kiosk      TEXT   NOT NULL REFERENCES kiosks (id),
    epoch      TEXT   NOT NULL,
    have       BIGINT NOT NULL,
    have_hash  TEXT   NOT NULL,
    opened_at  BIGINT NOT NULL,
    moved_at   BIGINT NOT NULL,
    PRIMARY KEY (kiosk, epoch)
);

-- pos numbers entries over all terminals in the order of their commit, without gaps.
CREATE TABLE entries (
    kiosk        TEXT   NOT NULL,
    epoch        TEXT   NOT NULL,
    seq          BIGINT NOT NULL,
    pos          BIGINT NOT NULL UNIQUE,
    kind         TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    at_ms        BIGINT NOT NULL,
    prev         TEXT   NOT NULL,
    hash         TEXT   NOT NULL,
    header       BLOB   NOT NULL,
    wrapped_key  BLOB   NOT NULL,
    sealed       BLOB   NOT NULL,
    received_at  BIGINT NOT NULL,
    committed_at BIGINT NOT NULL,
    PRIMARY KEY (kiosk, epoch, seq)
);
CREATE INDEX entries_id ON entries (id);

-- Counters and the durable positions of whoever follows the entries.
CREATE TABLE positions (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

-- What staff may see of an application. Personal data stands here masked only; the
-- whole of it stays sealed in entries.
CREATE TABLE applications (
    id               TEXT    NOT NULL PRIMARY KEY,
    receipt_number   TEXT    NOT NULL,
    kiosk            TEXT    NOT NULL,
    epoch            TEXT    NOT NULL,
    seq              BIGINT  NOT NULL,
    pos              BIGINT  NOT NULL,
    body_hash        TEXT    NOT NULL,
    item             TEXT    NOT NULL,
    item_name        TEXT    NOT NULL,
    task_handle_item TEXT    NOT NULL,
    item_version     BIGINT  NOT NULL,
    catalog_version  TEXT    NOT NULL,
    language         TEXT    NOT NULL,
    masked_name      TEXT    NOT NULL,
    masked_id        TEXT    NOT NULL,
    problems         TEXT    NOT NULL,
    steps            TEXT    NOT NULL,
    submitted_at     BIGINT  NOT NULL,
    queued_at        BIGINT  NOT NULL,
    received_at      BIGINT  NOT NULL,
    committed_at     BIGINT  NOT NULL
);
CREATE INDEX applications_pos ON applications (pos);
CREATE INDEX applications_receipt ON applications (receipt_number);

CREATE TABLE ratings (
    id          TEXT    NOT NULL PRIMARY KEY,
    application TEXT    NOT NULL,
    kiosk       TEXT    NOT NULL,
    body_hash   TEXT    NOT NULL,
    level       INTEGER NOT NULL,
    source      TEXT    NOT NULL,
    rated_at    BIGINT  NOT NULL
);
CREATE INDEX ratings_application ON ratings (application);

CREATE TABLE traces (
    id          TEXT   NOT NULL PRIMARY KEY,
    application TEXT   NOT NULL,
    kiosk       TEXT   NOT NULL,
    body_hash   TEXT   NOT NULL,
    steps       TEXT   NOT NULL,
    pos         BIGINT NOT NULL
);
CREATE INDEX traces_application ON traces (application);

-- Committed, but not readable or not in order: waits for a person.
CREATE TABLE parked (
    pos       BIGINT NOT NULL PRIMARY KEY,
    kiosk     TEXT   NOT NULL,
    epoch     TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    kind      TEXT   NOT NULL,
    id        TEXT   NOT NULL,
    receipt   TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    detail    TEXT   NOT NULL,
    parked_at BIGINT NOT NULL
);

-- Two versions of one thing. entry holds the version that is not in entries, whole.
CREATE TABLE conflicts (
    id        TEXT   NOT NULL PRIMARY KEY,
    kiosk     TEXT   NOT NULL,
    epoch     TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    kind      TEXT   NOT NULL,
    hash      TEXT   NOT NULL,
    entry     TEXT   NOT NULL,
    raised_at BIGINT NOT NULL,
    UNIQUE (kiosk, epoch, seq, kind, hash)
);

CREATE TABLE alarms (
    id         TEXT    NOT NULL PRIMARY KEY,
    kiosk      TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    ref        TEXT    NOT NULL,
    severity   TEXT    NOT NULL,
    times      INTEGER NOT NULL,
    raised_at  BIGINT  NOT NULL,
    last_at    BIGINT  NOT NULL,
    cleared_at BIGINT  NOT NULL DEFAULT 0,
    cleared_by TEXT    NOT NULL DEFAULT '',
    UNIQUE (kiosk, kind, ref)
);

CREATE TABLE users (
    name          TEXT   NOT NULL PRIMARY KEY,
    password_hash TEXT   NOT NULL,
    created_at    BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    username   TEXT   NOT NULL REFERENCES users (name),
    csrf       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Who looked at or did what. Rows are only ever added.
CREATE TABLE audit (
    id       TEXT   NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    username TEXT   NOT NULL,
    action   TEXT   NOT NULL,
    subject  TEXT   NOT NULL,
    remote   TEXT   NOT NULL
);

-- +goose Down
DROP TABLE audit;
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE alarms;
DROP TABLE conflicts;
DROP TABLE parked;
DROP TABLE traces;
DROP TABLE ratings;
DROP TABLE applications;
DROP TABLE positions;
DROP TABLE entries;
DROP TABLE cursors;
DROP TABLE kiosks;
DROP TABLE yeban_hub;
