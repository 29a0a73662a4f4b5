package server

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/trace"
)

// fill gives every field of a struct a value of its own, so that a field that is new cannot be forgotten. only
// leaves the others as they are; nil fills all.
func fill(v reflect.Value, only func(field string) bool) {
	for i := range v.NumField() {
		if only != nil && !only(v.Type().Field(i).Name) {
			continue
		}
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("a <b> & \"c\" \\ ü \u2028 \x01 " + v.Type().Field(i).Name)
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(1000 + i))
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
			fill(f.Elem(), nil)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 2, 2))
			fill(f.Index(1), nil)
		case reflect.Interface:
			f.Set(reflect.ValueOf(map[string]any{"x": 1}))
		default:
			panic("a field of a kind that this test does not know: " + v.Type().Field(i).Name)
		}
	}
}

// The journal's own encoding is that of encoding/json, byte for byte, for every field alone and all together.
func TestEncode_AsTheLibraryDoes(t *testing.T) {
	want := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	check := func(name string, v any, got []byte, err error) {
		if w := want(v); err != nil || string(got) != w {
			t.Errorf("%s:\n%s %v, want\n%s", name, got, err, w)
		}
	}
	fields := func(typ reflect.Type) []func(string) bool {
		list := []func(string) bool{func(string) bool { return false }, func(string) bool { return true }}
		for i := range typ.NumField() {
			list = append(list, func(f string) bool { return f == typ.Field(i).Name }, func(f string) bool { return f != typ.Field(i).Name })
		}
		// All that is not nested.
		return append(list, func(f string) bool {
			s, _ := typ.FieldByName(f)
			return s.Type.Kind() != reflect.Slice && s.Type.Kind() != reflect.Pointer && s.Type.Kind() != reflect.Interface
		})
	}
	for _, only := range fields(reflect.TypeFor[turn.Event]()) {
		e := turn.Event{At: time.Second, Kind: turn.Final}
		fill(reflect.ValueOf(&e).Elem(), only)
		got, err := appendEvent(nil, &e)
		check("event", e, got, err)
	}
	for _, only := range fields(reflect.TypeFor[turn.Command]()) {
		c := turn.Command{Kind: turn.Speak}
		fill(reflect.ValueOf(&c).Elem(), only)
		list := []turn.Command{c, {Kind: turn.Close}}
		got, err := appendCommands(nil, list)
		check("commands", list, got, err)
	}
	for _, only := range fields(reflect.TypeFor[turn.Note]()) {
		n := turn.Note{Kind: turn.NoteSpoken}
		fill(reflect.ValueOf(&n).Elem(), only)
		list := []turn.Command{{Kind: turn.Notify, Note: &n}}
		got, err := appendCommands(nil, list)
		check("note", list, got, err)
	}
}

func FuzzEncode_String(f *testing.F) {
	f.Add("plain")
	f.Add("\xff<\u2029")
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		if got := trace.AppendText(nil, s); err != nil || string(got) != string(want) {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	})
}
