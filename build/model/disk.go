package model

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

const (
	page   = 4096
	sector = 512
	metas  = 2 // pages at the front of a bbolt file, one of which is written last
)

// copyFiles copies files of one folder that are there into another.
func copyFiles(from, to string, names ...string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		in, err := os.Open(filepath.Join(from, name))
		if os.IsNotExist(err) {
			continue
		} else if err != nil {
			return err
		}
		out, err := os.Create(filepath.Join(to, name))
		if err == nil {
			_, err = io.Copy(out, in)
			if e := out.Close(); err == nil {
				err = e
			}
		}
		in.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// copyDisk copies a terminal's disk as a power cut leaves it.
func copyDisk(from, to string, files ...string) error {
	if err := copyFiles(from, to, files...); err != nil {
		return err
	}
	blobs, err := os.ReadDir(filepath.Join(from, blobDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, b := range blobs {
		err = errors.Join(err, copyFiles(filepath.Join(from, blobDir), filepath.Join(to, blobDir), b.Name()))
	}
	return err
}

// torn is what a power cut may leave of one bbolt transaction that turned before into
// after. bbolt flushes all other pages before it writes a meta page, and that one after.
// chance gives random bits.
func torn(before, after []byte, chance func(n int) int) []byte {
	grown := append([]byte(nil), after...)
	copy(grown, before[:min(len(before), metas*page)])
	switch chance(3) {
	case 0: // before the first flush: of the other pages any may be there
		for p := metas; p*page < len(after); p++ {
			if chance(2) == 0 {
				continue
			}
			end := min((p+1)*page, len(after))
			clear(grown[p*page : end])
			if p*page < len(before) {
				copy(grown[p*page:end], before[p*page:min(end, len(before))])
			}
		}
		if chance(2) == 0 && len(before) < len(grown) {
			grown = grown[:len(before)]
		}
	case 1: // after it: of the meta page some sectors
		n := chance(metas*page/sector + 1)
		copy(grown, after[:min(n*sector, len(after))])
	case 2: // after the second: all
		copy(grown, after)
	}
	return grown
}
