package journey

import (
	"strings"
	"unicode/utf8"

	"yeban/sync/record"
)

// receipt is what goes on paper, in the words of the catalogue's template. Names and
// numbers are masked: paper gets lost.
func (m *Machine) receipt() PrintedReceipt {
	next := make([]string, 0, len(m.item.Next))
	for _, t := range m.item.Next {
		next = append(next, t.Zh)
	}
	fields := map[string]string{
		"receipt": m.number, "item": m.item.Name.Zh, "hall": m.cfg.Hall, "kiosk": m.cfg.Kiosk,
		"at":          m.application.Clock.Wall.In(m.cfg.Location).Format("2006-01-02 15:04"),
		"name_masked": MaskName(m.person.Name), "id_masked": MaskID(m.person.IDNumber),
		"next": strings.Join(next, "\n"), "hotline": m.cfg.Hotline,
	}
	if m.queued {
		fields["queued"] = m.cfg.Queued
	}
	return PrintedReceipt{Application: m.application.ID, Fields: fields}
}

// MaskName keeps the first character of a name: 张*, 欧**.
func MaskName(name string) string {
	name = strings.TrimSpace(name)
	first, size := utf8.DecodeRuneInString(name)
	if size == 0 {
		return ""
	}
	rest := utf8.RuneCountInString(name) - 1
	return string(first) + strings.Repeat("*", min(rest, 2))
}

// MaskID keeps the region and the last two characters of an identity number.
func MaskID(id string) string {
	if len(id) < 10 {
		return strings.Repeat("*", len(id))
	}
	return id[:4] + strings.Repeat("*", len(id)-6) + id[len(id)-2:]
}

// maskedPerson is what the screen may show of the card.
func maskedPerson(p record.Person) record.Person {
	p.IDNumber = MaskID(p.IDNumber)
	return p
}
