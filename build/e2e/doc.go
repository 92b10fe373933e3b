// Package e2e holds the tests that start Yeban's real programs (hub, simulated devices,
// kiosk in a real window) and watch the promise from outside.
package e2e
