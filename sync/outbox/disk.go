package outbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// freeBytes is what an unprivileged writer may still use of dir's file system.
func freeBytes(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("ask for free space: %w", err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// syncDir makes a file's name as durable as its content.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
