package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/protocol"
)

const (
	maxWaiting = 64     // commands heard of and not begun
	maxKnown   = 10_000 // commands remembered; beyond it the oldest that have ended and expired are forgotten
	// rewriteAt is how many lines a file may have beyond what it needs.
	rewriteAt = 1000
)

// ErrClosed means that the notebook was closed.
var ErrClosed = errors.New("notebook of commands is closed")

// ErrTooMany means that a hub sends more commands than a terminal remembers or does at once.
var ErrTooMany = errors.New("too many commands")

// Action is how one kind of command is carried out.
type Action struct {
	// Check refuses arguments that make no sense; nothing is done then. May be nil.
	Check func(args map[string]string) error
	// Do carries the command out. Its error text goes to staff: English, no personal data.
	Do func(ctx context.Context, args map[string]string) error
	// Then is called after Do, once it is on stable storage that the command is done:
	// the place to end the program. May be nil.
	Then func()
}

// Config says where the notebook lives and what it can do.
type Config struct {
	Dir       string // the terminal's data folder; must exist
	Actions   map[protocol.CommandName]Action
	Now       func() time.Time // by the hub's clock
	Retention time.Duration    // how long an ended command is remembered beyond its expiry, if there is room; 30 days
	Retry     time.Duration    // between attempts to note a command; 10 s
	Logger    *slog.Logger     // discards

	create func(path string) (file, error)
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Retention <= 0 {
		c.Retention = 30 * 24 * time.Hour
	}
	if c.Retry <= 0 {
		c.Retry = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.create == nil {
		c.create = create
	}
	return c
}

// Notebook remembers commands. Run carries them out; the other methods may be called from
// any goroutine.
type Notebook struct {
	cfg      Config
	setAside string
	wake     chan struct{}
	notify   chan struct{}

	mu      sync.Mutex
	journal journal
	head    head
	known   map[string]*line // the last step of each command
	order   []string         // of known, by when they were heard of
	untold  []protocol.Report
	waiting []protocol.Command
}

// Open reads the notebook in cfg.Dir, or begins one. What had begun and not ended is
// interrupted. A damaged file is set aside (see SetAside), and one that is gone is not taken
// for a beginning; a file of newer software is a *VersionError. Close must be called.
func Open(cfg Config) (*Notebook, error) {
	cfg = cfg.withDefaults()
	n := &Notebook{
		cfg:     cfg,
		wake:    make(chan struct{}, 1),
		notify:  make(chan struct{}, 1),
		journal: journal{path: filepath.Join(cfg.Dir, fileName), create: cfg.create},
		known:   map[string]*line{},
	}
	if err := n.load(); err != nil {
		return nil, fmt.Errorf("open notebook of commands: %w", err)
	}
	return n, nil
}

func (n *Notebook) load() error {
	begun, err := there(n.journal.begunPath())
	if err != nil {
		return err
	}
	kept, err := there(n.journal.path)
	if err != nil {
		return err
	}
	h, lines, whole, err := read(n.journal.path)
	if err != nil {
		return err
	}
	n.head = head{Is: magic, Format: format, Lost: h.Lost, Since: h.Since}
	switch {
	case begun && !kept:
		n.cfg.Logger.Error("notebook of commands is gone", "file", n.journal.path)
		n.head.Lost, n.head.Since = true, time.Time{}
	case !whole:
		if n.setAside, err = n.journal.keepAside(n.cfg.Now()); err != nil {
			return err
		}
		n.head.Lost, n.head.Since = true, time.Time{}
	}
	for i := range lines {
		n.replay(&lines[i])
	}
	now := n.cfg.Now()
	for _, id := range n.order {
		if l := n.known[id]; l.State == protocol.CommandBegun {
			step := *l
			step.State, step.Detail, step.At, step.Told = protocol.CommandInterrupted, "the terminal went down", now, false
			n.enter(step)
		}
	}
	if err := n.rewrite(); err != nil || begun {
		return err
	}
	if err := n.journal.markBegun(); err != nil {
		return errors.Join(err, n.journal.close())
	}
	return nil
}

// replay takes a line of the file.
func (n *Notebook) replay(l *line) {
	if l.Told {
		n.strike(l.report())
	}
	was := n.known[l.ID]
	switch {
	case was == nil:
		n.enter(*l)
	case follows(was.State, l.State):
		step := *l
		step.Name, step.Expires = was.Name, was.Expires
		n.enter(step)
	}
}

// enter makes a step the last of its command, and its report the last to be told.
func (n *Notebook) enter(l line) {
	if n.known[l.ID] == nil {
		n.order = append(n.order, l.ID)
	}
	n.known[l.ID] = &l
	if !l.Told {
		n.untold = append(n.untold, l.report())
	}
}

// strike removes the reports that an answer covers, and says whether there were any.
func (n *Notebook) strike(r protocol.Report) bool {
	before := len(n.untold)
	n.untold = slices.DeleteFunc(n.untold, func(u protocol.Report) bool {
		return u.Command == r.Command && (u.State == r.State || r.State.Ended())
	})
	return len(n.untold) < before
}

// rewrite writes what has to be remembered, and no more. The caller holds mu.
func (n *Notebook) rewrite() error {
	waits := n.forget(len(n.order), n.cfg.Retention)
	var lines []line
	for _, id := range n.order {
		l := *n.known[id]
		if l.Told = true; !waits[id] {
			lines = append(lines, l)
		}
	}
	for _, r := range n.untold {
		k := n.known[r.Command]
		lines = append(lines, line{ID: r.Command, Name: k.Name, State: r.State, Detail: r.Detail, At: r.At, Expires: k.Expires})
	}
	return n.journal.replace(n.head, lines)
}

// forget forgets commands, the oldest first and no more than most of them, that have ended,
// have expired a time ago, and wait for no answer. Those that wait are returned. What is
// forgotten has expired, and is therefore not run again. The caller holds mu.
func (n *Notebook) forget(most int, ago time.Duration) (waits map[string]bool) {
	now := n.cfg.Now()
	waits = map[string]bool{}
	for _, r := range n.untold {
		waits[r.Command] = true
	}
	n.order = slices.DeleteFunc(n.order, func(id string) bool {
		l := n.known[id]
		if most == 0 || waits[id] || !l.State.Ended() || now.Sub(l.Expires) < ago || now.Sub(l.At) < ago {
			return false
		}
		most--
		delete(n.known, id)
		return true
	})
	return waits
}

// SetAside is where a file was put that could not be trusted, or empty.
func (n *Notebook) SetAside() string { return n.setAside }

// Take hears of a command. One that is known already is not run again; where its end has
// been told, that is told once more, since the hub seems not to have heard it.
func (n *Notebook) Take(c protocol.Command) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.head.Lost && n.head.Since.IsZero() {
		// When lines were lost is not known by the hub's clock; this moment is, and it
		// came later.
		n.head.Since, n.journal.anew = n.cfg.Now(), true
	}
	if l := n.known[c.ID]; l != nil {
		told := !slices.ContainsFunc(n.untold, func(r protocol.Report) bool { return r.Command == c.ID })
		if l.State.Ended() && told {
			n.untold = append(n.untold, l.report())
			ring(n.notify)
		}
		return nil
	}
	if slices.ContainsFunc(n.waiting, func(w protocol.Command) bool { return w.ID == c.ID }) {
		return nil
	}
	if len(n.known) >= maxKnown {
		n.forget(maxKnown/10, 0)
	}
	if len(n.waiting) >= maxWaiting || len(n.known) >= maxKnown {
		return fmt.Errorf("command %.64q: %w", c.ID, ErrTooMany)
	}
	n.waiting = append(n.waiting, c)
	ring(n.wake)
	return nil
}

