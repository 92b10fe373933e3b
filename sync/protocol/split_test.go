package protocol

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestLargeFramesReadAsSmallOnes holds the short way through a large frame against the
// long one.
func TestLargeFramesReadAsSmallOnes(t *testing.T) {
	filling := strings.Repeat("x", splitAbove)
	for _, c := range []struct{ text, short string }{
		{`[5,"","RECORDS",{"a":"%s"}]`, "taken"},
		{` [ 2 , "1" , "HELLO" ,{"a":"%s"}]`, "taken"},
		{`[3,"1","HELLO",{"a":",{%s"}]`, "taken"},
		{`[5,"","RECORDS", {"a":"%s"}]`, "left"},
		{`[5,"","RECORDS",{"a":"%s"} ]`, "left"},
		{`[5,"","RECORDS",{"a":"%s"},{}]`, "taken"}, // five, which Decode finds
		{`[5,"","RECORDS",{"a":"%s}]`, "taken"},     // no JSON, which Decode finds
		{`[5,"","RECORDS"],{"a":"%s"}]`, "left"},
		{`[5,"",{},{"a":"%s"}]`, "left"},
		{`[5,"","NEWER",{"a":"%s"}]`, "left"},
		{`[9,"","RECORDS",{"a":"%s"}]`, "taken"},
		{`[2,"","HELLO",{"a":"%s"}]`, "taken"},
		{`[5,null,"RECORDS",{"a":"%s"}]`, "left"},
		{`{"a":"%s"}`, "left"},
	} {
		text := fmt.Sprintf(c.text, filling)
		f, ok := split([]byte(text))
		if ok != (c.short == "taken") {
			t.Errorf("%s: taken %t", c.text, ok)
		}
		var body Records
		short, err := Parse([]byte(text))
		if err == nil {
			err = short.Decode(&body)
		}
		var long Frame
		want := long.UnmarshalJSON([]byte(text))
		if want == nil {
			want = long.Decode(&body)
		}
		if errors.Is(want, ErrFrame) != errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v, the long way %v", c.text, err, want)
		}
		if want == nil && ok && !reflect.DeepEqual(f, long) {
			t.Errorf("%s: another frame", c.text)
		}
	}
}
