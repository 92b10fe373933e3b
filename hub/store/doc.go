// Package store is the hub's truth, kept in SQL: every entry of every terminal's log,
// a cursor a log that moves in the same transaction as the entries it covers, and what
// is derived from them for people.
//
// The promise of Commit is the hub's part of Yeban's promise: when it returns without
// an error, what its outcomes say is on stable storage; when it returns an error,
// nothing of it is. Two versions of one thing are both kept, one of them as a conflict.
//
// Terminals that come or go at the same time share a transaction, as their entries do.
//
// SQL here is portable between SQLite and PostgreSQL; what differs is in dialect.go and
// postgres.go. Terminals' rows are locked in the order of their names, after the counter
// of entries where that is taken, so that transactions wait and never deadlock.
// Moments are Unix milliseconds in columns and time.Time in Go.
package store
