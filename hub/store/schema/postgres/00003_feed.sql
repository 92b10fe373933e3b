-- Moments are Unix milliseconds.

-- +goose Up

-- How far each back office has been told, and which process is telling it.
CREATE TABLE feeds (
    name          TEXT   NOT NULL PRIMARY KEY,
    position      BIGINT NOT NULL DEFAULT 0,
    holder        TEXT   NOT NULL DEFAULT '',
    lease_until   BIGINT NOT NULL DEFAULT 0,
    delivered_at  BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT NOT NULL DEFAULT 0,
    trouble       TEXT   NOT NULL DEFAULT ''
);

-- What a back office would not take: waits for a person, the rest goes on.
CREATE TABLE feed_refusals (
    feed       TEXT   NOT NULL,
    pos        BIGINT NOT NULL,
    id         TEXT   NOT NULL,
    answer     TEXT   NOT NULL,
    refused_at BIGINT NOT NULL,
    PRIMARY KEY (feed, pos)
);

-- +goose Down
DROP TABLE feed_refusals;
DROP TABLE feeds;
