-- Moments are Unix milliseconds, hashes are hex text.

-- +goose Up

-- Orders of staff to terminals. state is that of protocol.CommandState.
CREATE TABLE commands (
    id         TEXT   NOT NULL PRIMARY KEY,
    kiosk      TEXT   NOT NULL REFERENCES kiosks (id),
    name       TEXT   NOT NULL,
    args       TEXT   NOT NULL,
    given_by   TEXT   NOT NULL,
    given_at   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    detail     TEXT   NOT NULL DEFAULT '',
    changed_at BIGINT NOT NULL
);
CREATE INDEX commands_kiosk ON commands (kiosk, id);
CREATE INDEX commands_open ON commands (kiosk, id) WHERE state IN ('waiting', 'begun');

-- Which attachments the headers of committed entries name; written with the entry.
CREATE TABLE attachments (
    kiosk  TEXT    NOT NULL,
    record TEXT    NOT NULL,
    hash   TEXT    NOT NULL,
    place  INTEGER NOT NULL,
    bytes  BIGINT  NOT NULL,
    role   TEXT    NOT NULL,
    media  TEXT    NOT NULL,
    PRIMARY KEY (kiosk, record, hash)
);
CREATE INDEX attachments_hash ON attachments (kiosk, hash);

-- How much of each attachment is there. digest is the state of SM3 over that much.
-- complete_at is set when all is there and its hash was found right. stray is 1 where no
-- committed entry named it when it began; some may name it since.
CREATE TABLE blobs (
    kiosk       TEXT   NOT NULL,
    hash        TEXT   NOT NULL,
    bytes       BIGINT NOT NULL,
    have        BIGINT NOT NULL,
    digest      BLOB   NOT NULL,
    stray       INTEGER NOT NULL,
    begun_at    BIGINT NOT NULL,
    complete_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (kiosk, hash)
);
CREATE INDEX blobs_stray ON blobs (kiosk) WHERE stray = 1;

CREATE TABLE blob_chunks (
    kiosk TEXT   NOT NULL,
    hash  TEXT   NOT NULL,
    start BIGINT NOT NULL,
    data  BLOB   NOT NULL,
    PRIMARY KEY (kiosk, hash, start)
);

-- Changes of devices' conditions, as terminals saw them.
CREATE TABLE device_events (
    id           TEXT   NOT NULL PRIMARY KEY,
    kiosk        TEXT   NOT NULL,
    pos          BIGINT NOT NULL,
    device       TEXT   NOT NULL,
    class        TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    paper        TEXT   NOT NULL,
    reason       TEXT   NOT NULL,
    happened_at  BIGINT NOT NULL,
    committed_at BIGINT NOT NULL
);
CREATE INDEX device_events_kiosk ON device_events (kiosk, pos);

-- 1 while the terminal's latest STATUS names the trouble that the alarm is about.
ALTER TABLE alarms ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
CREATE INDEX alarms_trouble ON alarms (kiosk) WHERE kind = 'trouble';

-- A keyed digest of the number of the applicant's document: whoever has the card is
-- found again, and nobody is found by it who has not. Empty: made before this column,
-- and not looked at again yet.
ALTER TABLE applications ADD COLUMN applicant TEXT NOT NULL DEFAULT '';
CREATE INDEX applications_applicant ON applications (applicant, pos);

-- What the back office has said of an application; without a row, nothing yet.
CREATE TABLE results (
    application TEXT   NOT NULL PRIMARY KEY,
    state       TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    source      TEXT   NOT NULL,
    changed_at  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE results;
DROP INDEX applications_applicant;
ALTER TABLE applications DROP COLUMN applicant;
DROP INDEX alarms_trouble;
ALTER TABLE alarms DROP COLUMN standing;
DROP TABLE device_events;
DROP TABLE blob_chunks;
DROP TABLE blobs;
DROP TABLE attachments;
DROP TABLE commands;
