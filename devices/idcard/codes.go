package idcard

import (
	"fmt"
	"time"
)

// Sex is a GB/T 2261.1 code.
type Sex byte

const (
	SexUnknown  Sex = '0'
	Male        Sex = '1'
	Female      Sex = '2'
	SexUnstated Sex = '9'
)

// Known says whether the standard has the code.
func (s Sex) Known() bool { return s == SexUnknown || s == Male || s == Female || s == SexUnstated }

// Ethnic is a GB/T 3304 code, two digits; empty on permits, which have none.
type Ethnic string

// Name is what the code means in Chinese, empty where the standard has no such code.
func (e Ethnic) Name() string { return ethnicNames[e] }

var ethnicNames = func() map[Ethnic]string {
	names := map[Ethnic]string{"97": "其他", "98": "外国血统中国籍"}
	for i, name := range [...]string{
		"汉", "蒙古", "回", "藏", "维吾尔", "苗", "彝", "壮", "布依", "朝鲜",
		"满", "侗", "瑶", "白", "土家", "哈尼", "哈萨克", "傣", "黎", "傈僳",
		"佤", "畲", "高山", "拉祜", "水", "东乡", "纳西", "景颇", "柯尔克孜", "土",
		"达斡尔", "仫佬", "羌", "布朗", "撒拉", "毛南", "仡佬", "锡伯", "阿昌", "普米",
		"塔吉克", "怒", "乌孜别克", "俄罗斯", "鄂温克", "德昂", "保安", "裕固", "京", "塔塔尔",
		"独龙", "鄂伦春", "赫哲", "门巴", "珞巴", "基诺",
	} {
		names[Ethnic(fmt.Sprintf("%02d", i+1))] = name
	}
	return names
}()

// Date is a day as cards write it, YYYYMMDD.
type Date string

// Valid says whether the calendar has the day.
func (d Date) Valid() bool {
	_, err := d.Time()
	return err == nil
}

// Time is the day's first moment in UTC.
func (d Date) Time() (time.Time, error) {
	t, err := time.Parse("20060102", string(d))
	if err != nil || len(d) != 8 {
		return time.Time{}, fmt.Errorf("no date") // the text may be personal
	}
	return t, nil
}

// CheckDigit is the last character of an id number after GB 11643 (ISO 7064
// MOD 11-2), made from its first 17 digits; ok is false where they are not digits.
func CheckDigit(first17 string) (digit byte, ok bool) {
	if len(first17) != 17 {
		return 0, false
	}
	sum := 0
	for i := range 17 {
		c := first17[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		weight := 1 << (17 - i) % 11
		sum += int(c-'0') * weight
	}
	return "10X98765432"[sum%11], true
}

// ValidIDNumber says whether an 18-character id number has its check digit right.
func ValidIDNumber(id string) bool {
	if len(id) != 18 {
		return false
	}
	digit, ok := CheckDigit(id[:17])
	return ok && digit == id[17]
}
