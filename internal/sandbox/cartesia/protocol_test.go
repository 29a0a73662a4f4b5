package cartesia_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/ws"
)

// raw is a client without manners.
type raw struct {
	t    *testing.T
	conn *ws.Conn
}

func (b *bed) dial(t *testing.T, query string) raw {
	t.Helper()
	conn, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(b.url, "http")+"/tts/websocket?"+query, ws.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Drop() })
	if err = conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return raw{t, conn}
}

func (r raw) say(format string, args ...any) {
	r.t.Helper()
	if err := r.conn.Write(ws.Text, fmt.Appendf(nil, format, args...)); err != nil {
		r.t.Fatal(err)
	}
}

// until reads up to the first message of a type.
func (r raw) until(kind string) (all []map[string]any) {
	r.t.Helper()
	for {
		_, data, err := r.conn.Read(nil)
		if err != nil {
			r.t.Fatalf("before %s: %v; seen %v", kind, err, all)
		}
		var m map[string]any
		if err = json.Unmarshal(data, &m); err != nil {
			r.t.Fatal(err)
		}
		if all = append(all, m); m["type"] == kind {
			return all
		}
		if m["type"] == "error" {
			r.t.Fatalf("before %s: %v", kind, m)
		}
	}
}

func sound(all []map[string]any) (out []byte) {
	for _, m := range all {
		data, _ := m["data"].(string)
		b, _ := base64.StdEncoding.DecodeString(data)
		out = append(out, b...)
	}
	return out
}

const now = "api_key=k&cartesia_version=2026-03-01"

// fields are those of every request but what a test is about.
func fields(format string) string {
	return `"model_id":"sonic-3.5","voice":{"mode":"id","id":"v"},"output_format":` + format + `,"language":"en","max_buffer_delay_ms":0,"add_timestamps":true`
}

const phone = `{"container":"raw","encoding":"pcm_mulaw","sample_rate":8000}`

func TestSocket_ContextFromTextToDone(t *testing.T) {
	b := newBed(t)
	r := b.dial(t, now)
	r.say(`{"context_id":"c1",%s,"transcript":"Hello there. ","continue":true}`, fields(phone))
	r.say(`{"context_id":"c1",%s,"transcript":"","continue":true,"flush":true}`, fields(phone))
	flushed := r.until("flush_done")
	if m := flushed[len(flushed)-1]; m["flush_id"] != 1.0 || m["flush_done"] != true || m["context_id"] != "c1" || m["done"] != false || m["status_code"] != 206.0 {
		t.Errorf("flush_done %v", m)
	}
	first := flushed[0]
	if first["type"] != "chunk" || first["done"] != false || first["status_code"] != 206.0 || first["context_id"] != "c1" || first["step_time"] == nil {
		t.Errorf("chunk %v", first)
	}
	if got := texts(media.Phone, sound(flushed)); len(got) != 1 || got[0] != "Hello there." {
		t.Errorf("heard %q", got)
	}
	r.say(`{"context_id":"c1",%s,"transcript":"Bye","continue":false}`, fields(phone))
	rest := r.until("done")
	if m := rest[len(rest)-1]; m["done"] != true || m["status_code"] != 200.0 || m["context_id"] != "c1" {
		t.Errorf("done %v", m)
	}
	if got := texts(media.Phone, sound(rest)); len(got) != 1 || got[0] != "Bye" {
		t.Errorf("heard %q", got)
	}
	for _, m := range rest {
		if m["type"] == "timestamps" {
			ts, _ := m["word_timestamps"].(map[string]any)
			starts, _ := ts["start"].([]any)
			want := (tonecode.Duration("Hello there.") + 40*time.Millisecond + tonecode.WordTimes("Bye")[0].Start).Seconds()
			if got, _ := starts[0].(float64); math.Abs(got-want) > 1e-3 {
				t.Errorf("second message starts at %v, want %v", got, want)
			}
		}
	}
	record := b.records()[0]
	if record.Detail["text"] != "Hello there. Bye" || record.Status != 200 || record.Done.IsZero() {
		t.Errorf("record %+v", record)
	}
	want := (tonecode.Duration("Hello there.") + tonecode.Duration("Bye") + 80*time.Millisecond).Seconds()
	if got, _ := record.Detail["seconds"].(float64); math.Abs(got-want) > 1e-3 {
		t.Errorf("%v seconds, want %v", got, want)
	}
}

