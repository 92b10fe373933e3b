package record

import (
	"errors"
	"fmt"
)

// ErrChain means that an entry does not follow the one before it, or is not whole.
var ErrChain = errors.New("chain is broken")

// Follows says nil when e is whole and stands directly behind the entry with the
// given sequence and hash in the log named by epoch. Zero and zeros stand before
// the first entry.
func (e *Entry) Follows(epoch Epoch, seq uint64, hash Hash) error {
	switch {
	case e.Seq != seq+1:
		return fmt.Errorf("entry %d after %d: %w", e.Seq, seq, ErrChain)
	case e.Prev != hash:
		return fmt.Errorf("entry %d names another predecessor: %w", e.Seq, ErrChain)
	case e.Hash != e.Sum(epoch):
		return fmt.Errorf("entry %d is not what was hashed: %w", e.Seq, ErrChain)
	}
	return nil
}
