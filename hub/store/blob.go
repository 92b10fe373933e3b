package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"yeban/sync/record"
)

// MaxStray is how many bytes of attachments a terminal may have here that no committed
// record of it names: pieces may overtake the record, but not for long.
const MaxStray = 65 << 20

// strayLeast is what each of them counts besides its bytes, so that their number is
// bounded, too.
const strayLeast = 64 << 10

var (
	// ErrMisfit means that a piece contradicts what is known of its attachment.
	ErrMisfit = errors.New("piece does not fit its attachment")
	// ErrStray means that no committed record names the attachment, and that there are
	// too many like it already.
	ErrStray = errors.New("no record names this attachment")
	// ErrWrongHash means that the whole was there and was not what its name says. It is
	// forgotten.
	ErrWrongHash = errors.New("attachment is not what its hash says")
)

// Chunk is a piece of a sealed attachment.
type Chunk struct {
	Kiosk  string
	Hash   record.Hash // SM3 of the whole
	Bytes  int64       // of the whole
	Offset int64       // of Data
	Data   []byte      // empty: only asks how much is there
}

// Stored is what became of one Chunk. Have is on stable storage.
type Stored struct {
	Have int64
	Err  error // nil, a refusal (ErrMisfit, ErrStray or ErrWrongHash), or trouble of the store: nothing was kept
}

// refusal tells what is wrong with a piece from what is wrong with the store.
func refusal(err error) bool {
	return errors.Is(err, ErrMisfit) || errors.Is(err, ErrStray) || errors.Is(err, ErrWrongHash)
}

// PutChunks keeps pieces of any attachments, in one transaction where that succeeds, and
// otherwise each in its own. A piece that does not begin where the store ends adds nothing:
// Have tells where to go on. With the last piece the hash of the whole is compared.
func (s *Store) PutChunks(ctx context.Context, all []Chunk) []Stored {
	out, errs := apart(ctx, all, s.putChunks)
	for i, err := range errs {
		if err != nil {
			out[i] = Stored{Err: fmt.Errorf("keep a piece of an attachment: %w", err)}
		}
	}
	return out
}

func (s *Store) putChunks(ctx context.Context, all []Chunk) ([]Stored, error) {
	out := make([]Stored, len(all))
	err := s.transact(ctx, func(tx *sql.Tx) error {
		for _, i := range lockOrder(all) {
			have, err := s.putChunk(ctx, tx, &all[i])
			if err != nil && !refusal(err) {
				return err
			}
			out[i] = Stored{have, err}
		}
		return nil
	})
	return out, err
}

// lockOrder keeps pieces of one attachment in their order, and two hubs from waiting for
// each other.
func lockOrder(all []Chunk) []int {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(strings.Compare(all[i].Kiosk, all[j].Kiosk), bytes.Compare(all[i].Hash[:], all[j].Hash[:]))
	})
	return order
}

// upload is an attachment's row.
type upload struct {
	bytes, have, complete int64
	digest                []byte // state of SM3 over have bytes
}

func (s *Store) putChunk(ctx context.Context, tx *sql.Tx, c *Chunk) (have int64, err error) {
	at, err := s.upload(ctx, tx, c)
	switch {
	case errors.Is(err, sql.ErrNoRows) && len(c.Data) == 0:
		return 0, nil
	case errors.Is(err, sql.ErrNoRows):
		if at, err = s.beginUpload(ctx, tx, c); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, err
	case at.bytes != c.Bytes:
		// What a committed record says of the size counts more than an earlier piece.
		switch named, err := named(ctx, tx, c); {
		case err != nil:
			return 0, err
		case !named, at.complete > 0:
			return at.have, ErrMisfit
		}
		if err := forget(ctx, tx, c); err != nil {
			return 0, err
		}
		if len(c.Data) == 0 {
			return 0, nil
		}
		if at, err = s.beginUpload(ctx, tx, c); err != nil {
			return 0, err
		}
	}
	if len(c.Data) == 0 || at.complete > 0 || c.Offset != at.have {
		return at.have, nil
	}
	if c.Offset+int64(len(c.Data)) > at.bytes {
		return at.have, ErrMisfit
	}
	return s.addChunk(ctx, tx, c, &at)
}

// upload reads the row and keeps others from changing it.
func (s *Store) upload(ctx context.Context, tx *sql.Tx, c *Chunk) (at upload, err error) {
	err = tx.QueryRowContext(ctx, `UPDATE blobs SET have = have WHERE kiosk = $1 AND hash = $2
		RETURNING bytes, have, complete_at, digest`, c.Kiosk, c.Hash.String()).Scan(&at.bytes, &at.have, &at.complete, &at.digest)
	return at, err
}

func (s *Store) beginUpload(ctx context.Context, tx *sql.Tx, c *Chunk) (upload, error) {
	known, err := named(ctx, tx, c)
	if err != nil {
		return upload{}, err
	}
	if !known {
		var stray int64
		err := tx.QueryRowContext(ctx, `SELECT COALESCE(SUM(b.bytes + $2), 0) FROM blobs b WHERE b.kiosk = $1 AND b.stray = 1
			AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.kiosk = b.kiosk AND a.hash = b.hash)`, c.Kiosk, strayLeast).Scan(&stray)
		if err != nil {
			return upload{}, err
		}
		if stray+c.Bytes+strayLeast > MaxStray {
			return upload{}, ErrStray
		}
	}
	r, err := tx.ExecContext(ctx, `INSERT INTO blobs (kiosk, hash, bytes, have, digest, stray, begun_at) VALUES ($1, $2, $3, 0, $4, $5, $6)
		ON CONFLICT DO NOTHING`, c.Kiosk, c.Hash.String(), c.Bytes, []byte{}, flag(!known), ms(s.now()))
	if err != nil {
		return upload{}, err
	}
	if n, err := r.RowsAffected(); err != nil {
		return upload{}, err
	} else if n == 1 { // pieces that came while the row before was being forgotten
		_, err := tx.ExecContext(ctx, `DELETE FROM blob_chunks WHERE kiosk = $1 AND hash = $2`, c.Kiosk, c.Hash.String())
		if err != nil {
			return upload{}, err
		}
	}
	return s.upload(ctx, tx, c) // another connection may have been quicker
}