func TestSocket_KeepsTextUntilASentenceIsThere(t *testing.T) {
	b := newBed(t)
	r := b.dial(t, now)
	kept := strings.Replace(fields(phone), `"max_buffer_delay_ms":0`, `"max_buffer_delay_ms":5000`, 1)
	for _, piece := range []string{"How ", "are ", "you?", " Fi", "ne"} { // joined as they are
		r.say(`{"context_id":"c",%s,"transcript":%q,"continue":true}`, kept, piece)
	}
	r.say(`{"context_id":"c",%s,"transcript":"","continue":false}`, kept)
	if got := texts(media.Phone, sound(r.until("done"))); strings.Join(got, "|") != "How are you?|Fine" {
		t.Errorf("heard %q", got)
	}
	short := strings.Replace(fields(phone), `"max_buffer_delay_ms":0`, `"max_buffer_delay_ms":20`, 1)
	r.say(`{"context_id":"d",%s,"transcript":"and so","continue":true}`, short)
	if got := r.until("timestamps"); len(got) != 2 {
		t.Errorf("after the delay: %v", got)
	}
	r.say(`{"context_id":"d","cancel":true}`)
}

func TestSocket_Refusals(t *testing.T) {
	for _, tt := range []struct {
		name, send string
		status     float64
		code       any
		has        string
	}{
		{"not JSON", `{`, 400, nil, "not valid"},
		{"no model", `{"context_id":"c","transcript":"x","voice":{"mode":"id","id":"v"},"output_format":` + phone + `}`, 400, nil, "model_id"},
		{"other model", strings.Replace(`{"context_id":"c",`+fields(phone)+`,"transcript":"x"}`, "sonic-3.5", "tacotron", 1), 404, "model_not_found", ""},
		{"no transcript", `{"context_id":"c",` + fields(phone) + `}`, 400, nil, "transcript"},
		{"empty", `{"context_id":"c",` + fields(phone) + `,"transcript":" "}`, 400, nil, "empty"},
		{"no id to continue", `{` + fields(phone) + `,"transcript":"x","continue":true}`, 400, nil, "context_id"},
		{"missing voice", strings.Replace(`{"context_id":"c",`+fields(phone)+`,"transcript":"x"}`, `"id":"v"`, `"id":"missing"`, 1), 404, nil, "voice"},
		{"voice as text", strings.Replace(`{"context_id":"c",`+fields(phone)+`,"transcript":"x"}`, `{"mode":"id","id":"v"}`, `"v"`, 1), 400, nil, "voice"},
		{"voice of another mode", strings.Replace(`{"context_id":"c",`+fields(phone)+`,"transcript":"x"}`, `"mode":"id"`, `"mode":"embedding"`, 1), 400, nil, "mode"},
		{"wav", `{"context_id":"c",` + fields(`{"container":"wav","encoding":"pcm_s16le","sample_rate":8000}`) + `,"transcript":"x"}`, 400, nil, "raw"},
		{"Speechmatics' name of mu-law", `{"context_id":"c",` + fields(`{"container":"raw","encoding":"mulaw","sample_rate":8000}`) + `,"transcript":"x"}`, 400, nil, "encoding"},
		{"odd rate", `{"context_id":"c",` + fields(`{"container":"raw","encoding":"pcm_s16le","sample_rate":11025}`) + `,"transcript":"x"}`, 400, nil, "sample_rate"},
		{"long delay", strings.Replace(`{"context_id":"c",`+fields(phone)+`,"transcript":"x"}`, `delay_ms":0`, `delay_ms":5001`, 1), 400, nil, "5000"},
		{"language", strings.Replace(`{"context_id":"c",`+fields(phone)+`,"transcript":"x"}`, `"en"`, `"English"`, 1), 400, nil, "language"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			r := b.dial(t, now)
			r.say("%s", tt.send)
			all := r.until("error")
			m := all[len(all)-1]
			text, _ := m["message"].(string)
			title, _ := m["title"].(string)
			if m["status_code"] != tt.status || m["error_code"] != tt.code || m["done"] != true || m["request_id"] == "" || title == "" || !strings.Contains(text, tt.has) {
				t.Errorf("error %v", m)
			}
			r.say(`{"context_id":"next",%s,"transcript":"The socket lives."}`, fields(phone))
			if got := texts(media.Phone, sound(r.until("done"))); len(got) != 1 {
				t.Errorf("afterwards: %q", got)
			}
		})
	}
}

