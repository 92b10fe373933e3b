// Package record holds what a terminal tells the province: the application a
// citizen handed in, their rating, trace events, and the log entry that carries
// each of them. Records are values; once appended to a log they never change.
package record
