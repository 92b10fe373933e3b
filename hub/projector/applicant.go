package projector

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"

	"yeban/sync/record"
)

// tagLabel keeps the key of tags apart from any other that may be derived from the
// platform's.
const tagLabel = "yeban applicant tag 1"

// Tagger names a person in the store without saying who it is: by an HMAC-SM3 of the
// document's number under a key that follows from the platform's private key. Who has
// the database and not the key cannot try numbers.
type Tagger struct{ key []byte }

// NewTagger derives the key of tags.
func NewTagger(platform *record.PrivateKey) (*Tagger, error) {
	text, err := platform.MarshalPEM()
	if err != nil {
		return nil, fmt.Errorf("derive the key of tags: %w", err)
	}
	defer clear(text)
	block, _ := pem.Decode(text)
	parsed, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("derive the key of tags: %w", err)
	}
	// The number itself and not its encoding, which a library may change.
	secret := parsed.(*sm2.PrivateKey).D.FillBytes(make([]byte, 32))
	defer clear(secret)
	return &Tagger{digest(secret, tagLabel)}, nil
}

// Tag is 64 hex digits, and empty for an empty number.
func (t *Tagger) Tag(idNumber string) string {
	number := strings.ToUpper(strings.TrimSpace(idNumber))
	if number == "" {
		return ""
	}
	return hex.EncodeToString(digest(t.key, number))
}

func digest(key []byte, text string) []byte {
	h := hmac.New(sm3.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Format writes «tagger» under every verb.
func (*Tagger) Format(s fmt.State, _ rune) { fmt.Fprint(s, "«tagger»") }
