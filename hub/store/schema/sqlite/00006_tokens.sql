-- +goose Up

-- Each terminal that connects is looked up by its token.
CREATE INDEX kiosks_token ON kiosks (token_hash);

-- +goose Down
DROP INDEX kiosks_token;
