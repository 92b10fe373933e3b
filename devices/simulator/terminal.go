package simulator

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// openTerminal opens a pseudo-terminal in raw mode. Both ends are kept with Go's poller
// (creack/pty sets them blocking), so that closing the master ends a read of it.
func openTerminal() (master, slave *os.File, err error) {
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := unix.Open("/dev/ptmx", flags, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("simulator: open pseudo-terminal: %w", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), flags, 0)
	}
	if err == nil {
		err = makeRaw(slave)
	}
	if err != nil {
		master.Close()
		slave.Close() // a nil file refuses politely
		return nil, nil, fmt.Errorf("simulator: open pseudo-terminal: %w", err)
	}
	return master, slave, nil
}

// termios reads a terminal's settings; of a master, those that the slave was given.
func termios(f *os.File, request uint) (t *unix.Termios, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	if e := conn.Control(func(fd uintptr) { t, err = unix.IoctlGetTermios(int(fd), request) }); e != nil {
		return nil, e
	}
	return t, err
}

// makeRaw switches echo and all translation off.
func makeRaw(f *os.File) error {
	t, err := termios(f, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("read line settings: %w", err)
	}
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if e := conn.Control(func(fd uintptr) { err = unix.IoctlSetTermios(int(fd), unix.TCSETS, t) }); e != nil {
		return e
	}
	if err != nil {
		return fmt.Errorf("set raw mode: %w", err)
	}
	return nil
}
