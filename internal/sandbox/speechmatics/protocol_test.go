package speechmatics_test

import (
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

const goodStart = `{"message":"StartRecognition","audio_format":{"type":"raw","encoding":"mulaw","sample_rate":8000},` +
	`"transcription_config":{"language":"en","enable_partials":true,"max_delay":0.7,"conversation_config":{"end_of_utterance_silence_trigger":0.5}}}`

// raw is a client without manners.
type raw struct {
	t    *testing.T
	conn *ws.Conn
}

func dial(t *testing.T, url string) raw {
	t.Helper()
	conn, err := ws.Dial(t.Context(), url, ws.DialOptions{Header: http.Header{"Authorization": {"Bearer k"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Drop() })
	if err = conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return raw{t, conn}
}

func (r raw) say(m string) {
	r.t.Helper()
	if err := r.conn.Write(ws.Text, []byte(m)); err != nil {
		r.t.Fatal(err)
	}
}

func (r raw) sound(b []byte) {
	r.t.Helper()
	if err := r.conn.Write(ws.Binary, b); err != nil {
		r.t.Fatal(err)
	}
}

// until reads up to the first message of a name.
func (r raw) until(name string) (all []map[string]any) {
	r.t.Helper()
	for {
		_, data, err := r.conn.Read(nil)
		if err != nil {
			r.t.Fatalf("before %s: %v; seen %v", name, err, all)
		}
		var m map[string]any
		if err = json.Unmarshal(data, &m); err != nil {
			r.t.Fatal(err)
		}
		if all = append(all, m); m["message"] == name {
			return all
		}
	}
}

func last(all []map[string]any) map[string]any { return all[len(all)-1] }

func (r raw) closed() int {
	r.t.Helper()
	for {
		if _, _, err := r.conn.Read(nil); err != nil {
			return ws.CloseCode(err)
		}
	}
}

func TestEmulator_RefusesAsTheVendor(t *testing.T) {
	start := func(format, config string) string {
		return `{"message":"StartRecognition","audio_format":` + format + `,"transcription_config":` + config + `}`
	}
	const format, config = `{"type":"raw","encoding":"pcm_s16le","sample_rate":16000}`, `{"language":"en"}`
	for _, tt := range []struct {
		name string
		send []string // "" = a binary frame
		kind string
		code int
	}{
		{"audio first", []string{""}, "protocol_error", 1003},
		{"end first", []string{`{"message":"EndOfStream","last_seq_no":0}`}, "protocol_error", 1003},
		{"start twice", []string{goodStart, goodStart}, "protocol_error", 1003},
		{"not JSON", []string{`{`}, "invalid_message", 1003},
		{"no name", []string{`{}`}, "invalid_message", 1003},
		{"name is a number", []string{`{"message":1}`}, "invalid_message", 1003},
		{"unknown message", []string{goodStart, `{"message":"Hello"}`}, "invalid_message", 1003},
		{"channel audio", []string{goodStart, `{"message":"AddChannelAudio","channel":"a","data":""}`}, "protocol_error", 1003},
		{"no format", []string{`{"message":"StartRecognition","transcription_config":{"language":"en"}}`}, "invalid_message", 1003},
		{"no config", []string{`{"message":"StartRecognition","audio_format":` + format + `}`}, "invalid_message", 1003},
		{"no type", []string{start(`{}`, config)}, "invalid_audio_type", 1003},
		{"Cartesia's name of mu-law", []string{start(`{"type":"raw","encoding":"pcm_mulaw","sample_rate":8000}`, config)}, "invalid_audio_type", 1003},
		{"no encoding", []string{start(`{"type":"raw","sample_rate":8000}`, config)}, "invalid_audio_type", 1003},
		{"no rate", []string{start(`{"type":"raw","encoding":"mulaw"}`, config)}, "invalid_audio_type", 1003},
		{"rate of a watch", []string{start(`{"type":"raw","encoding":"mulaw","sample_rate":100}`, config)}, "invalid_audio_type", 1003},
		{"rate in words", []string{start(`{"type":"raw","encoding":"mulaw","sample_rate":"8000"}`, config)}, "invalid_message", 1003},
		{"no language", []string{start(format, `{}`)}, "invalid_config", 1003},
		{"no such language", []string{start(format, `{"language":"Klingon"}`)}, "invalid_language", 1003},
		{"no such model", []string{start(format, `{"language":"en","model":"x"}`)}, "invalid_model", 4004},
		{"too fast", []string{start(format, `{"language":"en","max_delay":0.5}`)}, "invalid_config", 1003},
		{"too slow", []string{start(format, `{"language":"en","max_delay":4.1}`)}, "invalid_config", 1003},
		{"mode", []string{start(format, `{"language":"en","max_delay_mode":"x"}`)}, "invalid_config", 1003},
		{"silence", []string{start(format, `{"language":"en","conversation_config":{"end_of_utterance_silence_trigger":2.5}}`)}, "invalid_config", 1003},
		{"end without number", []string{goodStart, `{"message":"EndOfStream"}`}, "invalid_message", 1003},
		{"end with a wrong number", []string{goodStart, "", `{"message":"EndOfStream","last_seq_no":2}`}, "protocol_error", 1003},
		{"language midway", []string{goodStart, `{"message":"SetRecognitionConfig","transcription_config":{"language":"de"}}`}, "invalid_config", 1003},
		{"delay midway", []string{goodStart, `{"message":"SetRecognitionConfig","transcription_config":{"max_delay":9}}`}, "invalid_config", 1003},
		{"not a wav", []string{start(`{"type":"file"}`, config), ""}, "invalid_audio_type", 1003},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			r := dial(t, b.url)
			for _, m := range tt.send {
				if m == "" {
					r.sound(make([]byte, 800))
				} else {
					r.say(m)
				}
			}
			if m := last(r.until("Error")); m["type"] != tt.kind || m["reason"] == "" {
				t.Errorf("error %v, want %s", m, tt.kind)
			}
			if got := r.closed(); got != tt.code {
				t.Errorf("closed with %d, want %d", got, tt.code)
			}
		})
	}
}

func TestEmulator_SessionFromStartToEnd(t *testing.T) {
	b := newBed(t)
	r := dial(t, b.url+"/en?sm-app=x")
	r.say(goodStart)
	begun := last(r.until("RecognitionStarted"))
	pack, _ := begun["language_pack_info"].(map[string]any)
	if begun["id"] == "" || pack["word_delimiter"] != " " {
		t.Errorf("started with %v", begun)
	}
	infos := r.until("Info")
	if infos[0]["quality"] != "telephony" {
		t.Errorf("info %v", infos[0])
	}
	if m := last(r.until("Info")); m["type"] != "concurrent_session_usage" || m["usage"] != 1.0 {
		t.Errorf("info %v", m)
	}
	r.say(`{"message":"SetRecognitionConfig","transcription_config":{"language":"en","enable_partials":false}}`)
	r.say(`{"message":"GetSpeakers"}`)
	r.until("SpeakersResult")
	r.sound(speak(media.Phone, "Hello, world."))
	r.sound(silence(media.Phone, 600*time.Millisecond))
	all := r.until("EndOfUtterance")
	var final map[string]any
	for _, m := range all {
		switch m["message"] {
		case "AddPartialTranscript":
			t.Errorf("partial though they are off: %v", m)
		case "AddTranscript":
			final = m
		}
	}
	meta, _ := final["metadata"].(map[string]any)
	results, _ := json.Marshal(final["results"])
	at := func(i int) (float64, float64) {
		w := tonecode.WordTimes("Hello, world.")[i]
		return w.Start.Seconds(), w.End.Seconds()
	}
	s0, e0 := at(0)
	s1, e1 := at(1)
	word := `{"alternatives":[{"confidence":0.99,"content":%q,"language":"en"}],"end_time":%g,"start_time":%g,"type":"word"}`
	mark := `{"alternatives":[{"confidence":0.99,"content":%q,"language":"en"}],"attaches_to":"previous","end_time":%g,"is_eos":%v,"start_time":%g,"type":"punctuation"}`
	want := fmt.Sprintf("["+word+","+mark+","+word+","+mark+"]", "Hello", e0, s0, ",", e0, false, e0, "world", e1, s1, ".", e1, true, e1)
	if meta["transcript"] != "Hello, world. " || final["format"] != "2.1" || string(results) != want {
		t.Errorf("final %v\nresults %s\nwant    %s", final, results, want)
	}
	r.sound(silence(media.Phone, 3*time.Second)) // one silence, one end
	r.say(`{"message":"ForceEndOfUtterance"}`)
	r.say(`{"message":"EndOfStream","last_seq_no":3}`)
	for _, m := range r.until("EndOfTranscript") {
		if m["message"] == "EndOfUtterance" || m["message"] == "AddTranscript" {
			t.Errorf("%v after the utterance was over", m)
		}
	}
	if got := r.closed(); got != ws.CloseNormal {
		t.Errorf("closed with %d", got)
	}
}

func TestEmulator_AcknowledgesAndWarns(t *testing.T) {
	b := newBed(t)
	if err := b.stage.SetPace(stage.Pace{Vendor: stage.Speechmatics, FirstMS: 300}); err != nil {
		t.Fatal(err)
	}
	r := dial(t, b.url)
	r.say(goodStart)
	r.sound(speak(media.Phone, "slow"))
	r.say(`{"message":"EndOfStream","last_seq_no":1}`)
	r.sound([]byte{1}) // the final is still being paced
	seen := r.until("EndOfTranscript")
	warned, acked := false, 0
	for _, m := range seen {
		warned = warned || m["message"] == "Warning" && m["type"] == "add_audio_after_eos"
		if m["message"] == "AudioAdded" {
			if acked++; m["seq_no"] != float64(acked) {
				t.Errorf("acknowledgement %v", m)
			}
		}
	}
	if acked != 1 || !warned {
		t.Errorf("%d acknowledgements, warned %v; want 1 and true", acked, warned)
	}
}

func TestEmulator_OtherSoundIsSilence(t *testing.T) {
	b := newBed(t)
	r := dial(t, b.url)
	r.say(goodStart)
	tone := make([]int16, 16000)
	for i := range tone {
		tone[i] = int16(8000 * math.Sin(float64(i)*0.3+3*math.Sin(float64(i)*0.001)))
	}
	r.sound(media.EncodeMuLaw(nil, tone))
	r.say(`{"message":"ForceEndOfUtterance","timestamp":2}`)
	r.say(`{"message":"EndOfStream","last_seq_no":1}`)
	for _, m := range r.until("EndOfTranscript") {
		if name := m["message"]; name == "AddTranscript" || name == "AddPartialTranscript" || name == "EndOfUtterance" {
			t.Errorf("%v was heard", m)
		}
	}
}

func TestEmulator_FloatsAndFiles(t *testing.T) {
	samples := tonecode.Encode("in other words", 16000)
	var floats []byte
	for _, s := range samples {
		floats = binary.LittleEndian.AppendUint32(floats, math.Float32bits(float32(s)/32768))
	}
	for name, tt := range map[string]struct {
		format string
		sound  []byte
	}{
		"floats": {`{"type":"raw","encoding":"pcm_f32le","sample_rate":16000}`, floats},
		"wav":    {`{"type":"file"}`, media.AppendWAV(nil, 16000, 1, samples)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			r := dial(t, b.url)
			r.say(`{"message":"StartRecognition","audio_format":` + tt.format + `,"transcription_config":{"language":"en"}}`)
			n := 0
			for rest := tt.sound; len(rest) > 0; n++ { // odd sizes, so that samples and headers are cut
				k := min(777, len(rest))
				r.sound(rest[:k])
				rest = rest[k:]
			}
			r.say(fmt.Sprintf(`{"message":"EndOfStream","last_seq_no":%d}`, n))
			for _, m := range r.until("EndOfTranscript") {
				if m["message"] == "AddTranscript" {
					if meta, _ := m["metadata"].(map[string]any); meta["transcript"] != "in other words " {
						t.Errorf("final %v", m)
					}
					return
				}
			}
			t.Error("no final")
		})
	}
}

