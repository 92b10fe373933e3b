package intake

import "time"

// Config bounds what terminals may ask of a hub. Zero fields take the value of Default.
type Config struct {
	MaxConnections int           // more are told to come back later
	MaxHellos      int           // being attached at once
	WindowRecords  int           // unacknowledged records a terminal may have under way
	WindowBytes    int           // and their size
	QueueBytes     int64         // records of all terminals waiting for the writer
	GroupRecords   int           // at most so many in one transaction
	Ping           time.Duration // between two pings
	Dead           time.Duration // silence after which a terminal is gone
	HelloTimeout   time.Duration // from connecting to HELLO
	Settle         time.Duration // a fresh connection waits so long before its first RECORDS
	StatusEvery    time.Duration // longest time between two STATUS of a terminal
	Flush          time.Duration // how often conditions are written to the store
	ComeBack       time.Duration // mean of what refused terminals are told to wait
}

// Default is what a hub on one machine uses.
func Default() Config {
	return Config{
		MaxConnections: 18000,
		MaxHellos:      64,
		WindowRecords:  256,
		WindowBytes:    4 << 20,
		QueueBytes:     64 << 20,
		GroupRecords:   2000,
		Ping:           30 * time.Second,
		Dead:           90 * time.Second,
		HelloTimeout:   20 * time.Second,
		Settle:         200 * time.Millisecond,
		StatusEvery:    30 * time.Second,
		Flush:          time.Second,
		ComeBack:       5 * time.Second,
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
	or(&c.ComeBack, d.ComeBack)
	return c
}

func or[T int | int64 | time.Duration](field *T, otherwise T) {
	if *field <= 0 {
		*field = otherwise
	}
}
