package main

import "syscall"

// spare is how many open files the hub needs beside those of terminals.
const spare = 256

// affordable keeps the number of connections within the limit of open files, after
// raising that as far as it goes. openFiles is 0 when it is not known.
func (m *Main) affordable(connections int) (room int, openFiles uint64) {
	openFiles, err := raiseOpenFiles()
	if err != nil {
		m.Log.Warn("limit of open files is not known", "err", err)
		return connections, 0
	}
	room = roomFor(connections, openFiles)
	if room < connections {
		m.Log.Warn("limit of open files is too low for limits.connections", "open_files", openFiles, "connections", room)
	}
	return room, openFiles
}

// raiseOpenFiles lifts the soft limit to the hard one and gives what holds then.
func raiseOpenFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	if limit.Cur < limit.Max {
		more := syscall.Rlimit{Cur: limit.Max, Max: limit.Max}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &more) == nil {
			return more.Cur, nil
		}
	}
	return limit.Cur, nil
}

// roomFor is how many of the wanted connections fit into a limit of open files; one at
// least, so that a hub that is set up badly can be looked into.
func roomFor(connections int, openFiles uint64) int {
	if openFiles >= uint64(connections+spare) {
		return connections
	}
	return max(int(openFiles)-spare, 1)
}
