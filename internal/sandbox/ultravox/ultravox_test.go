package ultravox_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/sandbox/ultravox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ask(t *testing.T, s *stage.Stage, method, path, key, body string) *httptest.ResponseRecorder {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://sandbox"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	s.Wrap(stage.Ultravox, ultravox.New(s), ultravox.Refuse).ServeHTTP(w, req)
	return w
}

// spoken is a text as sound, in base64.
func spoken(text string, rate int) string {
	return base64.StdEncoding.EncodeToString(media.AppendWAV(nil, rate, 1, tonecode.Encode(text, rate)))
}

func question(content any, more ...any) string {
	q := map[string]any{"model": ultravox.Model, "messages": []any{map[string]any{"role": "user", "content": content}}}
	for i := 0; i+1 < len(more); i += 2 {
		q[more[i].(string)] = more[i+1]
	}
	b, _ := json.Marshal(q)
	return string(b)
}

func sound(data string) any {
	return []any{map[string]any{"type": "text", "text": ""}, map[string]any{"type": "input_audio", "input_audio": map[string]any{"data": data, "format": "wav"}}}
}

func TestServer_HearsWhatIsSaidAndAnswersAsToText(t *testing.T) {
	const words = "What are your opening hours?"
	s := stage.New(stage.Options{})
	typed := ask(t, s, "POST", "/v1/chat/completions", "", question(words))
	var want struct {
		Choices []struct {
			Message struct{ Content string }
		}
	}
	if err := json.Unmarshal(typed.Body.Bytes(), &want); err != nil || typed.Code != 200 || want.Choices[0].Message.Content == "" {
		t.Fatalf("got %d %s", typed.Code, typed.Body)
	}
	for name, content := range map[string]any{
		"16 kHz":     sound(spoken(words, 16_000)),
		"8 kHz":      sound(spoken(words, 8000)),
		"24 kHz":     sound(spoken(words, 24_000)),
		"a data URL": []any{map[string]any{"type": "audio_url", "audio_url": map[string]any{"url": "data:audio/wav;base64," + spoken(words, 16_000)}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(t, s, "POST", "/v1/chat/completions", "", question(content))
			if got.Code != 200 || !strings.Contains(got.Body.String(), fmt.Sprintf("%q", want.Choices[0].Message.Content)) {
				t.Errorf("got %d %s, want %q", got.Code, got.Body, want.Choices[0].Message.Content)
			}
			calls, _ := s.Calls(stage.Ultravox, 0)
			if last := calls[len(calls)-1]; last.Detail["user"] != words || last.Detail["sounds"] != 1 {
				t.Errorf("recorded %v", last.Detail)
			}
		})
	}
	streamed := ask(t, s, "POST", "/v1/chat/completions", "", question(words, "stream", true, "stream_options", map[string]any{"include_usage": true}))
	var text strings.Builder
	usage := false
	for line := range strings.Lines(streamed.Body.String()) {
		var c struct {
			Choices []struct{ Delta struct{ Content string } }
			Usage   map[string]any
		}
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok || json.Unmarshal([]byte(data), &c) != nil {
			continue
		}
		usage = usage || c.Usage != nil
		if len(c.Choices) > 0 {
			text.WriteString(c.Choices[0].Delta.Content)
		}
	}
	if text.String() != want.Choices[0].Message.Content || !usage || !strings.HasSuffix(streamed.Body.String(), "data: [DONE]\n\n") {
		t.Errorf("streamed %s", streamed.Body)
	}
	if short := ask(t, s, "POST", "/v1/chat/completions", "", question(words, "max_tokens", 1)); !strings.Contains(short.Body.String(), `"finish_reason":"length"`) {
		t.Errorf("one token: %s", short.Body)
	}
}

func TestServer_Refusals(t *testing.T) {
	s := stage.New(stage.Options{})
	for name, c := range map[string]struct {
		method, path, key, body string
		status                  int
		says                    string
	}{
		"health has no body":       {"GET", "/health", "bad", "", 200, ""},
		"a wrong key":              {"GET", "/v1/models", "bad", "", 401, `{"error":"Unauthorized"}`},
		"a right key":              {"GET", "/v1/models", "good", "", 200, `"max_model_len":8192`},
		"metrics need no key":      {"GET", "/metrics", "bad", "", 200, "vllm:kv_cache_usage_perc{"},
		"a place that is none":     {"GET", "/v2", "", "", 404, "Not Found"},
		"another method":           {"DELETE", "/v1/models", "", "", 405, "Method Not Allowed"},
		"no JSON":                  {"POST", "/v1/chat/completions", "", "x", 400, `"code":400`},
		"no message":               {"POST", "/v1/chat/completions", "", `{"model":"` + ultravox.Model + `","messages":[]}`, 400, "at least 1 item"},
		"another model":            {"POST", "/v1/chat/completions", "", `{"model":"x","messages":[{"role":"user","content":"hi"}]}`, 404, "NotFoundError"},
		"tools":                    {"POST", "/v1/chat/completions", "", question("hi", "tools", []any{map[string]any{"type": "function"}}), 400, "--enable-auto-tool-choice"},
		"sound that is none":       {"POST", "/v1/chat/completions", "", question(sound("AAAA")), 400, "no WAV file"},
		"sound that is no base64":  {"POST", "/v1/chat/completions", "", question(sound("***")), 400, "no WAV file"},
		"sound from another place": {"POST", "/v1/chat/completions", "", question([]any{map[string]any{"type": "audio_url", "audio_url": map[string]any{"url": "http://127.0.0.1/x"}}}), 400, "fetches nothing"},
		"a picture":                {"POST", "/v1/chat/completions", "", question([]any{map[string]any{"type": "image_url"}}), 400, "neither a text nor"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(t, s, c.method, c.path, c.key, c.body)
			if got.Code != c.status || !strings.Contains(got.Body.String(), c.says) || c.path == "/health" && got.Body.Len() > 0 {
				t.Errorf("got %d %s", got.Code, got.Body)
			}
		})
	}
}

func FuzzServer(f *testing.F) {
	f.Add(question("hi"))
	f.Add(question(sound(base64.StdEncoding.EncodeToString(media.AppendWAV(nil, 8000, 1, make([]int16, 80))))))
	f.Add(question(sound("UklGRg==")))
	f.Add(`{"model":"` + ultravox.Model + `","messages":[{"role":"user","content":[{"type":"input_audio"}]}],"max_tokens":-1,"stream":true}`)
	f.Fuzz(func(t *testing.T, body string) {
		if got := ask(t, stage.New(stage.Options{}), "POST", "/v1/chat/completions", "", body); got.Code >= 500 {
			t.Errorf("%q: %d %s", body, got.Code, got.Body)
		}
	})
}
