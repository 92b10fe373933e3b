package idcard

import "bytes"

// Invented people, born in 1900. Every id number gets its check digit here.

func id(first17 string) string {
	digit, ok := CheckDigit(first17)
	if !ok {
		panic("not 17 digits")
	}
	return first17 + string(digit)
}

// photo has what a careless reader would take for a frame inside.
func photo() []byte {
	p := bytes.Repeat([]byte{0xAA, 0x96, 0x69, 0x00}, photoSize/4)
	copy(p, wltHeader)
	copy(p[100:], EncodeReply(SAMV, SW{0, 0, byte(Found)}, make([]byte, 4)))
	copy(p[200:], EncodeReply(STX, SW{0x90, 0}, nil))
	return p
}

func people() map[string]Record {
	resident := Record{
		Type: Resident, Name: "试样甲", Sex: Female, Ethnic: "02", Birth: "19000101",
		Address: "安徽省合肥市试样区无名路1号", IDNumber: id("34010419000101001"), Issuer: "合肥市公安局试样分局",
		From: "20200101", To: "20400101", Photo: photo(),
	}
	forLife := resident
	forLife.To, forLife.LongTerm, forLife.Sex = "", true, Male
	rare := resident
	rare.Name = "试\U00020164" // beyond the BMP: two UTF-16 units
	return map[string]Record{
		"resident": resident, "longTerm": forLife, "rare": rare,
		"permit": {
			Type: Permit, Name: "试样乙", Sex: Male, Birth: "19000202", Address: "广东省深圳市试样区2号",
			IDNumber: id("81000019000202002"), Issuer: "深圳市公安局", From: "20190101", To: "20240101",
			PassNumber: "H00000000", Count: "01", Photo: photo(),
		},
		"foreign2017": {
			Type: Foreign2017, Name: "试样丙", EnglishName: "SPECIMEN, THIRD", Sex: SexUnknown, Birth: "19000303",
			IDNumber: "XXX000019000303"[:15], Nation: "XXX", From: "20180101", To: "20280101",
			Version: "01", Issuer: "1500", Photo: photo(),
		},
		"foreign2023": {
			Type: Foreign2023, Name: "试样丁", EnglishName: "SPECIMEN WITH A NAME THAT GOES ON AND ON", Sex: SexUnstated,
			Count: "00", Birth: "19000404", IDNumber: id("91199919000404001"), From: "20231201", To: "20331130",
			Nation: "XXX", OldID: "001", Photo: photo(),
		},
	}
}
