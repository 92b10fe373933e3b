package feed

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of the Standard Webhooks specification.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"

	secretPrefix = "whsec_"
	tolerance    = 5 * time.Minute // between the two clocks
)

// Secret is what hub and back office share; it signs in both directions.
type Secret struct{ key []byte }

// NewSecret makes one of 256 random bits.
func NewSecret() Secret {
	key := make([]byte, 32)
	rand.Read(key)
	return Secret{key}
}

// ParseSecret reads the text form: whsec_ and base64 of 24 to 64 bytes.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return Secret{}, errors.New("want whsec_ and 24 to 64 bytes in base64")
	}
	return Secret{key}, nil
}

// Text is what ParseSecret reads.
func (s Secret) Text() string { return secretPrefix + base64.StdEncoding.EncodeToString(s.key) }

// Format keeps the secret out of logs.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "«secret»") }

func (s Secret) sum(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	return mac.Sum(nil)
}

// FetchToken is what a back office shows to fetch attachments: a lesser thing than the
// secret, so that a logged header cannot sign results. It is base64 of HMAC-SHA256 of
// "yeban attachments" under the secret's bytes.
func (s Secret) FetchToken() string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte("yeban attachments"))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Sign adds the headers that prove who sent a body, and when.
func (s Secret) Sign(h http.Header, id string, now time.Time, body []byte) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h.Set(headerID, id)
	h.Set(headerTimestamp, timestamp)
	h.Set(headerSignature, "v1,"+base64.StdEncoding.EncodeToString(s.sum(id, timestamp, body)))
}

// ErrSignature means that a message is not from who shares the secret, or is too old.
var ErrSignature = errors.New("signature does not fit")

// Verify proves a signed body. There may be several signatures, separated by spaces,
// while a secret is being changed.
func (s Secret) Verify(h http.Header, now time.Time, body []byte) error {
	id, timestamp := h.Get(headerID), h.Get(headerTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return fmt.Errorf("%w: no %s or %s", ErrSignature, headerID, headerTimestamp)
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > tolerance || d < -tolerance {
		return fmt.Errorf("%w: %s is %s away from this hub's clock", ErrSignature, headerTimestamp, d.Round(time.Second))
	}
	want := s.sum(id, timestamp, body)
	for one := range strings.FieldsSeq(h.Get(headerSignature)) {
		encoded, ok := strings.CutPrefix(one, "v1,")
		got, err := base64.StdEncoding.DecodeString(encoded)
		if ok && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return ErrSignature
}
