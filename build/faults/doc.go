// Faults breaks things on purpose and counts what that costs.
//
//	go run ./build/faults            every fault a few times, about a minute
//	go run ./build/faults --long     1,000 kills and 200 power cuts among the rest
//	go run ./build/faults --only 2   one fault
//
// Terminals without a screen run as child processes on the real outbox and the real link,
// against the real hub program with SQLite or PostgreSQL. Each record that Append has
// promised is noted, with the SM3 of its body, in a file outside the faulty part: the
// oracle. When a fault is over and everything has settled, the hub's store is read with
// the platform's private key, and each promised record must be there once, with the same
// body, in the order of the promises, and each application once in what staff see.
//
// Lines that are called controls leave out what protects the records. They must lose or
// double some: a rig whose controls come out clean measures nothing.
package main
