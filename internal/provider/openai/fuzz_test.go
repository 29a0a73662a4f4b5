package openai

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

// scripted answers every request with one body, without a network.
type scripted []byte

func (s scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r,
		Body: io.NopCloser(bytes.NewReader(s)),
	}, nil
}

func FuzzStream(f *testing.F) {
	for _, s := range []string{
		"", done, content("Hi") + finish("stop") + done, "data: {\"error\":{\"message\":[\"a\"],\"code\":1}}\n\n",
		tool(`{"index":-1,"id":"a","function":{"name":"f","arguments":"{"}}`) + finish("length"), "data: {\ndata: }\n\n", "data:\n\n\r\n:x",
		tool(`{"index":9223372036854775807,"function":{}}`) + done, "data: {\"choices\":[{\"index\":1}]}\n\n" + done,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := New(Options{Model: "m", HTTP: &http.Client{Transport: scripted(body)}})
		finished, delivered := 0, 0
		_, err := c.Stream(t.Context(), hello(), func(d Delta) error {
			if len(d.ToolCalls) > 0 {
				delivered++
			}
			if d.Finish != "" {
				finished++
			}
			return nil
		})
		var ge *guard.Error
		if err != nil && !errors.As(err, &ge) {
			t.Fatalf("got %v, want a *guard.Error", err)
		}
		if err == nil && finished != 1 || err != nil && finished != 0 {
			t.Fatalf("got %d ends with the error %v", finished, err)
		}
		if delivered > 1 {
			t.Fatalf("tool calls were delivered %d times", delivered)
		}
	})
}
