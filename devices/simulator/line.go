package simulator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// firmware is the side of a device that a line talks to.
type firmware interface {
	// receive takes bytes in order, from one goroutine at a time.
	receive(p []byte)
	// space is how many bytes the device takes now; at zero the line stops
	// reading until nudge is called.
	space() int
	// plugged tells that the cable was put in: the device has power from now on.
	plugged()
	// pulled tells that the cable was pulled, other than by the device's own doing.
	pulled()
}

// segment is a piece of what a device says, after a pause.
type segment struct {
	after time.Duration
	data  []byte
	pull  bool // then pull the cable
}

// line is a device's serial port. The pseudo-terminal lives from plug to unplug;
// the line outlives it.
type line struct {
	dir, name string
	baud      atomic.Int64 // the device's own rate
	speed     float64
	device    firmware
	wake      chan struct{}

	done  sync.WaitGroup // of all goroutines of all cables
	mu    sync.Mutex
	cable *cable // nil while unplugged
}

// cable is one pseudo-terminal. Closing the master is pulling the plug. The slave is
// held open so that the master reads on while no program has the port open, and so
// that the raw mode set before anything is written stays.
type cable struct {
	line          *line
	master, slave *os.File
	link          string
	out           chan segment
	ctx           context.Context
	cancel        context.CancelFunc
}

func newLine(dir, name string, baud int, speed float64, device firmware) *line {
	l := &line{dir: dir, name: name, speed: speed, device: device, wake: make(chan struct{}, 1)}
	l.baud.Store(int64(baud))
	return l
}

// plug puts the cable in; the port appears under dir/as, or under the device's own name
// where as is empty. A cable that is in is pulled for it. After an error all is as it was.
func (l *line) plug(as string) error {
	if as == "" {
		as = l.name
	}
	if filepath.Base(as) != as || as[0] == '.' {
		return fmt.Errorf("%w: %q is no port name", ErrRequest, as)
	}
	master, slave, err := openTerminal()
	if err != nil {
		return err
	}
	c := &cable{line: l, master: master, slave: slave, link: filepath.Join(l.dir, as), out: make(chan segment, 1<<12)}
	if err := point(c.link, slave.Name()); err != nil {
		master.Close()
		slave.Close()
		return err
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	l.mu.Lock()
	before := l.cable
	l.cable = c
	l.done.Add(2)
	l.mu.Unlock()
	if before != nil {
		before.close()
	}
	l.device.plugged()
	go c.hear()
	go c.speak()
	return nil
}

// unplug pulls the cable: the port's name goes, an open port sees a hang-up. It does
// not wait for the cable's goroutines, which may be the caller; see wait.
func (l *line) unplug() {
	l.mu.Lock()
	c := l.cable
	l.cable = nil
	l.mu.Unlock()
	if c != nil {
		c.close()
	}
}

// wait returns when the goroutines of all pulled cables have ended.
func (l *line) wait() { l.done.Wait() }

// close ends the pseudo-terminal.
func (c *cable) close() {
	if at, err := os.Readlink(c.link); err == nil && at == c.slave.Name() {
		os.Remove(c.link)
	}
	c.cancel()
	c.master.Close()
	c.slave.Close()
}

// in tells whether the cable is in.
func (l *line) in() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cable != nil
}

// port is the name that the device's port has; empty where the cable is out.
func (l *line) port() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cable == nil {
		return ""
	}
	return filepath.Base(l.cable.link)
}

// send says segments in order. What is said into a missing cable, or faster than a
// driver ever reads, is lost, as on a wire.
func (l *line) send(segments ...segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cable == nil {
		return
	}
	for _, s := range segments {
		select {
		case l.cable.out <- s:
		default:
		}
	}
}

// nudge makes the line ask for space again.
func (l *line) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// scale turns device time into the bench's time.
func (l *line) scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) / l.speed)
}

// wire is how long n bytes take at a rate, 8N1.
func (l *line) wire(n, baud int) time.Duration {
	return l.scale(time.Duration(n) * 10 * time.Second / time.Duration(baud))
}

// hostBaud is the rate that the driver set on the port.
func (c *cable) hostBaud() int {
	own := int(c.line.baud.Load())
	t, err := termios(c.master, unix.TCGETS2)
	if err != nil || t.Ospeed == 0 {
		return own
	}
	return int(t.Ospeed)
}

func (c *cable) hear() {
	defer c.line.done.Done()
	var pace pacer
	buf := make([]byte, 64)
	for {
		room := c.line.device.space()
		if room <= 0 {
			select {
			case <-c.line.wake:
				continue
			case <-c.ctx.Done():
				return
			}
		}
		asked := time.Now()
		n, err := c.master.Read(buf[:min(room, len(buf))])
		if err != nil {
			return
		}
		if time.Since(asked) > idle {
			pace = pacer{}
		}
		host := c.hostBaud()
		if !pace.pass(c.ctx, c.line.wire(n, host)) {
			return
		}
		if heard := resample(buf[:n], host, int(c.line.baud.Load())); len(heard) > 0 {
			c.line.device.receive(heard)
		}
	}
}

func (c *cable) speak() {
	defer c.line.done.Done()
	var pace pacer
	for {
		var s segment
		select {
		case s = <-c.out:
		default:
			select {
			case s = <-c.out:
				pace = pacer{}
			case <-c.ctx.Done():
				return
			}
		}
		if s.after > 0 {
			pace = pacer{}
			if !pace.pass(c.ctx, c.line.scale(s.after)) {
				return
			}
		}
		own := int(c.line.baud.Load())
		data := resample(s.data, own, c.hostBaud())
		piece := max(pieceBytes, own/10_000)
		for len(data) > 0 {
			n := min(len(data), piece)
			if !pace.pass(c.ctx, c.line.wire(n, own)) {
				return
			}
			if _, err := c.master.Write(data[:n]); err != nil {
				return
			}
			data = data[n:]
		}
		if s.pull {
			c.line.unplug()
			c.line.device.pulled()
			return
		}
	}
}

const (
	// slack is how far behind its time a pacer may be and still catch up.
	slack = 50 * time.Millisecond
	// idle is how long a read waits at least when the host was silent.
	idle = 200 * time.Microsecond
	// pieceBytes is how much is said at least in one go, as by a UART that has a buffer; on
	// fast lines it is what takes a millisecond.
	pieceBytes = 4
)

// pacer spaces bytes in time. A sleep that overshoots is made up for by the next.
type pacer struct{ next time.Time }

func (p *pacer) pass(ctx context.Context, d time.Duration) bool {
	now := time.Now()
	if p.next.Before(now.Add(-slack)) {
		p.next = now
	}
	p.next = p.next.Add(d)
	wait := p.next.Sub(now)
	if wait < 50*time.Microsecond {
		return ctx.Err() == nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// point makes link a symbolic link to target in one step.
func point(link, target string) error {
	if fi, err := os.Lstat(link); err == nil && fi.Mode()&os.ModeSymlink == 0 {
		return fmt.Errorf("%w: %s is not a link", ErrRequest, link)
	}
	tmp := filepath.Join(filepath.Dir(link), ".new-"+filepath.Base(link)) // no port's name
	os.Remove(tmp)
	if err := os.Symlink(target, tmp); err != nil {
		return fmt.Errorf("simulator: link port: %w", err)
	}
	if err := os.Rename(tmp, link); err != nil {
		return fmt.Errorf("simulator: link port: %w", err)
	}
	return nil
}
