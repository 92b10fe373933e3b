package record

import (
	"fmt"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"
)

// Unseal opens what Seal gave under the same aad. The error is ErrSealed for every
// cryptographic cause alike.
func Unseal(priv *PrivateKey, key, sealed, aad []byte) ([]byte, error) {
	bodyKey, err := sm2.Decrypt(priv.key, key)
	if err != nil || len(bodyKey) != sm4.BlockSize || len(sealed) < nonceSize {
		return nil, ErrSealed
	}
	defer clear(bodyKey)
	gcm, err := newGCM(bodyKey)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	plaintext, err := gcm.Open(nil, sealed[:nonceSize], sealed[nonceSize:], aad)
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}
