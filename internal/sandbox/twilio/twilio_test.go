package twilio_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/provider/guard"
	wire "github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/sandbox/twilio"
	"github.com/voicectl/voicectl/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const account = "AC5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

// serve is an emulator behind a server, with the stage's faults.
func serve(t *testing.T) (*stage.Stage, string) {
	t.Helper()
	s := stage.New(stage.Options{})
	srv := httptest.NewServer(s.Wrap(stage.Twilio, twilio.New(s), twilio.Refuse))
	t.Cleanup(srv.Close)
	return s, srv.URL
}

type answer struct {
	status int
	body   map[string]any
}

func ask(t *testing.T, method, user, token, address string, form url.Values) answer {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if user != "" {
		req.SetBasicAuth(user, token)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := answer{status: resp.StatusCode}
	if err := json.NewDecoder(resp.Body).Decode(&out.body); err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	return out
}

// The vendor's own library, inside our client, cannot tell the emulator from the vendor.
func TestEmulator_ServesTheVendorsLibrary(t *testing.T) {
	s, base := serve(t)
	client := func(token string) *wire.REST {
		r, err := wire.NewREST(wire.RESTOptions{AccountSID: account, Token: secret.New(token), BaseURL: base})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r
	}
	a, err := client("good").Account(t.Context())
	if err != nil || a.SID != account || a.Status != "active" || a.Type != "Full" {
		t.Errorf("got %+v, %v", a, err)
	}
	if a, err = client("suspended").Account(t.Context()); err != nil || a.Status != "suspended" {
		t.Errorf("got %+v, %v", a, err)
	}
	if _, err = client("bad").Account(t.Context()); guard.ClassOf(err) != guard.Unauthorized || !strings.Contains(fmt.Sprint(err), "20003") {
		t.Errorf("got %v", err)
	}
	if err := client("good").EndCall(t.Context(), "CA"+strings.Repeat("0", 32)); err != nil {
		t.Errorf("a call that is over: %v", err)
	}
	if _, err := s.AddFault(stage.Fault{Vendor: stage.Twilio, Mode: stage.ModeStatus, Status: 429}); err != nil {
		t.Fatal(err)
	}
	if _, err = client("good").Account(t.Context()); guard.ClassOf(err) != guard.RateLimited || !strings.Contains(fmt.Sprint(err), "20429") {
		t.Errorf("got %v", err)
	}
	calls, _ := s.Calls(stage.Twilio, 0)
	for _, c := range calls {
		if strings.Contains(fmt.Sprint(c), "good") {
			t.Errorf("a token is in the record: %v", c)
		}
	}
}

func TestEmulator_Refusals(t *testing.T) {
	_, base := serve(t)
	root := base + "/2010-04-01/Accounts/" + account
	for name, c := range map[string]struct {
		method, user, token, path string
		status                    int
		code                      float64
	}{
		"without credentials":            {"GET", "", "", ".json", 401, 20003},
		"with another account's":         {"GET", "AC" + strings.Repeat("1", 32), "good", ".json", 401, 20003},
		"with test credentials":          {"GET", account, "test", ".json", 403, 20008},
		"a key does not read the record": {"GET", "SK" + strings.Repeat("1", 32), "good", ".json", 401, 20003},
		"a record is not changed here":   {"POST", account, "good", ".json", 405, 20004},
		"no such thing":                  {"GET", account, "good", "/Nothing.json", 404, 20404},
		"no such number":                 {"GET", account, "good", "/IncomingPhoneNumbers/PN" + strings.Repeat("1", 32) + ".json", 404, 20404},
		"a page that is no number":       {"GET", account, "good", "/IncomingPhoneNumbers.json?PageSize=0", 400, 20001},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(t, c.method, c.user, c.token, root+c.path, nil)
			if got.status != c.status || got.body["code"] != c.code || got.body["status"] != float64(c.status) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestNumbers_AreListedInPagesAndKeepWhatIsSet(t *testing.T) {
	_, base := serve(t)
	root := base + "/2010-04-01/Accounts/" + account
	page := ask(t, "GET", "SK"+strings.Repeat("1", 32), "good", root+"/IncomingPhoneNumbers.json?PageSize=1", nil)
	next, _ := page.body["next_page_uri"].(string)
	if page.status != 200 || len(page.body["incoming_phone_numbers"].([]any)) != 1 || next == "" {
		t.Fatalf("got %+v", page)
	}
	second := ask(t, "GET", account, "good", base+next, nil)
	if rows := second.body["incoming_phone_numbers"].([]any); len(rows) != 1 || second.body["next_page_uri"] != nil || rows[0].(map[string]any)["voice_application_sid"] == "" {
		t.Fatalf("got %+v", second)
	}
	one := ask(t, "GET", account, "good", root+"/IncomingPhoneNumbers.json?PhoneNumber=%2B15550100002", nil).body["incoming_phone_numbers"].([]any)
	number := root + "/IncomingPhoneNumbers/" + one[0].(map[string]any)["sid"].(string) + ".json"

	for name, c := range map[string]struct {
		form   url.Values
		status int
		code   any
	}{
		"a method that is none":        {url.Values{"VoiceMethod": {"PUT"}}, 400, 21403.0},
		"an address that is none":      {url.Values{"VoiceUrl": {"agent.example.com"}}, 400, 21502.0},
		"a fallback without a primary": {url.Values{"VoiceUrl": {""}, "VoiceFallbackUrl": {"https://a.example/f"}}, 400, 21405.0},
	} {
		if got := ask(t, "POST", account, "good", number, c.form); got.status != c.status || got.body["code"] != c.code {
			t.Errorf("%s: %+v", name, got)
		}
	}
	set := ask(t, "POST", account, "good", number, url.Values{"VoiceUrl": {"https://a.example/v"}, "VoiceMethod": {"GET"}, "VoiceApplicationSid": {"AP1"}, "Surprise": {"x"}})
	trunk := ask(t, "POST", account, "good", number, url.Values{"TrunkSid": {"TK1"}})
	got := ask(t, "GET", account, "good", number, nil)
	if set.body["voice_application_sid"] != "AP1" || trunk.body["voice_application_sid"] != "" || got.body["trunk_sid"] != "TK1" || got.body["voice_url"] != "https://a.example/v" || got.body["voice_method"] != "GET" {
		t.Errorf("got %+v", got)
	}
}

func FuzzEmulator(f *testing.F) {
	f.Add("GET", "/2010-04-01/Accounts/"+account+".json", "")
	f.Add("POST", "/2010-04-01/Accounts/"+account+"/IncomingPhoneNumbers/PN"+strings.Repeat("0", 28)+"5a01.json", "VoiceUrl=https://a&VoiceMethod=GET")
	f.Add("GET", "/2010-04-01/Accounts/"+account+"/IncomingPhoneNumbers.json?PageSize=9&Page=999999999", "")
	f.Fuzz(func(t *testing.T, method, path, body string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://sandbox/", strings.NewReader(body))
		if err != nil {
			return
		}
		if req.URL, err = url.ParseRequestURI("http://sandbox" + path); err != nil {
			return
		}
		req.SetBasicAuth(account, "good")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		twilio.New(stage.New(stage.Options{})).ServeHTTP(w, req)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: %d %s", method, path, w.Code, w.Body)
		}
	})
}
