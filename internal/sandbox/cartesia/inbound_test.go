package cartesia

import (
	"strings"
	"testing"

	wire "github.com/voicectl/voicectl/internal/provider/cartesia"
)

func FuzzParse(f *testing.F) {
	const voice, format = `"voice":{"mode":"id","id":"v"}`, `"output_format":{"container":"raw","encoding":"pcm_mulaw","sample_rate":8000}`
	for _, seed := range []string{
		`{"context_id":"c","model_id":"sonic-3.5","transcript":"hi",` + voice + `,` + format + `,"continue":true,"max_buffer_delay_ms":0}`,
		`{"context_id":"c","cancel":true}`, `{"voice":"x","model_id":"sonic","transcript":"",` + format + `}`,
		`{"model_id":"sonic","transcript":"x","voice":{"id":1},` + format + `}`, `{"max_buffer_delay_ms":-1}`, `[]`, `null`, `{"transcript":{}}`, "\xff",
	} {
		f.Add([]byte(seed), "2026-03-01")
		f.Add([]byte(seed), "2026-08-14")
	}
	f.Fuzz(func(t *testing.T, data []byte, v string) {
		q, p := parse(data, version(v))
		set := settings(data)
		if p != nil {
			if p.status < 400 || p.status > 599 || p.title == "" || p.message == "" {
				t.Errorf("problem %+v", p)
			}
			return
		}
		if q.Cancel {
			return
		}
		if field := changed(set, settings(data)); field != "" {
			t.Errorf("%s differs from itself", field)
		}
		if q.voice == "" || !wire.ValidRate(q.OutputFormat.SampleRate) || q.OutputFormat.Container == "mp3" {
			t.Errorf("accepted %+v", q)
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("short")
	f.Add(strings.Repeat("word ", 500))
	f.Add(strings.Repeat("ü", 3000))
	f.Add(strings.Repeat("\x80", 3000))
	f.Fuzz(func(t *testing.T, text string) {
		var all string
		for _, part := range split(text) {
			if part == "" || len(part) > maxSpoken || strings.TrimSpace(part) != part {
				t.Errorf("part of %d bytes", len(part))
			}
			all += part
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if squeeze(all) != squeeze(text) {
			t.Errorf("%q became %q", text, all)
		}
	})
}

func TestALaw_KnownCodes(t *testing.T) {
	for sample, want := range map[int16]byte{0: 0xD5, 8: 0xD5, 16: 0xD4, -1: 0x55, 32767: 0xAA, -32768: 0x2A, 1000: 0xFA, -1000: 0x7A} {
		if got := aLaw(sample); got != want {
			t.Errorf("%d is %#x, want %#x", sample, got, want)
		}
	}
}
