package protocol_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

const schemaBase = "https://yeban.example/sync/v1/"

// described are the Go types with a schema of their own.
var described = map[string]any{
	"hello": protocol.Hello{}, "welcome": protocol.Welcome{}, "records": protocol.Records{}, "ack": protocol.Ack{},
	"status": protocol.Status{}, "devicestatus": protocol.DeviceStatus{}, "drain": protocol.Drain{}, "fault": protocol.Fault{},
	"clock": record.Clock{}, "entry": record.Entry{}, "header": record.Header{}, "origin": record.Origin{},
	"blobref": record.BlobRef{}, "command": protocol.Command{}, "report": protocol.Report{}, "blob": protocol.Blob{},
	"blobhave": protocol.BlobHave{}, "progress": protocol.Progress{}, "progresslist": protocol.ProgressList{},
	"progressentry": protocol.ProgressEntry{},
}

// property is what the test needs to know of a schema.
type property struct {
	Type       any                 `json:"type"`
	Format     string              `json:"format"`
	Encoding   string              `json:"contentEncoding"`
	Ref        string              `json:"$ref"`
	Items      *property           `json:"items"`
	Properties map[string]property `json:"properties"`
	Additional *property           `json:"additionalProperties"`
	Required   []string            `json:"required"`
}

func compiler(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := filepath.Glob("schema/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if want := len(described) + 1; len(files) != want { // and the frame
		t.Errorf("%d schemas for %d types", len(files), want)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = c.AddResource(schemaBase+filepath.Base(file), doc)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return c
}

func compiled(t *testing.T, c *jsonschema.Compiler, name string) *jsonschema.Schema {
	t.Helper()
	s, err := c.Compile(schemaBase + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemasHaveTheFieldsOfTheTypes: every field in both, with a type that fits, and
// required exactly where Go always writes it.
func TestSchemasHaveTheFieldsOfTheTypes(t *testing.T) {
	for name, value := range described {
		text, err := os.ReadFile("schema/" + name + ".json")
		if err != nil {
			t.Error(err)
			continue
		}
		var s property
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fields := map[string]reflect.Type{}
		var required []string
		for field := range reflect.TypeOf(value).Fields() {
			key, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			fields[key] = field.Type
			if options == "" {
				required = append(required, key)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
			if fields[key] == nil {
				t.Errorf("%s: the schema has %s, the type has not", name, key)
			}
		}
		for key, of := range fields {
			p, ok := s.Properties[key]
			if !ok {
				t.Errorf("%s: the type has %s, the schema has not", name, key)
				continue
			}
			if why := misfit(of, p); why != "" {
				t.Errorf("%s.%s: %s", name, key, why)
			}
		}
		slices.Sort(required)
		if slices.Sort(s.Required); !slices.Equal(required, s.Required) {
			t.Errorf("%s: required %v, Go always writes %v", name, s.Required, required)
		}
	}
}

// misfit says why a schema does not describe what Go writes for a type.
func misfit(of reflect.Type, p property) string {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch of {
	case reflect.TypeFor[time.Time]():
		return unless(p.Type == "string" && p.Format == "date-time", "want a date-time")
	case reflect.TypeFor[record.Hash](), reflect.TypeFor[record.Epoch]():
		return unless(p.Type == "string", "want a string")
	case reflect.TypeFor[[]byte]():
		return unless(p.Type == "string" && p.Encoding == "base64", "want base64")
	}
	switch of.Kind() {
	case reflect.Struct:
		want := strings.ToLower(of.Name()) + ".json"
		return unless(p.Ref == want, "want a reference to "+want)
	case reflect.Slice:
		if p.Items == nil || !strings.Contains(fmt.Sprint(p.Type), "array") {
			return "want an array"
		}
		return misfit(of.Elem(), *p.Items)
	case reflect.Map:
		if p.Additional == nil || p.Type != "object" {
			return "want an object of any keys"
		}
		return misfit(of.Elem(), *p.Additional)
	case reflect.String:
		return unless(p.Type == "string", "want a string")
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return unless(p.Type == "integer", "want an integer")
	}
	return "a type that this test does not know: " + of.String()
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// examples are frames of every kind, with all fields set, or as few as may be.
func examples(t *testing.T) map[string]protocol.Frame {
	t.Helper()
	epoch, now := record.Epoch{1}, time.Date(2026, 11, 22, 3, 0, 0, 5e6, time.UTC)
	e := record.Entry{Seq: 1, AtMs: now.UnixMilli(), Kind: record.KindRating, ID: "01J", Header: []byte(`{}`), Key: []byte("k"), Sealed: []byte("s")}
	e.Hash = e.Sum(epoch)
	frames := map[string]protocol.Frame{}
	add := func(name string, ft protocol.FrameType, id string, m protocol.Method, body interface{ Validate() error }) {
		if err := body.Validate(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := protocol.NewFrame(ft, id, m, body)
		if err != nil {
			t.Fatal(err)
		}
		frames[name] = f
	}
	add("hello", protocol.Call, "1", protocol.MethodHello, &protocol.Hello{Kiosk: "hall-1", Epoch: epoch, First: 1, Last: 9, Clock: record.Clock{Wall: now, MonoMs: 5, BootID: "b"}})
	add("welcome", protocol.Result, "1", protocol.MethodHello, &protocol.Welcome{
		Epoch: epoch, Have: 3, HaveHash: e.Hash, Fence: 7, ServerTime: now, WindowRecords: 256, WindowBytes: 4 << 20,
		PingSeconds: 30, DeadSeconds: 90, SettleMs: 200, StatusSeconds: 30})
	add("records", protocol.Event, "", protocol.MethodRecords, &protocol.Records{Epoch: epoch, Entries: []record.Entry{e}})
	add("ack", protocol.Event, "", protocol.MethodAck, &protocol.Ack{Epoch: epoch, Have: 1})
	add("status", protocol.Event, "", protocol.MethodStatus, &protocol.Status{At: now, Visit: "home", OldestUnsentMs: 4, Unavailable: []string{"card"}, Troubles: []protocol.Trouble{protocol.TroubleBackup},
		Devices: []protocol.DeviceStatus{{Name: "printer", State: "online", Paper: "low", Reason: "paper.low", At: now}}})
	add("status of nothing", protocol.Event, "", protocol.MethodStatus, &protocol.Status{})
	add("drain", protocol.Event, "", protocol.MethodDrain, &protocol.Drain{AfterMs: 100, Reason: "hub stops"})
	add("fault", protocol.Error, "-", protocol.MethodHello, &protocol.Fault{Code: protocol.FaultBusy, Message: "later"})
	add("command", protocol.Event, "", protocol.MethodCommand, &protocol.Command{
		ID: "01J", Name: protocol.CommandReopen, Args: map[string]string{"device": "printer"}, Expires: now})
	add("report", protocol.Call, "2", protocol.MethodReport, &protocol.Report{Command: "01J", State: protocol.CommandFailed, Detail: "no such device", At: now})
	frames["reported"] = protocol.Frame{Type: protocol.Result, ID: "2", Method: protocol.MethodReport, Body: []byte(`{}`)}
	add("blob", protocol.Call, "3", protocol.MethodBlob, &protocol.Blob{Hash: e.Hash, Bytes: 9, Offset: 6, Data: []byte("abc")})
	add("blob asked for", protocol.Call, "3", protocol.MethodBlob, &protocol.Blob{Hash: e.Hash, Bytes: 9})
	add("largest piece of a blob", protocol.Call, "3", protocol.MethodBlob, &protocol.Blob{
		Hash: e.Hash, Bytes: protocol.MaxBlobBytes, Offset: protocol.MaxBlobBytes - protocol.MaxBlobChunk, Data: make([]byte, protocol.MaxBlobChunk)})
	add("blobHave", protocol.Result, "3", protocol.MethodBlob, &protocol.BlobHave{Hash: e.Hash, Have: 9})
	add("progress", protocol.Call, "4", protocol.MethodProgress, &protocol.Progress{Key: []byte("k"), Sealed: []byte("s")})
	add("progressList", protocol.Result, "4", protocol.MethodProgress, &protocol.ProgressList{Applications: []protocol.ProgressEntry{{
		ReceiptNumber: "261122-110405-000428", ItemName: "社会保障卡补领", Item: "card", Submitted: now, State: protocol.ResultNeedsMore, Reason: "请补正：照片", At: now}}})
	add("progress of nothing", protocol.Result, "4", protocol.MethodProgress, &protocol.ProgressList{})
	frames["of a newer version"] = protocol.Frame{Type: protocol.Event, Method: "TELEPORT", Body: []byte(`{}`)}
	return frames
}

func TestExamplesFitTheSchemas(t *testing.T) {
	frame := compiled(t, compiler(t), "frame")
	for name, f := range examples(t) {
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = frame.Validate(doc)
		}
		if err != nil {
			t.Errorf("%s: %s does not fit: %v", name, text, err)
		}
	}
}

// TestSchemasAndValidateRefuseAlike: what Go does not believe, the schemas do not allow.
func TestSchemasAndValidateRefuseAlike(t *testing.T) {
	frame := compiled(t, compiler(t), "frame")
	good := map[string]string{}
	for name, f := range examples(t) {
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		good[name] = string(text)
	}
	bodies := map[string]interface{ Validate() error }{
		"hello": &protocol.Hello{}, "welcome": &protocol.Welcome{}, "records": &protocol.Records{}, "ack": &protocol.Ack{},
		"status": &protocol.Status{}, "drain": &protocol.Drain{}, "fault": &protocol.Fault{},
		"command": &protocol.Command{}, "report": &protocol.Report{}, "blob": &protocol.Blob{}, "blobHave": &protocol.BlobHave{},
		"progress": &protocol.Progress{}, "progressList": &protocol.ProgressList{},
	}
	for _, c := range []struct{ name, old, with string }{
		{"hello", `"hall-1"`, `""`},
		{"hello", `"hall-1"`, `"hall\u0000"`},
		{"hello", `"first":1`, `"first":-1`},
		{"hello", `"epoch":"01`, `"epoch":"x1`},
		{"hello", `[2,"1"`, `[2,""`},
		{"hello", `[2,`, `[9,`},
		{"welcome", `"windowRecords":256`, `"windowRecords":0`},
		{"welcome", `"deadSeconds":90`, `"deadSeconds":9999`},
		{"welcome", `"serverTime":"2026`, `"serverTime":"at 2026`},
		{"records", `"seq":1`, `"seq":0`},
		{"records", `"id":"01J"`, `"id":""`},
		{"records", `"id":"01J"`, `"id":"0\u0000"`},
		{"records", `"entries":[`, `"entries":["x",`},
		{"records", `"kind":"rating"`, `"kind":""`},
		{"ack", `"have":1`, `"have":"1"`},
		{"status", `"oldestUnsentMs":4`, `"oldestUnsentMs":-4`},
		{"drain", `"afterMs":100`, `"afterMs":-100`},
		{"fault", `"busy"`, `""`},
		{"status", `"outbox.backup"`, `""`},
		{"command", `"id":"01J"`, `"id":""`},
		{"command", `"id":"01J"`, `"id":"` + strings.Repeat("0", 65) + `"`},
		{"command", `"device.reopen"`, `""`},
		{"command", `{"device":`, `{"":`},
		{"command", `"printer"`, `7`},
		{"command", `"printer"`, `"print\u0000"`},
		{"command", `"expires":"2026`, `"expires":"on 2026`},
		{"report", `"failed"`, `"waiting"`},
		{"report", `"failed"`, `"withdrawn"`},
		{"report", `"failed"`, `"pondering"`},
		{"report", `no such`, `no\u0000such`},
		{"blob", `"bytes":9`, `"bytes":0`},
		{"blob", `"bytes":9`, `"bytes":16777217`},
		{"blob", `"offset":6`, `"offset":-1`},
		{"blob", `"YWJj"`, `"` + strings.Repeat("YWJj", 50_000) + `"`},
		{"blobHave", `"have":9`, `"have":-9`},
		{"progress", `"key":"aw=="`, `"key":""`},
		{"progressList", `"needs-more"`, `""`},
		{"progressList", `"applications":[`, `"applications":[1,`},
		{"fault", `{"code"`, `7,{"code"`},
	} {
		text := strings.Replace(good[c.name], c.old, c.with, 1)
		if text == good[c.name] {
			t.Fatalf("%s has no %s", c.name, c.old)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if frame.Validate(doc) == nil {
			t.Errorf("%s with %s: the schema allows it", c.name, c.with)
		}
		f, err := protocol.Parse([]byte(text))
		if err == nil {
			err = f.Decode(bodies[c.name])
		}
		if err == nil {
			t.Errorf("%s with %s: Go believes it", c.name, c.with)
		}
	}
}

// TestAsyncAPIDescribesEveryMethod follows every reference of the document and compares
// its messages with the protocol's methods.
func TestAsyncAPIDescribesEveryMethod(t *testing.T) {
	text, err := os.ReadFile("schema/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	follow(t, doc, doc)
	at := func(path string) any {
		v, err := resolve(doc, path)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := at("#/asyncapi"); v != "3.0.0" {
		t.Errorf("AsyncAPI %v", v)
	}
	if v := at("#/channels/kiosk/address"); v != protocol.Path {
		t.Errorf("address %v", v)
	}
	if !strings.Contains(fmt.Sprint(at("#/info/description")), protocol.Subprotocol) {
		t.Error("the subprotocol is not named")
	}
	frames := examples(t)
	messages := at("#/components/messages").(map[string]any)
	for name, m := range messages {
		x := m.(map[string]any)["x-frame"].(map[string]any)
		f, ok := frames[name]
		if !ok || x["type"] != int(f.Type) || f.Type != protocol.Error && x["method"] != string(f.Method) {
			t.Errorf("message %s is described as %v, and is %d %s", name, x, f.Type, f.Method)
		}
		delete(frames, name)
	}
	for name, f := range frames {
		if f.Method.Known() && !strings.Contains(name, " of ") && name != "blob asked for" {
			t.Errorf("message %s is not described", name)
		}
	}
	used := map[string]bool{}
	for _, o := range at("#/operations").(map[string]any) {
		op := o.(map[string]any)
		all := op["messages"].([]any)
		if reply, ok := op["reply"].(map[string]any); ok {
			all = append(all, reply["messages"].([]any)...)
		}
		for _, m := range all {
			used[filepath.Base(m.(map[string]any)["$ref"].(string))] = true
		}
	}
	if len(used) != len(messages) {
		t.Errorf("operations use %v", slices.Sorted(maps.Keys(used)))
	}
}

// follow proves that every $ref leads somewhere.
func follow(t *testing.T, doc map[string]any, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			if strings.HasPrefix(ref, "#") {
				if _, err := resolve(doc, ref); err != nil {
					t.Error(err)
				}
			} else if _, err := os.Stat("schema/" + ref); err != nil {
				t.Error(err)
			}
		}
		for _, child := range v {
			follow(t, doc, child)
		}
	case []any:
		for _, child := range v {
			follow(t, doc, child)
		}
	}
}

func resolve(doc map[string]any, ref string) (any, error) {
	var v any = doc
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, _ := v.(map[string]any)
		if v = m[part]; v == nil {
			return nil, fmt.Errorf("%s leads nowhere", ref)
		}
	}
	return v, nil
}
