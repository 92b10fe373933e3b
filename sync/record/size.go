package record

// WireSize bounds from above the bytes that the entry takes as JSON in a frame.
func (e *Entry) WireSize() int {
	const names, hashes, numbers = 96, 2 * 66, 40
	text := 6 * (len(e.Kind) + len(e.ID)) // the worst that JSON escaping does
	bytes := (len(e.Header)+2)/3*4 + (len(e.Key)+2)/3*4 + (len(e.Sealed)+2)/3*4
	return names + hashes + numbers + text + bytes
}
