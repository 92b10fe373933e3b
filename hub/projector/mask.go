package projector

import "strings"

// MaskName keeps the first character of a name: 张*, 欧**. Longer names keep no more,
// and do not tell their length.
func MaskName(name string) string {
	runes := []rune(strings.TrimSpace(name))
	if len(runes) == 0 {
		return ""
	}
	return string(runes[0]) + strings.Repeat("*", min(max(len(runes)-1, 1), 3))
}

// MaskID keeps four characters at each end of an 18-character id number, and one at
// each end of a shorter document number.
func MaskID(number string) string {
	runes := []rune(strings.TrimSpace(number))
	keep := 1
	switch {
	case len(runes) == 0:
		return ""
	case len(runes) < 4:
		return strings.Repeat("*", len(runes))
	case len(runes) >= 15:
		keep = 4
	}
	return string(runes[:keep]) + strings.Repeat("*", len(runes)-2*keep) + string(runes[len(runes)-keep:])
}