func TestSocket_SettingsOfAContextStay(t *testing.T) {
	for _, version := range []string{"2025-04-16", "2026-03-01"} {
		b := newBed(t)
		r := b.dial(t, "access_token=k&cartesia_version="+version)
		r.say(`{"context_id":"c",%s,"transcript":"one ","continue":true}`, fields(phone))
		r.say(`{"context_id":"c",%s,"transcript":"two ","continue":true}`, strings.Replace(fields(phone), `"id":"v"`, `"id":"w"`, 1))
		all := r.until("error")
		m := all[len(all)-1]
		text, _ := m["message"].(string)
		if version < "2026" {
			text, _ = m["error"].(string)
		}
		if m["context_id"] != "c" || m["status_code"] != 400.0 || !strings.Contains(text, "voice") {
			t.Errorf("version %s: %v", version, m)
		}
	}
}

func TestSocket_ContextsInterleave(t *testing.T) {
	b := newBed(t)
	if err := b.stage.SetPace(stage.Pace{Vendor: stage.Cartesia, PerTokenMS: 2}); err != nil {
		t.Fatal(err)
	}
	r := b.dial(t, now)
	long := strings.Repeat("interleaved ", 20)
	for _, id := range []string{"a", "b"} {
		r.say(`{"context_id":%q,%s,"transcript":%q}`, id, fields(phone), long)
	}
	all := append(r.until("done"), r.until("done")...)
	switches, before := 0, ""
	for _, m := range all {
		if id, _ := m["context_id"].(string); m["type"] == "chunk" && id != before {
			switches++
			before = id
		}
	}
	if switches < 4 {
		t.Errorf("chunks of the contexts switch %d times", switches)
	}
}

func TestSocket_EveryEncoding(t *testing.T) {
	decode := map[string]func([]byte) []int16{
		"pcm_mulaw": func(b []byte) []int16 { return media.DecodeMuLaw(nil, b) },
		"pcm_s16le": func(b []byte) []int16 { return media.DecodePCM16(nil, b) },
		"pcm_f32le": func(b []byte) (out []int16) {
			for i := 0; i+4 <= len(b); i += 4 {
				out = append(out, int16(math.Float32frombits(binary.LittleEndian.Uint32(b[i:]))*32767))
			}
			return out
		},
		"pcm_alaw": func(b []byte) (out []int16) {
			for _, c := range b {
				out = append(out, fromALaw(c))
			}
			return out
		},
	}
	b := newBed(t)
	r := b.dial(t, now)
	for encoding, decoded := range decode {
		for _, rate := range []int{8000, 16000, 22050, 24000, 44100, 48000} {
			format := fmt.Sprintf(`{"container":"raw","encoding":%q,"sample_rate":%d}`, encoding, rate)
			r.say(`{"context_id":"x",%s,"transcript":"the quick brown fox"}`, fields(format))
			d := tonecode.NewDecoder(rate)
			var got []string
			for _, events := range [][]tonecode.Event{append([]tonecode.Event(nil), d.Write(decoded(sound(r.until("done"))))...), d.Flush()} {
				for _, e := range events {
					if e.Kind == tonecode.Message && e.OK {
						got = append(got, e.Text)
					}
				}
			}
			if len(got) != 1 || got[0] != "the quick brown fox" {
				t.Errorf("%s at %d: heard %q", encoding, rate, got)
			}
		}
	}
}

