// Package stage starts Yeban's programs as a hall would have them (hub, devices, kiosk)
// on a real or virtual display, and plays the citizen in front of them: taps go through
// the X server, cards are laid on the simulated reader. The demo and the end-to-end
// tests both stand on it.
package stage
