package idcard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Format keeps what a card holds out of every verb of fmt.
func (r Reply) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "idcard.Reply(%s redacted)", r.Command) }

// LogValue keeps what a card holds out of logs.
func (r Reply) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(r)) }

// MarshalJSON gives everything, the card's fields included. Photo and fingerprints
// are given by length and digest only.
func (r Reply) MarshalJSON() ([]byte, error) {
	out := struct {
		Family  string      `json:"family"`
		Command string      `json:"command"`
		SW      string      `json:"sw"`
		Meaning string      `json:"meaning"`
		SAMID   string      `json:"samId,omitempty"`
		Serial  string      `json:"serial,omitempty"`
		Record  *recordJSON `json:"record,omitempty"`
		Address string      `json:"newAddress,omitempty"`
		Noise   int         `json:"noiseBytes,omitempty"`
		More    int         `json:"moreReplies,omitempty"`
	}{
		Family: r.Family.String(), Command: "unknown", SW: hex.EncodeToString(r.SW[:]), Meaning: r.SW.Code().String(),
		Serial: hex.EncodeToString(r.Serial), Address: r.Address, Noise: r.Noise, More: r.More,
	}
	if r.Family == STX {
		out.SW = hex.EncodeToString(r.SW[:2])
	}
	if r.Command != 0 {
		out.Command = r.Command.String()
	}
	if r.SAMID != nil {
		out.SAMID = r.SAMID.String()
	}
	if r.Record != nil {
		out.Record = newRecordJSON(*r.Record)
	}
	return json.Marshal(out)
}

type recordJSON struct {
	Type        string        `json:"type"`
	Name        string        `json:"name,omitempty"`
	EnglishName string        `json:"englishName,omitempty"`
	Sex         string        `json:"sex"`
	Ethnic      string        `json:"ethnic,omitempty"`
	EthnicName  string        `json:"ethnicName,omitempty"`
	Birth       Date          `json:"birth"`
	Address     string        `json:"address,omitempty"`
	IDNumber    string        `json:"idNumber"`
	Issuer      string        `json:"issuer,omitempty"`
	From        Date          `json:"from"`
	To          Date          `json:"to,omitempty"`
	LongTerm    bool          `json:"longTerm"`
	PassNumber  string        `json:"passNumber,omitempty"`
	Count       string        `json:"count,omitempty"`
	Nation      string        `json:"nation,omitempty"`
	Version     string        `json:"version,omitempty"`
	OldID       string        `json:"oldId,omitempty"`
	Reserve     string        `json:"reserve,omitempty"`
	Photo       *blobJSON     `json:"photo,omitempty"`
	Fingerprint *blobJSON     `json:"fingerprint,omitempty"`
	NewAddress  string        `json:"newAddress,omitempty"`
	Doubts      []problemJSON `json:"doubts,omitempty"`
}

type blobJSON struct {
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

type problemJSON struct {
	Field   Field   `json:"field"`
	Problem Problem `json:"problem"`
}

func newRecordJSON(r Record) *recordJSON {
	out := &recordJSON{
		Type: r.Type.String(), Name: r.Name, EnglishName: r.EnglishName, Sex: string(rune(r.Sex)),
		Ethnic: string(r.Ethnic), EthnicName: r.Ethnic.Name(), Birth: r.Birth, Address: r.Address,
		IDNumber: r.IDNumber, Issuer: r.Issuer, From: r.From, To: r.To, LongTerm: r.LongTerm,
		PassNumber: r.PassNumber, Count: r.Count, Nation: r.Nation, Version: r.Version, OldID: r.OldID,
		Reserve: r.Reserve, Photo: newBlobJSON(r.Photo), Fingerprint: newBlobJSON(r.Fingerprint),
		NewAddress: r.NewAddress,
	}
	for _, d := range r.Doubts {
		out.Doubts = append(out.Doubts, problemJSON(d))
	}
	return out
}

func newBlobJSON(b []byte) *blobJSON {
	if len(b) == 0 {
		return nil
	}
	sum := sha256.Sum256(b)
	return &blobJSON{len(b), hex.EncodeToString(sum[:])}
}
