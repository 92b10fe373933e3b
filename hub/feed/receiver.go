package feed

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"yeban/hub/store"
)

// ResultsPath is where a hub takes results at any time.
const ResultsPath = "POST /backoffice/v1/results"

// Receiver takes results that the back office posts, signed with the same secret as the
// events. Its answers: 204 all kept; 404 one of them names no application that this hub
// has, the others are kept; 400 not a list of results, nothing kept; 401 not signed.
type Receiver struct {
	Store  ResultStore
	Bus    interface{ Hint(subject string) }
	Secret Secret
	Source string // name of the feed
	Log    *slog.Logger
	Now    func() time.Time
}

// ResultStore keeps results.
type ResultStore interface {
	SaveResult(ctx context.Context, r store.Result) (changed bool, err error)
}

// ServeHTTP implements http.Handler.
func (v *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAnswerBytes))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, "at most 1 MiB")
		return
	}
	defer clear(body)
	if err := v.Secret.Verify(r.Header, v.Now(), body); err != nil {
		v.Log.Warn("results refused", "remote", r.RemoteAddr, "err", err)
		answer(w, http.StatusUnauthorized, err.Error())
		return
	}
	parsed, err := parseAnswer(body)
	if err != nil {
		answer(w, http.StatusBadRequest, err.Error())
		return
	}
	err = Apply(r.Context(), v.Store, v.Bus, v.Source, parsed.Results)
	switch {
	case errors.Is(err, store.ErrNotFound):
		answer(w, http.StatusNotFound, err.Error())
	case err != nil:
		v.Log.Error("keep results", "err", err)
		answer(w, http.StatusServiceUnavailable, "come back later")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
}
