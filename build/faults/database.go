package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// databaseTrials is fault 9.
func databaseTrials() []trial {
	return []trial{
		{fault: 9, name: "database lost, synchronous standby takes over (PostgreSQL)", missing: noPostgres, run: failOver},
		{fault: 9, name: "hub's database restored from an old backup: terminals replay", run: restoreBackup},
	}
}

// failOver loses the primary for good, once or several times.
func failOver(ctx context.Context, s *scene) error {
	primary, err := s.startDatabase(ctx, "first")
	if err != nil {
		return err
	}
	runs := s.times(1, 4)
	all := []*database{primary}
	for i := range runs { // the places are known from the beginning, as in a hall of machines
		d, err := s.newDatabase(fmt.Sprint("standby", i))
		if err != nil {
			return err
		}
		all = append(all, d)
	}
	if err := all[1].follow(ctx, primary, "standby0"); err != nil {
		return err
	}
	s.addKiosks(hubKiosks, s.dir)
	h, err := s.startHub(ctx, "hub", hubSettings{dsn: primary.dsn("hub", all[1:]...)})
	if err != nil {
		return err
	}
	order := s.order(h.url(), "k", s.kiosks...)
	order.Pause = busy
	k, err := s.startKiosk(ctx, order)
	if err != nil {
		return err
	}
	for i := range runs {
		if err := k.more(ctx, 100); err != nil {
			return err
		}
		wait(ctx, s.between(0, 50*time.Millisecond))
		all[i].stop(syscall.SIGKILL)
		begun := time.Now()
		if err := all[i+1].promote(ctx); err != nil {
			return err
		}
		at, err := k.caught(ctx)
		if err != nil {
			return err
		}
		s.recovered(begun, at)
		s.row.runs++
		if i+1 < runs {
			if err := all[i+2].follow(ctx, all[i+1], fmt.Sprint("standby", i+1)); err != nil {
				return err
			}
		}
	}
	s.row.note("recovery includes the promotion; a hub whose store is away tells terminals to come back in about 5 s")
	return s.settle(ctx, h, k)
}

// restoreBackup puts an old copy of the hub's database in the place of the present one.
func restoreBackup(ctx context.Context, s *scene) error {
	h, k, err := s.busyHub(ctx, hubSettings{})
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "hub", "hub.db")
	parts := []string{"", "-wal"}
	for range s.times(2, 30) {
		if err := k.more(ctx, 60); err != nil {
			return err
		}
		h.kill() // nobody writes: the files together are a copy
		for _, part := range parts {
			if err := copyFile(file+part, file+part+".old"); err != nil {
				return err
			}
		}
		if err := h.run(ctx); err != nil {
			return err
		}
		if err := k.more(ctx, 60); err != nil {
			return err
		}
		if _, err := k.caught(ctx); err != nil {
			return err
		}
		h.kill()
		if err := os.Remove(file + "-shm"); err != nil {
			return err
		}
		for _, part := range parts {
			if err := os.Rename(file+part+".old", file+part); err != nil {
				return err
			}
		}
		if err := s.comeBack(ctx, h, k); err != nil {
			return err
		}
	}
	if err := k.finish(ctx); err != nil {
		return err
	}
	back := k.last("rewound")
	s.row.note("terminals were rewound %d times", back.times)
	if back.times == 0 {
		return errors.New("the backup was not old: no terminal had to replay")
	}
	return s.judge(ctx, h.dsn)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