// Run carries out commands, one at a time in the order in which they were heard of, until
// ctx ends.
func (n *Notebook) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if n.one(ctx) {
			continue
		}
		again := time.NewTimer(n.cfg.Retry)
		select {
		case <-ctx.Done():
		case <-n.wake:
		case <-again.C:
		}
		again.Stop()
	}
	return nil
}

// one carries out the command that has waited longest, and says whether there was one. One
// that cannot be noted goes on waiting, which counts as none.
func (n *Notebook) one(ctx context.Context) bool {
	n.mu.Lock()
	if len(n.waiting) == 0 {
		n.mu.Unlock()
		return false
	}
	c := n.waiting[0] // stays there, so that it is not taken a second time
	n.mu.Unlock()
	if !n.carryOut(ctx, c) {
		return false
	}
	n.mu.Lock()
	n.waiting = n.waiting[1:]
	n.mu.Unlock()
	return true
}

// carryOut takes one command to its end. Where that it begins cannot be noted it does
// nothing and says false.
func (n *Notebook) carryOut(ctx context.Context, c protocol.Command) bool {
	log := n.cfg.Logger.With("command", c.ID, "name", string(c.Name))
	action, state, detail := n.judge(c)
	if err := n.step(c, state, detail); err != nil {
		log.Error("command not noted, and not run", "error", err)
		return false
	}
	log.Info("command", "state", string(state), "detail", detail)
	if state != protocol.CommandBegun {
		return true
	}
	err := guarded(ctx, action.Do, c.Args)
	state, detail = protocol.CommandDone, ""
	switch {
	case err != nil && ctx.Err() != nil:
		state, detail = protocol.CommandInterrupted, "the program ended"
	case err != nil:
		state, detail = protocol.CommandFailed, printable(err.Error())
	}
	log.Info("command", "state", string(state), "detail", detail)
	if err := n.step(c, state, detail); err != nil {
		log.Error("end of a command not noted", "error", err)
		return true
	}
	if state == protocol.CommandDone && action.Then != nil {
		action.Then()
	}
	return true
}

