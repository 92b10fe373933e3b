package screen

import (
	"fmt"
	"testing"

	"yeban/assets/messages"
	"yeban/catalog"
	"yeban/kiosk/journey"
)

// TestWordsThatAreChosenAtRunTimeExist covers the keys that are put together from values.
func TestWordsThatAreChosenAtRunTimeExist(t *testing.T) {
	book, err := messages.Load()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, trouble := range []journey.CardTrouble{journey.CardMoved, journey.CardUnreadable, journey.CardExpired, journey.ReaderFailed, journey.CardTooSlow} {
		keys = append(keys, "card."+string(trouble), "card."+string(trouble)+".more")
	}
	keys = append(keys, "card."+string(journey.CardRefused))
	for _, trouble := range []journey.Trouble{journey.TroubleFull, journey.TroubleFailed, journey.TroubleUnsure} {
		keys = append(keys, "submit."+string(trouble), "submit."+string(trouble)+".more")
	}
	for _, cause := range []journey.Cause{journey.CauseChecking, journey.CauseReader, journey.CausePrinter, journey.CausePaper, journey.CauseNetwork, journey.CauseNoRoom} {
		keys = append(keys, "cause."+string(cause))
	}
	for _, f := range []catalog.CardField{catalog.FieldName, catalog.FieldSex, catalog.FieldEthnic, catalog.FieldBirth,
		catalog.FieldAddress, catalog.FieldIDNumber, catalog.FieldIssuer, catalog.FieldValidity} {
		keys = append(keys, "field."+string(f))
	}
	for level := 1; level <= 5; level++ {
		keys = append(keys, fmt.Sprintf("rating.%d", level))
	}
	keys = append(keys, "consent.workday", "consent.day")
	for _, key := range keys {
		for _, lang := range messages.Languages {
			if !book.Has(lang, key) {
				t.Errorf("%s has no %s", lang, key)
			}
		}
	}
}