// named tells whether a committed record of the terminal names this attachment.
func named(ctx context.Context, tx *sql.Tx, c *Chunk) (yes bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM attachments WHERE kiosk = $1 AND hash = $2 AND bytes = $3)`,
		c.Kiosk, c.Hash.String(), c.Bytes).Scan(&yes)
	return yes, err
}

func (s *Store) addChunk(ctx context.Context, tx *sql.Tx, c *Chunk, at *upload) (have int64, err error) {
	sum := sm3.New()
	if at.have > 0 {
		if err := sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(at.digest); err != nil {
			// Written by another version, or damaged: it is sent again from the start.
			return 0, forget(ctx, tx, c)
		}
	}
	sum.Write(c.Data)
	have = at.have + int64(len(c.Data))
	var complete int64
	if have == at.bytes {
		if [32]byte(sum.Sum(nil)) != c.Hash {
			if err := forget(ctx, tx, c); err != nil {
				return 0, err
			}
			return 0, ErrWrongHash
		}
		complete = ms(s.now())
	}
	digest, err := stateOf(sum)
	if err != nil {
		return at.have, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO blob_chunks (kiosk, hash, start, data) VALUES ($1, $2, $3, $4)`,
		c.Kiosk, c.Hash.String(), at.have, c.Data)
	if err != nil {
		return at.have, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE blobs SET have = $3, digest = $4, complete_at = $5 WHERE kiosk = $1 AND hash = $2`,
		c.Kiosk, c.Hash.String(), have, digest, complete)
	return have, err
}

func stateOf(sum hash.Hash) ([]byte, error) { return sum.(encoding.BinaryMarshaler).MarshalBinary() }

func forget(ctx context.Context, tx *sql.Tx, c *Chunk) error {
	for _, query := range []string{`DELETE FROM blob_chunks WHERE kiosk = $1 AND hash = $2`, `DELETE FROM blobs WHERE kiosk = $1 AND hash = $2`} {
		if _, err := tx.ExecContext(ctx, query, c.Kiosk, c.Hash.String()); err != nil {
			return err
		}
	}
	return nil
}

// ForgetStrays drops attachments that began before a moment and that no committed record
// has come to name.
func (s *Store) ForgetStrays(ctx context.Context, before time.Time) (n int64, err error) {
	const named = `EXISTS (SELECT 1 FROM attachments a WHERE a.kiosk = blobs.kiosk AND a.hash = blobs.hash)`
	err = s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE blobs SET stray = 0 WHERE stray = 1 AND `+named); err != nil {
			return err
		}
		// The row first: whoever is adding a piece holds it.
		gone, err := collect(ctx, tx, func(r *sql.Rows) (key [2]string, err error) { return key, r.Scan(&key[0], &key[1]) },
			`DELETE FROM blobs WHERE stray = 1 AND begun_at < $1 AND NOT `+named+` RETURNING kiosk, hash`, ms(before))
		if err != nil {
			return err
		}
		for _, key := range gone {
			if _, err := tx.ExecContext(ctx, `DELETE FROM blob_chunks WHERE kiosk = $1 AND hash = $2`, key[0], key[1]); err != nil {
				return err
			}
		}
		n = int64(len(gone))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget stray attachments: %w", err)
	}
	return n, nil
}

// Blob reads a complete attachment, sealed as it came. ErrNotFound means that it is not
// there, or not whole yet. The reader holds one piece at a time and uses ctx.
func (s *Store) Blob(ctx context.Context, kiosk string, hash record.Hash) (r io.Reader, size int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT bytes FROM blobs WHERE kiosk = $1 AND hash = $2 AND complete_at > 0`,
		kiosk, hash.String()).Scan(&size)
	if err != nil {
		return nil, 0, fmt.Errorf("attachment of %s: %w", kiosk, found(err))
	}
	return &blobReader{ctx: ctx, db: s.read, kiosk: kiosk, hash: hash.String(), end: size}, size, nil
}

type blobReader struct {
	ctx         context.Context
	db          asker
	kiosk, hash string
	next, end   int64
	piece       []byte
}

func (b *blobReader) Read(p []byte) (int, error) {
	if len(b.piece) == 0 {
		if b.next == b.end {
			return 0, io.EOF
		}
		err := b.db.QueryRowContext(b.ctx, `SELECT data FROM blob_chunks WHERE kiosk = $1 AND hash = $2 AND start = $3`,
			b.kiosk, b.hash, b.next).Scan(&b.piece)
		if err != nil {
			return 0, fmt.Errorf("attachment of %s at %d: %w", b.kiosk, b.next, found(err))
		}
		b.next += int64(len(b.piece))
	}
	n := copy(p, b.piece)
	b.piece = b.piece[n:]
	return n, nil
}
