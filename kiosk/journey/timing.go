package journey

import "time"

// Timing is how long a terminal waits for a citizen (facts: WCAG 2.2.1, GB/T 39734 give
// no figures for terminals; these are the house's).
type Timing struct {
	Idle     time.Duration // home choices, consent, card
	Form     time.Duration // forms and review
	Result   time.Duration // receipt and rating
	Warning  time.Duration // countdown before the visit is wiped
	Farewell time.Duration
	CardWait time.Duration // before the card page offers another way on
	Elder    float64       // factor in elder mode
}

// DefaultTiming is the timing a hall starts with.
func DefaultTiming() Timing {
	return Timing{
		Idle: 60 * time.Second, Form: 120 * time.Second, Result: 30 * time.Second,
		Warning: 20 * time.Second, Farewell: 6 * time.Second, CardWait: 45 * time.Second, Elder: 2,
	}
}

// patience is how long the machine waits in its present state before it warns; zero
// means that no clock runs, because a device works or nobody is there.
func (m *Machine) patience() time.Duration {
	var d time.Duration
	switch m.state {
	case Home:
		if m.lang == m.cfg.Lang && !m.elder && m.homePage == 0 {
			return 0
		}
		d = m.cfg.Timing.Idle
	case Consent:
		d = m.cfg.Timing.Idle
	case Card:
		if m.cardPhase == CardReading {
			return 0
		}
		d = m.cfg.Timing.Idle
	case Form, Review, Progress:
		d = m.cfg.Timing.Form
	case Receipt:
		if m.printPhase == Printing {
			return 0
		}
		d = m.cfg.Timing.Result
	case Rating:
		d = m.cfg.Timing.Result
	case Farewell:
		return m.cfg.Timing.Farewell
	default:
		return 0
	}
	if m.elder && m.cfg.Timing.Elder > 1 {
		d = time.Duration(float64(d) * m.cfg.Timing.Elder)
	}
	return d
}

// warns says whether the state counts down before it wipes.
func (m *Machine) warns() bool {
	switch m.state {
	case Consent, Card, Form, Review, Rating, Progress:
		return true
	default:
		return false // Home has nothing to wipe, Receipt goes on to Rating
	}
}

// Deadline is when the machine next wants a Tick; the zero time means never.
func (m *Machine) Deadline() time.Time {
	next := time.Time{}
	earliest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if !m.warnedAt.IsZero() {
		passed := m.now.Sub(m.warnedAt).Truncate(time.Second)
		earliest(m.warnedAt.Add(passed + time.Second))
		return next
	}
	if p := m.patience(); p > 0 {
		earliest(m.touchedAt.Add(p))
	}
	if m.state == Card && m.cardPhase == CardWaiting {
		earliest(m.cardSince.Add(m.cfg.Timing.CardWait))
	}
	return next
}

// tick lets time have its effect.
func (m *Machine) tick() []Effect {
	if m.state == Card && m.cardPhase == CardWaiting && m.now.Sub(m.cardSince) >= m.cfg.Timing.CardWait {
		m.cardPhase, m.cardTrouble = CardFailed, CardTooSlow
		m.note("card.slow", "")
		return []Effect{StopReading{}}
	}
	if !m.warnedAt.IsZero() {
		if m.now.Sub(m.warnedAt) >= m.cfg.Timing.Warning {
			m.note("visit.timeout", m.state.String())
			return m.end()
		}
		return nil
	}
	p := m.patience()
	if p == 0 || m.now.Sub(m.touchedAt) < p {
		return nil
	}
	switch {
	case m.warns():
		m.warnedAt = m.now
		return nil
	case m.state == Receipt:
		return m.toRating()
	case m.state == Farewell:
		return m.end()
	default:
		return m.reset()
	}
}

// secondsLeft is the countdown shown in the warning, 0 when there is none.
func (m *Machine) secondsLeft() int {
	if m.warnedAt.IsZero() {
		return 0
	}
	left := m.cfg.Timing.Warning - m.now.Sub(m.warnedAt)
	return max(1, int((left+time.Second-1)/time.Second))
}
