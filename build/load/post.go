package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// sqliteFile opens a database with one connection. The hub's commits are on stable storage
// before they are answered; the kiosk's marks need not be, because a record that is sent
// again is known by its number.
func sqliteFile(path, synchronous string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous("+synchronous+")&_pragma=wal_autocheckpoint(2000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE IF NOT EXISTS records (n INTEGER PRIMARY KEY, body BLOB NOT NULL)`)
	return db, err
}

// drainPost empties a table on the kiosk into one at a server: a request of so many records
// is answered after their commit, and they are then removed here.
func (r *rig) drainPost(bodies [][]byte, records, batch int) (drained, error) {
	dir, err := r.folder(fmt.Sprint("post-", batch))
	if err != nil {
		return drained{}, err
	}
	db, err := sqliteFile(filepath.Join(dir, "kiosk.db"), "NORMAL")
	if err != nil {
		return drained{}, err
	}
	defer db.Close()
	if err := insert(r.ctx, db, 1, records, func(n int) []byte { return bodies[n%len(bodies)] }); err != nil {
		return drained{}, err
	}
	server, err := r.start(r.again("post-hub", "--data", dir))
	if err != nil {
		return drained{}, err
	}
	defer server.stop(syscall.SIGTERM)
	address, err := r.fileWithText(filepath.Join(dir, "ready"))
	if err != nil {
		return drained{}, err
	}
	w, err := r.startWire(address)
	if err != nil {
		return drained{}, err
	}
	sender := &poster{db: db, url: "http://" + w.address() + "/records", client: &http.Client{Timeout: time.Minute}}
	defer sender.client.CloseIdleConnections()
	begun := time.Now()
	for left := records; left > 0; {
		n, err := sender.post(r.ctx, min(batch, left))
		if err != nil {
			return drained{}, err
		}
		left -= n
	}
	return drained{records, time.Since(begun), w.carried()}, nil
}

type poster struct {
	db     *sql.DB
	url    string
	client *http.Client
}

// post sends the oldest records, each behind its number and length.
func (p *poster) post(ctx context.Context, batch int) (int, error) {
	rows, err := p.db.QueryContext(ctx, `SELECT n, body FROM records ORDER BY n LIMIT ?`, batch)
	if err != nil {
		return 0, err
	}
	var text []byte
	n, last := 0, int64(0)
	for ; rows.Next(); n++ {
		var body []byte
		if err := rows.Scan(&last, &body); err != nil {
			return 0, errors.Join(err, rows.Close())
		}
		text = binary.BigEndian.AppendUint64(text, uint64(last))
		text = binary.BigEndian.AppendUint32(text, uint32(len(body)))
		text = append(text, body...)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	answer, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return 0, err
	}
	if answer.StatusCode != http.StatusNoContent {
		return 0, fmt.Errorf("server says %s", answer.Status)
	}
	_, err = p.db.ExecContext(ctx, `DELETE FROM records WHERE n <= ?`, last)
	return n, err
}

type postHubCmd struct{ Data string }

// Run serves until it is told to stop.
func (c *postHubCmd) Run(r *rig) error {
	db, err := sqliteFile(filepath.Join(c.Data, "hub.db"), "FULL")
	if err != nil {
		return err
	}
	defer db.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.Data, "ready"), []byte(listener.Addr().String()), 0o600); err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text, err := io.ReadAll(req.Body)
		if err == nil {
			err = takePosted(req.Context(), db, text)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})}
	stop := context.AfterFunc(r.ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func takePosted(ctx context.Context, db *sql.DB, text []byte) error {
	var numbers []int
	var bodies [][]byte
	for len(text) >= 12 {
		n, size := binary.BigEndian.Uint64(text), binary.BigEndian.Uint32(text[8:])
		if len(text) < 12+int(size) {
			return io.ErrUnexpectedEOF
		}
		numbers, bodies, text = append(numbers, int(n)), append(bodies, text[12:12+size]), text[12+size:]
	}
	if len(numbers) == 0 {
		return io.ErrUnexpectedEOF
	}
	return insert(ctx, db, numbers[0], len(numbers), func(n int) []byte { return bodies[n-numbers[0]] })
}

// insert writes so many records from a number on, in one transaction.
func insert(ctx context.Context, db *sql.DB, first, records int, body func(n int) []byte) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	into, err := tx.PrepareContext(ctx, `INSERT OR IGNORE INTO records (n, body) VALUES (?, ?)`)
	if err != nil {
		return err
	}
	for n := first; n < first+records; n++ {
		if _, err := into.ExecContext(ctx, n, body(n)); err != nil {
			return err
		}
	}
	return tx.Commit()
}