// fromALaw is the receiver's side of G.711.
func fromALaw(c byte) int16 {
	c ^= 0x55
	v, segment := int(c&0x0F)<<4+8, int(c>>4&7)
	if segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if c&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

func TestSocket_IdleIsClosed(t *testing.T) {
	b := newBed(t)
	b.emulator.Idle = 20 * time.Millisecond
	r := b.dial(t, now)
	if _, _, err := r.conn.Read(nil); ws.CloseCode(err) != ws.CloseNormal {
		t.Errorf("idle socket ends with %v", err)
	}
}

func (b *bed) request(t *testing.T, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, _ := io.ReadAll(resp.Body)
	return resp, string(got)
}

func TestHTTP_Routes(t *testing.T) {
	b := newBed(t)
	const wav = `{"container":"wav","encoding":"pcm_s16le","sample_rate":16000}`
	old, current := []string{"X-API-Key", "k", "Cartesia-Version", "2025-04-16"}, []string{"Authorization", "Bearer k", "Cartesia-Version", "2026-03-01"}
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		want                     int
		kind, has                string
	}{
		{"no version", "GET", "/voices", "", []string{"X-API-Key", "k"}, 400, "text/plain", "Missing version: "},
		{"version in words", "GET", "/voices", "", []string{"X-API-Key", "k", "Cartesia-Version", "latest"}, 400, "", "Invalid version"},
		{"ancient version", "GET", "/voices", "", []string{"X-API-Key", "k", "Cartesia-Version", "2020-01-01"}, 400, "", "Invalid version"},
		{"no key, old", "GET", "/voices", "", old[2:], 401, "text/plain", "Unauthorized: "},
		{"no key", "GET", "/voices", "", current[2:], 401, "application/json", `"error_code":null`},
		{"key in the query is for sockets", "GET", "/voices?api_key=k", "", current[2:], 401, "", ""},
		{"bad key", "GET", "/voices", "", []string{"X-API-Key", "bad", "Cartesia-Version", "2026-03-01"}, 401, "", ""},
		{"first voices were a list", "GET", "/voices", "", []string{"X-API-Key", "k", "Cartesia-Version", "2024-06-10"}, 200, "application/json", `[{"country"`},
		{"voices", "GET", "/voices?limit=2", "", current, 200, "application/json", `"has_more":true`},
		{"voices of now", "GET", "/voices?limit=1&is_owner=true", "", []string{"X-API-Key", "k", "Cartesia-Version", "2026-08-14"}, 200, "", `"access":"private"`},
		{"voices found", "GET", "/voices?q=narration", "", current, 200, "", `"name":"Emil"`},
		{"limit", "GET", "/voices?limit=101", "", current, 400, "application/json", "limit"},
		{"no such page", "GET", "/voices?starting_after=x", "", current, 400, "", "starting_after"},
		{"any voice", "GET", "/voices/0c1c6b8f-aaaa-4bbb-8ccc-123456789abc", "", current, 200, "", "0c1c6b8f"},
		{"no voice", "GET", "/voices/00000000-0000-0000-0000-000000000000", "", current, 404, "", "Voice not found"},
		{"mp3", "POST", "/tts/bytes", `{` + fields(`{"container":"mp3","bit_rate":128000,"sample_rate":44100}`) + `,"transcript":"x"}`, current, 400, "", "not available in the sandbox"},
		{"wav", "POST", "/tts/bytes", `{` + fields(wav) + `,"transcript":"x"}`, current, 200, "audio/wav", "RIFF"},
		{"nothing to say", "POST", "/tts/bytes", `{` + fields(phone) + `,"transcript":" "}`, current, 400, "", "empty"},
		{"cancel", "POST", "/tts/bytes", `{"cancel":true}`, current, 400, "", ""},
		{"too much", "POST", "/tts/bytes", strings.Repeat("x", 300<<10), current, 413, "", ""},
		{"get speech", "GET", "/tts/bytes", "", current, 405, "", ""},
		{"events as wav", "POST", "/tts/sse", `{` + fields(wav) + `,"transcript":"x"}`, current, 400, "", "raw"},
		{"token", "POST", "/access-token", `{"grants":{"tts":true},"expires_in":60}`, current, 200, "", `"token":"`},
		{"eternal token", "POST", "/access-token", `{"grants":{"tts":true},"expires_in":999999}`, current, 400, "", "expires_in"},
		{"token for nothing", "POST", "/access-token", `{}`, current, 400, "", "grants"},
		{"no upgrade", "GET", "/tts/websocket", "", current, 400, "", "WebSocket"},
		{"elsewhere", "GET", "/agents", "", current, 404, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := b.request(t, tt.method, tt.path, tt.body, tt.header...)
			if resp.StatusCode != tt.want || !strings.Contains(body, tt.has) || !strings.HasPrefix(resp.Header.Get("Content-Type"), tt.kind) {
				t.Errorf("%d %s %.200s, want %d %s with %q", resp.StatusCode, resp.Header.Get("Content-Type"), body, tt.want, tt.kind, tt.has)
			}
		})
	}
}

