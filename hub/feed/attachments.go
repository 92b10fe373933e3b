package feed

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// AttachmentPath is where a back office fetches what an application names under blobs.
const AttachmentPath = "GET /backoffice/v1/attachments/{kiosk}/{hash}"

// Attachments gives the opened content of an attachment to whoever shows the
// secret's FetchToken as a bearer token. 404 means that it is not at the province yet, or nowhere; its media
// type stands in the application.
type Attachments struct {
	Store interface {
		Blob(ctx context.Context, kiosk string, hash record.Hash) (r io.Reader, size int64, err error)
	}
	Key    *record.PrivateKey
	Secret Secret
	Log    *slog.Logger
}

// ServeHTTP implements http.Handler.
func (a *Attachments) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(a.Secret.FetchToken())) != 1 {
		a.Log.Warn("attachment refused", "remote", r.RemoteAddr)
		w.Header().Set("WWW-Authenticate", "Bearer")
		answer(w, http.StatusUnauthorized, "the token for attachments is required")
		return
	}
	content, err := a.read(r)
	switch {
	case errors.Is(err, store.ErrNotFound):
		answer(w, http.StatusNotFound, "not here, or not whole yet")
	case err != nil:
		a.Log.Error("give an attachment", "err", err)
		answer(w, http.StatusInternalServerError, "the attachment cannot be opened")
	default:
		defer clear(content)
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(content)
	}
}

func (a *Attachments) read(r *http.Request) ([]byte, error) {
	var hash record.Hash
	if hash.UnmarshalText([]byte(r.PathValue("hash"))) != nil {
		return nil, store.ErrNotFound
	}
	sealed, size, err := a.Store.Blob(r.Context(), r.PathValue("kiosk"), hash)
	if err != nil {
		return nil, err
	}
	if size > protocol.MaxBlobBytes {
		return nil, errors.New("larger than an attachment can be")
	}
	whole := make([]byte, size)
	if _, err := io.ReadFull(sealed, whole); err != nil {
		return nil, err
	}
	return record.OpenBlob(a.Key, whole)
}
