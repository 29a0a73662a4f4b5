package supabase

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// FuzzFunctions: whatever is asked of whatever function, the emulator answers as the gateway or a function
// would, in JSON, and never with a fault of its own.
func FuzzFunctions(f *testing.F) {
	for _, fn := range []string{"transaction-query", "rag-retrieval", "web-search-tool", "transaction-email", "transaction-chart", "x", ""} {
		f.Add(http.MethodPost, fn, anon, `{"clientId":"5001","query":"refund","to":"a@b.example","type":"x","matchCount":5}`)
	}
	f.Add(http.MethodPost, "transaction-query", service, `{"clientId":5001,"status":null}`)
	f.Add(http.MethodPost, "rag-retrieval", anon, `{"query":"`+strings.Repeat("x ", 3000)+`","matchThreshold":-1,"matchCount":1e9}`)
	f.Add(http.MethodPost, "transaction-email", anon, `{"to":["a"],"transactionSummary":{}}`)
	f.Add(http.MethodGet, "transaction-query", "bad.key.x", "[")
	f.Add(http.MethodOptions, "transaction-chart", "", "")
	s := stage.New(stage.Options{})
	h := s.Wrap(stage.Supabase, New(s), Refuse)
	f.Fuzz(func(t *testing.T, method, fn, key, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://x/functions/v1/"+strings.Map(plainPath, fn), strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header.Set("apikey", key)
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented || w.Code < 200 {
			t.Fatalf("%s %s with %q: %d %s", method, fn, body, w.Code, w.Body)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && method != http.MethodHead && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %s with %q: no JSON: %s", method, fn, body, w.Body)
		}
	})
}

func plainPath(r rune) rune {
	if r > ' ' && r < 0x7f && !strings.ContainsRune("?#%", r) {
		return r
	}
	return -1
}
