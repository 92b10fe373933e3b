package record

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
)

// ErrSealed means that a body cannot be opened: the wrong private key, or bytes that
// are not those which were sealed at this place.
var ErrSealed = errors.New("sealed body does not open")

const nonceSize = 12

// Origin is the place at which a record was first appended, on an entry that was
// carried over into another log. The seal is bound to that place for ever, because
// the terminal that carries it cannot open it again.
type Origin struct {
	Epoch Epoch  `json:"epoch"`
	Seq   uint64 `json:"seq"`
}

// Seal encrypts plaintext for the holder of the platform's private key: SM4-GCM
// (GB/T 32907) under a fresh key, the nonce in front, and that key wrapped with SM2
// in the ASN.1 form of GB/T 35276. Whoever opens it must present the same aad; for an
// entry that is SealData. A nil source means crypto/rand.
func Seal(random io.Reader, pub PublicKey, plaintext, aad []byte) (key, sealed []byte, err error) {
	k, err := NewBodyKey(random, pub)
	if err != nil {
		return nil, nil, err
	}
	return k.Seal(plaintext, aad)
}

// BodyKey is what Seal needs besides the body: a fresh key with its nonce, and the key
// wrapped. Wrapping is most of the work of sealing, and can be done before there is a
// body. It seals once; who does not use it calls Forget.
type BodyKey struct {
	secret  [sm4.BlockSize + nonceSize]byte
	wrapped []byte // nil once used
}

// NewBodyKey draws and wraps a key. A nil source means crypto/rand.
func NewBodyKey(random io.Reader, pub PublicKey) (*BodyKey, error) {
	if pub.IsZero() {
		return nil, errors.New("seal: no platform key")
	}
	if random == nil {
		random = rand.Reader
	}
	k := new(BodyKey)
	if _, err := io.ReadFull(random, k.secret[:]); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	var err error
	if k.wrapped, err = sm2.EncryptASN1(random, pub.key, k.secret[:sm4.BlockSize]); err != nil {
		k.Forget()
		return nil, fmt.Errorf("seal: wrap the key: %w", err)
	}
	return k, nil
}

// Seal does what the function Seal does, and forgets the key. A second call is an error:
// one nonce must never meet two bodies.
func (k *BodyKey) Seal(plaintext, aad []byte) (key, sealed []byte, err error) {
	if k.wrapped == nil {
		return nil, nil, errors.New("seal: the key has been used")
	}
	key = k.wrapped
	defer k.Forget()
	gcm, err := newGCM(k.secret[:sm4.BlockSize])
	if err != nil {
		return nil, nil, fmt.Errorf("seal: %w", err)
	}
	nonce := k.secret[sm4.BlockSize:]
	sealed = make([]byte, nonceSize, nonceSize+len(plaintext)+gcm.Overhead())
	copy(sealed, nonce)
	return key, gcm.Seal(sealed, nonce, plaintext, aad), nil
}

// Forget clears the key from memory.
func (k *BodyKey) Forget() {
	clear(k.secret[:])
	k.wrapped = nil
}

// Format writes «body key» under every verb.
func (*BodyKey) Format(s fmt.State, _ rune) { io.WriteString(s, "«body key»") }

// SealData is what a seal is bound to: the place in the log, the kind and the id of
// the record, so that a body cannot be moved to another place or passed off as
// another record.
//
//	"yeban seal 1" 00 │ epoch 16 │ seq 8 │ len kind 4 │ kind │ id
func SealData(at Origin, kind Kind, id string) []byte {
	b := append([]byte("yeban seal 1\x00"), at.Epoch[:]...)
	b = binary.BigEndian.AppendUint64(b, at.Seq)
	b = binary.BigEndian.AppendUint32(b, uint32(len(kind)))
	b = append(b, kind...)
	return append(b, id...)
}

// Open decrypts the body of an entry of the log named by epoch. It does not check
// the chain. The error is ErrSealed for every cryptographic cause alike.
func Open(priv *PrivateKey, e *Entry, epoch Epoch) ([]byte, error) {
	at, err := e.Origin(epoch)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	plaintext, err := Unseal(priv, e.Key, e.Sealed, SealData(at, e.Kind, e.ID))
	if err != nil {
		return nil, fmt.Errorf("open entry %d: %w", e.Seq, err)
	}
	return plaintext, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
