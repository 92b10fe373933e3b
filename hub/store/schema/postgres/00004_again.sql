-- +goose Up

-- 1 for what a feed delivers now, out of its turn: somebody asked for a refused record to
-- be tried again, or a record was parked when its turn came, and is parked no more.
ALTER TABLE feed_refusals ADD COLUMN again INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE feed_refusals DROP COLUMN again;