func TestEmulator_KeysAndRoutes(t *testing.T) {
	b := newBed(t)
	base := "http" + strings.TrimSuffix(strings.TrimPrefix(b.url, "ws"), "/v2")
	for _, tt := range []struct {
		name, method, path, key, body string
		want                          int
		has                           string
	}{
		{"key made", "POST", "/v1/api_keys?type=rt", "k", `{"ttl":60}`, 201, `"apikey_id":null`},
		{"no key", "POST", "/v1/api_keys?type=rt", "", `{"ttl":60}`, 401, `"code":401`},
		{"bad key", "POST", "/v1/api_keys?type=rt", "bad", `{"ttl":60}`, 403, ``},
		{"short life", "POST", "/v1/api_keys?type=rt", "k", `{"ttl":59}`, 422, `"message":"ttl`},
		{"no life", "POST", "/v1/api_keys?type=rt", "k", `{}`, 422, `ttl`},
		{"batch key", "POST", "/v1/api_keys?type=batch", "k", `{"ttl":60}`, 422, `type`},
		{"not JSON", "POST", "/v1/api_keys?type=rt", "k", `x`, 422, ``},
		{"get", "GET", "/v1/api_keys?type=rt", "k", ``, 405, ``},
		{"no upgrade", "GET", "/v2", "k", ``, 400, ``},
		{"post", "POST", "/v2/", "k", ``, 405, ``},
		{"no auth", "GET", "/v2/en", "", ``, 401, ``},
		{"bad auth", "GET", "/v2?jwt=badness", "", ``, 401, ``},
		{"elsewhere", "GET", "/v3", "k", ``, 404, ``},
		{"not a language", "GET", "/v2/en/x", "k", ``, 404, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, base+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.key != "" {
				req.Header.Set("Authorization", "Bearer "+tt.key)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.want || !strings.Contains(string(body), tt.has) {
				t.Errorf("%d %s, want %d with %s", resp.StatusCode, body, tt.want, tt.has)
			}
		})
	}
	http.DefaultClient.CloseIdleConnections()
	conn, err := ws.Dial(t.Context(), b.url+"/?jwt=temporary", ws.DialOptions{})
	if err != nil {
		t.Fatalf("a temporary key in the query: %v", err)
	}
	_ = conn.Drop()
}
