package twilio

import (
	"net/http"
	"testing"
)

// FuzzFailure: whatever the vendor answers in place of what was asked for, it becomes a bounded error.
func FuzzFailure(f *testing.F) {
	f.Add(400, "RQ1", "1", []byte(`{"code":20003,"message":"Authenticate","more_info":"x","status":401}`))
	f.Add(200, "", "99999999999", []byte(`{"code":1e400,"message":"x"}`))
	f.Add(-1, "\x00", "-1", []byte(`{"code":"x","message":7}`))
	f.Fuzz(func(t *testing.T, status int, id, retry string, body []byte) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Twilio-Request-Id": {id}, "Retry-After": {retry}}}
		e := failure(resp, body)
		if e == nil || e.Class == "" || e.RetryAfter < 0 || e.RetryAfter.Hours() > 1 || e.Err != nil && len(e.Err.Error()) > 800 {
			t.Fatalf("got %+v", e)
		}
		_ = e.Error() // it must have words, whatever is in it
	})
}
