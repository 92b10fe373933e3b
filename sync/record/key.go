package record

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"
)

const (
	pemPublic  = "PUBLIC KEY"  // PKIX, GB/T 35276 point on the SM2 curve
	pemPrivate = "PRIVATE KEY" // PKCS #8
)

// PublicKey is the platform's SM2 key (GB/T 32918) to which a terminal seals its
// records. The zero value seals nothing.
type PublicKey struct{ key *ecdsa.PublicKey }

// PrivateKey opens what was sealed to its Public key. It belongs on the hub's side
// only, and prints as «private key».
type PrivateKey struct{ key *sm2.PrivateKey }

// ParsePublicKey reads the PEM block "PUBLIC KEY" with an SM2 key.
func ParsePublicKey(text []byte) (PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemPublic {
		return PublicKey{}, fmt.Errorf("platform key: no PEM block %q", pemPublic)
	}
	parsed, err := smx509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, fmt.Errorf("platform key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || !sm2.IsSM2PublicKey(key) {
		return PublicKey{}, errors.New("platform key: not an SM2 key")
	}
	return PublicKey{key}, nil
}

// IsZero tells a key that was never set.
func (k PublicKey) IsZero() bool { return k.key == nil }

// MarshalPEM is what ParsePublicKey reads.
func (k PublicKey) MarshalPEM() ([]byte, error) {
	der, err := k.der()
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: der}), nil
}

// Fingerprint is 16 hex digits by which two people compare a key: the first bytes of
// the SM3 digest of its DER form. Empty for the zero key.
func (k PublicKey) Fingerprint() string {
	der, err := k.der()
	if err != nil {
		return ""
	}
	sum := sm3.Sum(der)
	return hex.EncodeToString(sum[:8])
}

func (k PublicKey) der() ([]byte, error) {
	if k.key == nil {
		return nil, errors.New("platform key: not set")
	}
	der, err := smx509.MarshalPKIXPublicKey(k.key)
	if err != nil {
		return nil, fmt.Errorf("platform key: %w", err)
	}
	return der, nil
}

// GenerateKey makes a new pair; a nil source means crypto/rand.
func GenerateKey(random io.Reader) (*PrivateKey, error) {
	if random == nil {
		random = rand.Reader
	}
	key, err := sm2.GenerateKey(random)
	if err != nil {
		return nil, fmt.Errorf("generate an SM2 key: %w", err)
	}
	return &PrivateKey{key}, nil
}

// ParsePrivateKey reads the PEM block "PRIVATE KEY" with an SM2 key. No error text
// holds any part of the key.
func ParsePrivateKey(text []byte) (*PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemPrivate {
		return nil, fmt.Errorf("private key: no PEM block %q", pemPrivate)
	}
	parsed, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("private key: not PKCS #8")
	}
	key, ok := parsed.(*sm2.PrivateKey)
	if !ok {
		return nil, errors.New("private key: not an SM2 key")
	}
	return &PrivateKey{key}, nil
}

// Public is the half that terminals are given.
func (k *PrivateKey) Public() PublicKey { return PublicKey{&k.key.PublicKey} }

// MarshalPEM is what ParsePrivateKey reads.
func (k *PrivateKey) MarshalPEM() ([]byte, error) {
	der, err := smx509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPrivate, Bytes: der}), nil
}

// Format writes «private key» under every verb.
func (*PrivateKey) Format(s fmt.State, _ rune) { io.WriteString(s, "«private key»") }

// LogValue is «private key».
func (*PrivateKey) LogValue() slog.Value { return slog.StringValue("«private key»") }
