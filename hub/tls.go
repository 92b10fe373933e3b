package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// reloadEvery is how often the files of TLS are looked at again.
const reloadEvery = time.Minute

// load gives the listener's configuration, nil for plain HTTP. A client certificate is
// verified where one is given: intake demands it of terminals, the console of nobody.
// Errors are *configError.
func (t TLS) load(log *slog.Logger) (*tls.Config, error) {
	if t.Cert == "" {
		return nil, nil
	}
	s := &secured{files: t, log: log}
	if err := s.read(time.Now()); err != nil {
		return nil, &configError{Msg: "tls: " + err.Error()}
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: s.get}, nil
}

// secured is what each handshake goes by. It is read again when a file has changed:
// neither a renewed certificate nor another authority must send every terminal away.
type secured struct {
	files TLS
	log   *slog.Logger

	mu     sync.Mutex
	config *tls.Config
	stamp  string // of the files that config was made from
	looked time.Time
}

func (s *secured) get(*tls.ClientHelloInfo) (*tls.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.looked) >= reloadEvery {
		if err := s.read(now); err != nil {
			s.log.Error("certificates cannot be read again; the present ones stay", "err", err)
		}
	}
	return s.config, nil
}

// read is called with mu held, or before there is anybody else.
func (s *secured) read(now time.Time) error {
	s.looked = now
	stamp, err := s.files.stamp()
	if err != nil || stamp == s.stamp {
		return err
	}
	pair, err := tls.LoadX509KeyPair(s.files.Cert, s.files.Key)
	if err != nil {
		return fmt.Errorf("read %s and %s: %w", s.files.Cert, s.files.Key, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if s.files.ClientCA != "" {
		text, err := os.ReadFile(s.files.ClientCA)
		if err != nil {
			return err
		}
		config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s: no certificate in it", s.files.ClientCA)
		}
	}
	s.config, s.stamp = config, stamp
	return nil
}

// stamp differs when one of the files does.
func (t TLS) stamp() (stamp string, err error) {
	for _, name := range []string{t.Cert, t.Key, t.ClientCA} {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return "", err
		}
		stamp += fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size(), "\n")
	}
	return stamp, nil
}
