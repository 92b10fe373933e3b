package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/sm3"
)

const (
	// MaxBlobBytes is one sealed attachment.
	MaxBlobBytes = 16 << 20
	// MaxBlobContent is what may be sealed into one; the rest is the seal itself.
	MaxBlobContent = MaxBlobBytes - 1<<10
)

// ErrBlob means that bytes are not a sealed attachment of this format. ErrVersion means
// one of newer software.
var ErrBlob = errors.New("not a sealed attachment")

const (
	blobMagic   = "yeban blob"
	blobVersion = 1
	blobHead    = len(blobMagic) + 1 + 2
)

// SealBlob makes an attachment for the holder of the platform's private key, in bytes
// that stand alone:
//
//	"yeban blob" │ version 1 byte, 1 │ len key 2, big-endian │ key │ nonce 12 │ SM4-GCM
//
// Key is as in Entry; the additional data of the seal is magic and version. A record names
// the attachment by its HashBlob, and so ties the two together. A nil source means
// crypto/rand.
func SealBlob(random io.Reader, pub PublicKey, content []byte) ([]byte, error) {
	if len(content) > MaxBlobContent {
		return nil, fmt.Errorf("seal attachment: %d bytes: %w", len(content), ErrTooLarge)
	}
	key, sealed, err := Seal(random, pub, content, blobData())
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, blobHead+len(key)+len(sealed))
	out = append(out, blobData()...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(key)))
	return append(append(out, key...), sealed...), nil
}

// OpenBlob gives the content of what SealBlob made. It is ErrBlob for bytes that are none,
// ErrVersion for those of newer software, ErrSealed for the wrong key or changed bytes.
func OpenBlob(priv *PrivateKey, sealed []byte) ([]byte, error) {
	if len(sealed) < blobHead || !bytes.HasPrefix(sealed, []byte(blobMagic)) {
		return nil, ErrBlob
	}
	if version := sealed[len(blobMagic)]; version != blobVersion {
		return nil, fmt.Errorf("attachment of format %d: %w", version, ErrVersion)
	}
	n := int(binary.BigEndian.Uint16(sealed[blobHead-2:]))
	body := sealed[blobHead:]
	if len(body) < n {
		return nil, ErrBlob
	}
	content, err := Unseal(priv, body[:n], body[n:], blobData())
	if err != nil {
		return nil, fmt.Errorf("open attachment: %w", err)
	}
	return content, nil
}

// blobData is the beginning of a sealed attachment, and what its seal is bound to.
func blobData() []byte { return append([]byte(blobMagic), blobVersion) }

// HashBlob names sealed bytes: their SM3.
func HashBlob(sealed []byte) Hash { return sm3.Sum(sealed) }
