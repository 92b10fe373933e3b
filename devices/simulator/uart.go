package simulator

// resample gives what a receiver at the rate `to` hears of bytes sent back to back
// at the rate `from`, both 8N1. A character whose stop bit is missing is delivered
// as NUL, as Linux does without PARMRK.
func resample(sent []byte, from, to int) []byte {
	if from == to || from <= 0 || to <= 0 {
		return sent
	}
	const bitsPerByte = 10
	level := func(bit int) byte { // of the sent waveform; the line idles high
		i, b := bit/bitsPerByte, bit%bitsPerByte
		switch {
		case bit < 0 || i >= len(sent) || b == bitsPerByte-1:
			return 1
		case b == 0:
			return 0
		}
		return sent[i] >> (b - 1) & 1
	}
	// Positions are counted in 1/(2·from·to) of a second, so that a half bit of
	// either side is a whole number.
	sentBit, heardBit := 2*to, 2*from
	end := len(sent) * bitsPerByte * sentBit
	var heard []byte
	for at := 0; at < end; {
		if level(at/sentBit) == 1 { // wait for a start bit
			at = (at/sentBit + 1) * sentBit
			continue
		}
		sample := at + heardBit/2
		if level(sample/sentBit) != 0 { // a glitch shorter than half a bit
			at = sample
			continue
		}
		var b byte
		for i := range 8 {
			sample += heardBit
			b |= level(sample/sentBit) << i
		}
		sample += heardBit
		if level(sample/sentBit) == 0 {
			b = 0
			for sample < end && level(sample/sentBit) == 0 { // a break ends with the next mark
				sample += heardBit
			}
		}
		heard = append(heard, b)
		at = sample
	}
	return heard
}