// judge says what becomes of a command that is about to begin.
func (n *Notebook) judge(c protocol.Command) (Action, protocol.CommandState, string) {
	action, known := n.cfg.Actions[c.Name]
	now := n.cfg.Now()
	switch {
	case n.mayHaveRun(c.ID):
		return action, protocol.CommandInterrupted, "the terminal has lost its notes from before this command"
	case !now.Before(c.Expires):
		return action, protocol.CommandExpired, ""
	case !known:
		return action, protocol.CommandRefused, "not known to this version of the software"
	}
	if action.Check != nil {
		if err := action.Check(c.Args); err != nil {
			return action, protocol.CommandRefused, printable(err.Error())
		}
	}
	return action, protocol.CommandBegun, ""
}

// mayHaveRun says whether a command was given before lines were lost.
func (n *Notebook) mayHaveRun(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.head.Lost {
		return false
	}
	given, err := ulid.ParseStrict(id)
	return err != nil || !ulid.Time(given.Time()).After(n.head.Since)
}

// step notes one durably and has it told. A step that cannot be noted has not happened,
// except an end, which is told all the same.
func (n *Notebook) step(c protocol.Command, state protocol.CommandState, detail string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	from := unheard
	if l := n.known[c.ID]; l != nil {
		from = l.State
	}
	if !follows(from, state) {
		return fmt.Errorf("command is %q and cannot become %q", from, state)
	}
	l := line{ID: c.ID, Name: c.Name, State: state, Detail: detail, At: n.cfg.Now(), Expires: c.Expires}
	if from != unheard {
		n.enter(l)
		ring(n.notify)
		return n.write(l)
	}
	if n.journal.anew {
		if err := n.rewrite(); err != nil {
			return err
		}
	}
	if err := n.journal.append(l); err != nil {
		return err
	}
	n.enter(l)
	ring(n.notify)
	return nil
}

// write adds a line that the notebook already knows.
func (n *Notebook) write(l line) error {
	if n.journal.anew || n.journal.lines > len(n.known)+len(n.untold)+rewriteAt {
		return n.rewrite()
	}
	return n.journal.append(l)
}

// Next is the oldest report that the hub has not answered.
func (n *Notebook) Next() (r protocol.Report, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.untold) == 0 {
		return r, false
	}
	return n.untold[0], true
}

// Answered says that the hub has a report. Where that cannot be noted it will be told
// again after a restart, which does no harm.
func (n *Notebook) Answered(r protocol.Report) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known[r.Command] == nil || !n.strike(r) {
		return nil
	}
	return n.write(line{ID: r.Command, State: r.State, At: r.At, Told: true})
}

// Notify receives after there is something to tell. There is one channel for all callers.
func (n *Notebook) Notify() <-chan struct{} { return n.notify }

// Close releases the file. Run must have returned.
func (n *Notebook) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.journal.close()
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