func TestHTTP_PagesOfVoicesEnd(t *testing.T) {
	b := newBed(t)
	after, names := "", map[string]bool{}
	for range 10 { // as the vendor's own clients do it: until a page is empty
		_, body := b.request(t, "GET", "/voices?limit=4"+after, "", "X-API-Key", "k", "Cartesia-Version", "2026-03-01")
		var page struct {
			Data []struct{ ID, Name string } `json:"data"`
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Data) == 0 {
			if len(names) != 13 {
				t.Errorf("%d voices on all pages", len(names))
			}
			return
		}
		for _, v := range page.Data {
			names[v.Name] = true
			after = "&starting_after=" + v.ID
		}
	}
	t.Error("the pages do not end")
}

func TestHTTP_WavAndEvents(t *testing.T) {
	b := newBed(t)
	header := []string{"Authorization", "Bearer k", "Cartesia-Version", "2026-03-01"}
	_, body := b.request(t, "POST", "/tts/bytes", `{`+fields(`{"container":"wav","encoding":"pcm_s16le","sample_rate":16000}`)+`,"transcript":"A file."}`, header...)
	wav, err := media.ReadWAV(strings.NewReader(body), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(media.BrowserIn, media.AppendPCM16(nil, wav.Samples)); len(got) != 1 || got[0] != "A file." || wav.Rate != 16000 {
		t.Errorf("heard %q at %d Hz", got, wav.Rate)
	}
	_, body = b.request(t, "POST", "/tts/sse", `{`+fields(phone)+`,"transcript":"Events.","context_id":"c"}`, header...)
	var all []map[string]any
	events := bufio.NewScanner(strings.NewReader(body))
	name := ""
	for events.Scan() {
		if kind, ok := strings.CutPrefix(events.Text(), "event: "); ok {
			name = kind
		} else if data, ok := strings.CutPrefix(events.Text(), "data: "); ok {
			var m map[string]any
			if err = json.Unmarshal([]byte(data), &m); err != nil || m["type"] != name || m["context_id"] != "c" {
				t.Fatalf("event %s: %s %v", name, data, err)
			}
			all = append(all, m)
		}
	}
	if got := texts(media.Phone, sound(all)); len(got) != 1 || got[0] != "Events." || name != "done" {
		t.Errorf("heard %q, last event %s", got, name)
	}
}

func TestHTTP_Faults(t *testing.T) {
	header := []string{"Authorization", "Bearer k", "Cartesia-Version", "2026-03-01"}
	speak := `{` + fields(phone) + `,"transcript":"` + strings.Repeat("many words ", 10) + `"}`
	whole := len(media.EncodeMuLaw(nil, tonecode.Encode(strings.TrimSpace(strings.Repeat("many words ", 10)), 8000))) + 320
	for _, tt := range []struct {
		fault stage.Fault
		path  string
		check func(status int, body []byte) bool
	}{
		{stage.Fault{Mode: stage.ModeStatus, Status: 402}, "/tts/bytes", func(s int, b []byte) bool { return s == 402 && bytes.Contains(b, []byte("request_id")) }},
		{stage.Fault{Mode: stage.ModeMalformed}, "/tts/bytes", func(s int, b []byte) bool { return s == 200 && len(b) < 100 }},
		{stage.Fault{Mode: stage.ModeClose}, "/tts/bytes", func(s int, b []byte) bool { return s == 200 && len(b) == 800 }},
		{stage.Fault{Mode: stage.ModeStall, MS: 10}, "/tts/bytes", func(s int, b []byte) bool { return s == 200 && len(b) == whole }},
		{stage.Fault{Mode: stage.ModeDrip, MS: 1}, "/tts/bytes", func(s int, b []byte) bool { return s == 200 && len(b) == whole }},
		{stage.Fault{Mode: stage.ModeClose, Code: "concurrency_limited"}, "/tts/sse", func(s int, b []byte) bool {
			return s == 200 && bytes.HasPrefix(b, []byte("event: error\n")) && bytes.Contains(b, []byte(`"status_code":429`))
		}},
	} {
		b := newBed(t)
		b.fault(t, tt.fault)
		resp, body := b.request(t, "POST", tt.path, speak, header...)
		if !tt.check(resp.StatusCode, []byte(body)) {
			t.Errorf("%+v on %s: %d, %d bytes %.100q", tt.fault, tt.path, resp.StatusCode, len(body), body)
		}
	}
}
