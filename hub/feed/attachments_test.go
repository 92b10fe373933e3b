package feed

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"yeban/hub/store"
	"yeban/sync/record"
)

func TestAttachmentsAreGivenToTheSecret(t *testing.T) {
	r := newRig(t)
	content := []byte("WL picture of 张测试")
	sealed, err := record.SealBlob(nil, r.key.Public(), content)
	if err != nil {
		t.Fatal(err)
	}
	hash := record.HashBlob(sealed)
	a := r.application()
	a.Blobs = []record.BlobRef{{Hash: hash, Bytes: int64(len(sealed)), Role: record.BlobCardPhoto, Media: "application/x-wlt"}}
	r.hand(a, r.key.Public())
	secret := NewSecret()
	mux := http.NewServeMux()
	mux.Handle(AttachmentPath, &Attachments{Store: r.store, Key: r.key, Secret: secret, Log: r.log})
	s := httptest.NewServer(mux)
	defer s.Close()
	get := func(path, token string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	path := "/backoffice/v1/attachments/hall-1/" + hash.String()
	put := func(from, to int) {
		t.Helper()
		chunk := store.Chunk{Kiosk: "hall-1"}
		chunk.Hash, chunk.Bytes, chunk.Offset, chunk.Data = hash, int64(len(sealed)), int64(from), sealed[from:to]
		if out := r.store.PutChunks(t.Context(), []store.Chunk{chunk}); out[0].Err != nil {
			t.Fatal(out)
		}
	}
	put(0, 10)
	if code, _ := get(path, secret.FetchToken()); code != http.StatusNotFound {
		t.Errorf("half of it: %d", code)
	}
	put(10, len(sealed))
	if code, body := get(path, secret.FetchToken()); code != http.StatusOK || body != string(content) {
		t.Errorf("whole: %d %q", code, body)
	}
	for name, c := range map[string]struct {
		path, token string
		want        int
	}{
		"another secret":    {path, NewSecret().FetchToken(), 401},
		"the secret itself": {path, secret.Text(), 401},
		"no secret":         {path, "", 401},
		"another terminal":  {"/backoffice/v1/attachments/hall-2/" + hash.String(), secret.FetchToken(), 404},
		"not a hash":        {"/backoffice/v1/attachments/hall-1/xyz", secret.FetchToken(), 404},
	} {
		if code, body := get(c.path, c.token); code != c.want || len(body) > 200 {
			t.Errorf("%s: %d, want %d", name, code, c.want)
		}
	}
}
