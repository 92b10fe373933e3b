-- What is sealed does not compress: PostgreSQL is spared the attempt.

-- +goose Up
ALTER TABLE entries ALTER COLUMN sealed SET STORAGE EXTERNAL;
ALTER TABLE blob_chunks ALTER COLUMN data SET STORAGE EXTERNAL;

-- +goose Down
ALTER TABLE entries ALTER COLUMN sealed SET STORAGE EXTENDED;
ALTER TABLE blob_chunks ALTER COLUMN data SET STORAGE EXTENDED;
