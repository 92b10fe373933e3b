package simulator

// Cards is the tray of test cards. Every person, street and number is invented; all
// were born in 1900, before any holder of a real card.
func Cards() []Card {
	return []Card{
		{
			Key: "resident", Kind: Resident, Name: "程试一", Sex: "2", Ethnic: "01", Birth: "19000101",
			Address: "安徽省合肥市蜀山区虚构路1号样例小区2幢301室", IDNumber: checkDigit("34010419000101002"),
			Issuer: "合肥市公安局蜀山分局", From: "20200101", To: "20400101", Fingerprint: 1024,
		},
		{
			Key: "longterm", Kind: Resident, Name: "欧阳样例", Sex: "1", Ethnic: "03", Birth: "19000202",
			Address: "安徽省芜湖市镜湖区设想巷18号", IDNumber: checkDigit("34020219000202003"),
			Issuer: "芜湖市公安局镜湖分局", From: "20150315", To: "长期", Fingerprint: 512,
			NewAddress: "安徽省芜湖市弋江区迁居路6号",
		},
		{
			Key: "rare", Kind: Resident, Name: "㑇\U00020C43示", Sex: "2", Ethnic: "12", Birth: "19000303",
			Address: "安徽省黄山市屯溪区\ue863塘虚拟村7号", IDNumber: checkDigit("34100219000303004"),
			Issuer: "黄山市公安局屯溪分局", From: "20180909", To: "20380909",
		},
		{
			Key: "privateuse", Kind: Resident, Name: "王\ue5c8", Sex: "1", Ethnic: "01", Birth: "19000404",
			Address: "安徽省安庆市迎江区假定街99号", IDNumber: checkDigit("34080219000404001"),
			Issuer: "安庆市公安局迎江分局", From: "20220606", To: "20420606",
		},
		{
			Key: "expired", Kind: Resident, Name: "胡过期", Sex: "1", Ethnic: "02", Birth: "19000505",
			Address: "安徽省蚌埠市蚌山区例子路5号", IDNumber: checkDigit("34030319000505005"),
			Issuer: "蚌埠市公安局蚌山分局", From: "20000505", To: "20200505",
		},
		{
			Key: "hmt", Kind: HMT, Name: "陈示范", Sex: "2", Birth: "19000606",
			Address: "安徽省马鞍山市花山区拟设路3号", IDNumber: checkDigit("81000019000606006"),
			Issuer: "马鞍山市公安局", From: "20210701", To: "20260701", Pass: "H00000001", Issues: "01",
		},
		{
			Key: "foreign2017", Kind: Foreign2017, Name: "范例", EnglishName: "SPECIMEN, ANNA EXAMPLE", Sex: "2",
			Birth: "19000707", IDNumber: "UTO340000000707", Nation: "UTO", From: "20190808", To: "20290807",
		},
		{
			Key: "foreign2023", Kind: Foreign2023, Name: "样例", EnglishName: "SPECIMEN, MAXIMILIAN ALEXANDER EXAMPLE", Sex: "1",
			Birth: "19000808", IDNumber: checkDigit("93499919000808001"), Nation: "UTO", From: "20231201", To: "20331130",
			Issues: "00",
		},
	}
}

// CardByKey finds a card of the tray.
func CardByKey(key string) (Card, error) {
	for _, c := range Cards() {
		if c.Key == key {
			return c, nil
		}
	}
	return Card{}, ErrNoCard
}
