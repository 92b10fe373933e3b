package intake

import "time"

// Config bounds what terminals may ask of a hub. Zero fields take the value of Default,
// but for Settle and SettleBusy, where zero means at once.
type Config struct {
	MaxConnections int           // more are told to come back later
	MaxHellos      int           // being attached at once; they share transactions, so waiting is cheaper than coming again
	WindowRecords  int           // unacknowledged records a terminal may have under way
	WindowBytes    int           // and their size
	QueueBytes     int64         // records of all terminals waiting for the writer
	GroupRecords   int           // at most so many in one transaction
	Ping           time.Duration // between two pings
	Dead           time.Duration // silence after which a terminal is gone
	HelloTimeout   time.Duration // from connecting to HELLO
	Settle         time.Duration // a fresh connection waits up to so long before its first RECORDS
	SettleBusy     time.Duration // and so long besides, while the hub is young or many arrive
	BusyHellos     int           // HELLOs in a second that are many
	StatusEvery    time.Duration // longest time between two STATUS of a terminal
	Flush          time.Duration // how often conditions are written to the store
	OrdersEvery    time.Duration // how often the store is asked for commands, beside hints
	ComeBack       time.Duration // mean of what refused terminals are told to wait
	ProgressEach   int           // PROGRESS questions of one terminal in a minute
	Progress       Progress      // who answers them; nil: nobody

	// RequireCertificate admits only terminals whose TLS client certificate was verified
	// and has the terminal's id as its common name.
	RequireCertificate bool
}

// Default is what a hub on one machine uses.
func Default() Config {
	return Config{
		MaxConnections: 18000,
		MaxHellos:      18000,
		WindowRecords:  1024,
		WindowBytes:    4 << 20,
		QueueBytes:     64 << 20,
		GroupRecords:   2000,
		Ping:           30 * time.Second,
		Dead:           90 * time.Second,
		HelloTimeout:   20 * time.Second,
		Settle:         200 * time.Millisecond,
		SettleBusy:     2 * time.Second,
		BusyHellos:     20,
		StatusEvery:    30 * time.Second,
		Flush:          time.Second,
		OrdersEvery:    5 * time.Second,
		ComeBack:       5 * time.Second,
		ProgressEach:   12,
	}
}

func (c Config) withDefaults() Config {
	d := Default()
	or(&c.MaxConnections, d.MaxConnections)
	or(&c.MaxHellos, d.MaxHellos)
	or(&c.WindowRecords, d.WindowRecords)
	or(&c.WindowBytes, d.WindowBytes)
	or(&c.QueueBytes, d.QueueBytes)
	or(&c.GroupRecords, d.GroupRecords)
	or(&c.Ping, d.Ping)
	or(&c.Dead, d.Dead)
	or(&c.HelloTimeout, d.HelloTimeout)
	or(&c.StatusEvery, d.StatusEvery)
	or(&c.Flush, d.Flush)
	or(&c.BusyHellos, d.BusyHellos)
	or(&c.OrdersEvery, d.OrdersEvery)
	or(&c.ComeBack, d.ComeBack)
	or(&c.ProgressEach, d.ProgressEach)
	return c
}

func or[T int | int64 | time.Duration](field *T, otherwise T) {
	if *field <= 0 {
		*field = otherwise
	}
}
