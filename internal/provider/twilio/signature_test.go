package twilio

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/twilio/twilio-go/client"

	"github.com/voicectl/voicectl/internal/secret"
)

// vectorParams and the signatures below are the vendor's published vectors.
func vectorParams() url.Values {
	return url.Values{
		"Digits": {"1234"}, "CallSid": {"CA1234567890ABCDE"}, "To": {"+18005551212"}, "Caller": {"+14158675309"},
		"From": {"+14158675309"}, "ReasonConferenceEnded": {"test"}, "Reason": {"Participant"},
	}
}

func TestSign_Vectors(t *testing.T) {
	token := secret.New("12345")
	for u, want := range map[string]string{
		"https://mycompany.com/myapp.php?foo=1&bar=2":     "vOEb5UThFn24KEfnOFLQY2AE5FY=",
		"http://mycompany.com/myapp.php?foo=1&bar=2":      "n2xBNyzSW7rfYStDtOFiFMv7qNo=",
		"https://mycompany.com:443/myapp.php?foo=1&bar=2": "nlYDL9HO41xd+GBsch67HROPYMY=",
	} {
		if got := Sign(token, u, vectorParams()); got != want {
			t.Errorf("%s: got %s, want %s", u, got, want)
		}
	}
	const body = `{"property": "value", "boolean": true}`
	u, got := SignBody(token, "https://mycompany.com/myapp.php?foo=1&bar=2", []byte(body))
	if want := "a9nBmqA0ju/hNViExpshrM61xv4="; got != want {
		t.Errorf("body: got %s, want %s (%s)", got, want, u)
	}
	tokens := []secret.Secret{token}
	if !ValidBody(tokens, u, []byte(body), got) {
		t.Error("body: refused")
	}
	if ValidBody(tokens, u, []byte(body+" "), got) || ValidBody(tokens, strings.Split(u, "&body")[0], []byte(body), got) {
		t.Error("body: another body, or none said, was taken")
	}
}

func TestSign_RepeatedNameAsTheNodeLibrary(t *testing.T) {
	token := secret.New("12345")
	a := Sign(token, "https://h/", url.Values{"To": {"b", "a", "b"}})
	b := Sign(token, "https://h/", url.Values{"To": {"a", "b"}})
	if a != b {
		t.Fatal("values of one name are not made unique and sorted")
	}
}

// FuzzSign holds our signature against the vendor's own validator, where that one is right: names with
// one value, http and https.
func FuzzSign(f *testing.F) {
	f.Add("tok", "example.com", "/a/b", "x=1", "From", "+1555", "To", "")
	f.Add("t", "example.com:8443", "/", "", "a", "&=", "b", "ü")
	f.Fuzz(func(t *testing.T, token, host, path, query, k1, v1, k2, v2 string) {
		raw := "https://" + host + path
		if query != "" {
			raw += "?" + query
		}
		u, err := url.Parse(raw)
		if err != nil || token == "" || u.String() != raw || u.Hostname() == "" || strings.Contains(u.Hostname(), ":") {
			return // the library rewrites these
		}
		if p := u.Port(); p == "" && strings.Contains(u.Host, ":") {
			return
		}
		rv := client.NewRequestValidator(token)
		sig := Sign(secret.New(token), raw, url.Values{k1: {v1}, k2: {v2}})
		if k1 == k2 {
			return
		}
		if !rv.Validate(raw, map[string]string{k1: v1, k2: v2}, sig) {
			t.Fatalf("the vendor's validator refuses our signature of %q", raw)
		}
		if !valid([]secret.Secret{secret.New(token)}, portVariants(raw), url.Values{k1: {v1}, k2: {v2}}, sig) {
			t.Fatal("we refuse our own signature")
		}
	})
}

func goodParams() url.Values {
	return url.Values{
		"CallSid": {testCall}, "AccountSid": {testAcct}, "From": {"+15551234567"}, "To": {"+15557654321"},
		"CallStatus": {"ringing"}, "ApiVersion": {"2010-04-01"}, "Direction": {"inbound"}, "FromCity": {""}, "CallerName": {"J & Ö"},
	}
}

func post(target, body, signature string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	if signature != "" {
		r.Header.Set(SignatureHeader, signature)
	}
	return r
}

func statusOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return http.StatusOK
	}
	var re *RequestError
	if !errors.As(err, &re) {
		t.Fatalf("got %v, want a *RequestError", err)
	}
	return re.Status
}

// Ids follow the list of hostile inputs: H01..H19.
func TestValidateWebhook_Hostile(t *testing.T) {
	const public = "https://voice.example.com"
	token, old := secret.New("sometoken"), secret.New("oldtoken")
	o := ValidateOptions{Tokens: []secret.Secret{token}, PublicURL: public, AccountSID: testAcct}
	with := func(change func(url.Values)) url.Values {
		p := goodParams()
		change(p)
		return p
	}
	signed := func(p url.Values) *http.Request {
		return post("/twilio/voice", p.Encode(), Sign(token, public+"/twilio/voice", p))
	}
	body := goodParams().Encode()
	sig := Sign(token, public+"/twilio/voice", goodParams())
	rotated := o
	rotated.Tokens = []secret.Secret{token, old}
	none := o
	none.Tokens = []secret.Secret{{}}
	tests := map[string]struct {
		r    *http.Request
		o    ValidateOptions
		want int
	}{
		"sound":                      {signed(goodParams()), o, 200},
		"H01 no signature":           {post("/twilio/voice", body, ""), o, 403},
		"H03 signed for another":     {post("/twilio/voice", body, Sign(token, public+"/other", goodParams())), o, 403},
		"H04 old token, window over": {post("/twilio/voice", body, Sign(old, public+"/twilio/voice", goodParams())), o, 403},
		"H04 old token, in rotation": {post("/twilio/voice", body, Sign(old, public+"/twilio/voice", goodParams())), rotated, 200},
		"H05 From appended":          {post("/twilio/voice", body+"&From=%2B1999", sig), o, 400},
		"H07 all glued in one value": {func() *http.Request {
			var glued strings.Builder
			for _, k := range []string{"AccountSid", "CallSid", "From", "To"} {
				glued.WriteString(k + goodParams().Get(k))
			}
			p := url.Values{"A": {strings.TrimPrefix(glued.String(), "A")}}
			return post("/twilio/voice", p.Encode(), Sign(token, public+"/twilio/voice", p))
		}(), o, 400},
		"H07 border moved": {func() *http.Request {
			p := with(func(p url.Values) { p.Del("FromCity"); p.Set("From", p.Get("From")+"FromCity") })
			if Sign(token, public+"/twilio/voice", p) != sig {
				t.Fatal("the border did not move")
			}
			return post("/twilio/voice", p.Encode(), sig)
		}(), o, 400},
		"H08 empty token":         {post("/twilio/voice", body, Sign(secret.Secret{}, public+"/twilio/voice", goodParams())), none, 403},
		"H08 no token":            {signed(goodParams()), ValidateOptions{PublicURL: public}, 403},
		"H11 forwarded host":      {forwarded(post("/twilio/voice", body, Sign(token, "https://evil.example/twilio/voice", goodParams()))), o, 403},
		"H12 host header ignored": {post("http://evil.example/twilio/voice", body, sig), o, 200},
		"H13 64 KiB and one": {func() *http.Request {
			p := with(func(p url.Values) { p.Set("X", strings.Repeat("a", MaxWebhook)) })
			return signed(p)
		}(), o, 413},
		"H13 length unknown": {func() *http.Request {
			r := signed(with(func(p url.Values) { p.Set("X", strings.Repeat("a", MaxWebhook)) }))
			r.ContentLength = -1
			return r
		}(), o, 413},
		"H15 json": {func() *http.Request {
			r := signed(goodParams())
			r.Header.Set("Content-Type", "application/json")
			return r
		}(), o, 415},
		"H16 gzip": {func() *http.Request {
			r := signed(goodParams())
			r.Header.Set("Content-Encoding", "gzip")
			return r
		}(), o, 415},
		"H17 another account":  {signed(with(func(p url.Values) { p.Set("AccountSid", "AC00000000000000000000000000000002") })), o, 403},
		"H19 call sid a path":  {signed(with(func(p url.Values) { p.Set("CallSid", "../../x") })), o, 400},
		"call sid missing":     {signed(with(func(p url.Values) { p.Del("CallSid") })), o, 400},
		"From a sentence":      {signed(with(func(p url.Values) { p.Set("From", "+1 555 call me") })), o, 400},
		"From withheld":        {signed(with(func(p url.Values) { p.Set("From", "anonymous") })), o, 200},
		"From a sip address":   {signed(with(func(p url.Values) { p.Set("From", "sip:alice@example.com") })), o, 200},
		"too many parameters":  {post("/twilio/voice", body+strings.Repeat("&a=", 300), sig), o, 400},
		"not a form":           {post("/twilio/voice", "a=%zz", sig), o, 400},
		"signature not base64": {post("/twilio/voice", body, "%%%"), o, 403},
		"put": {func() *http.Request {
			r := signed(goodParams())
			r.Method = http.MethodPut
			return r
		}(), o, 400},
		"no public url": {signed(goodParams()), ValidateOptions{Tokens: o.Tokens}, 403},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			params, err := ValidateWebhook(tc.r, tc.o)
			if got := statusOf(t, err); got != tc.want {
				t.Fatalf("got %d (%v), want %d", got, err, tc.want)
			}
			if err == nil && params.Get("CallSid") != testCall {
				t.Fatalf("parameters are %v", params)
			}
		})
	}
}

func forwarded(r *http.Request) *http.Request {
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("X-Forwarded-Proto", "https")
	r.Host = "evil.example"
	return r
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("read")
}

func TestValidateWebhook_ReadsNoBodyWithoutSignature(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/twilio/voice", unreadable{t})
	_, err := ValidateWebhook(r, ValidateOptions{Tokens: []secret.Secret{secret.New("x")}, PublicURL: "https://h"})
	if statusOf(t, err) != http.StatusForbidden {
		t.Fatalf("got %v, want 403", err)
	}
}

func TestValidateWebhook_URLs(t *testing.T) {
	token := secret.New("tok")
	for name, tc := range map[string]struct{ public, target, signed string }{
		"as it is":                     {"https://h.example", "/v?agent=julia", "https://h.example/v?agent=julia"},
		"with the scheme's port":       {"https://h.example", "/v", "https://h.example:443/v"},
		"without the configured port":  {"https://h.example:8443", "/v", "https://h.example/v"},
		"with the configured port":     {"https://h.example:8443", "/v", "https://h.example:8443/v"},
		"plain http":                   {"http://127.0.0.1:8000", "/v", "http://127.0.0.1:8000/v"},
		"base path kept by the proxy":  {"https://h.example/v4/p/app", "/v4/p/app/twilio/voice", "https://h.example/v4/p/app/twilio/voice"},
		"base path taken by the proxy": {"https://h.example/v4/p/app/", "/twilio/voice", "https://h.example/v4/p/app/twilio/voice"},
		"root with slash":              {"https://h.example", "/", "https://h.example/"},
		"root without slash":           {"https://h.example", "/", "https://h.example"},
		"escaped path":                 {"https://h.example", "/a%2Fb%20c", "https://h.example/a%2Fb%20c"},
		"ipv6":                         {"http://[::1]:8000", "/v", "http://[::1]/v"},
	} {
		t.Run(name, func(t *testing.T) {
			r := post(tc.target, goodParams().Encode(), Sign(token, tc.signed, goodParams()))
			if _, err := ValidateWebhook(r, ValidateOptions{Tokens: []secret.Secret{token}, PublicURL: tc.public}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestValidateWebhook_GetSignsTheURLAlone(t *testing.T) {
	token := secret.New("tok")
	target := "/v?" + goodParams().Encode()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set(SignatureHeader, Sign(token, "https://h.example"+target, nil))
	params, err := ValidateWebhook(r, ValidateOptions{Tokens: []secret.Secret{token}, PublicURL: "https://h.example"})
	if err != nil || params.Get("CallSid") != testCall {
		t.Fatalf("got %v, %v", params, err)
	}
}

func TestValidateUpgrade(t *testing.T) {
	token := secret.New("tok")
	o := ValidateOptions{Tokens: []secret.Secret{token}, PublicURL: "https://h.example"}
	for name, tc := range map[string]struct {
		signed string
		o      ValidateOptions
		want   int
	}{
		"wss":                  {"wss://h.example/twilio/media", o, 200},
		"wss with port":        {"wss://h.example:443/twilio/media", o, 200},
		"https is tolerated":   {"https://h.example/twilio/media", o, 200},
		"another path":         {"wss://h.example/", o, 403},
		"port 80 is not wss's": {"wss://h.example:80/twilio/media", o, 403},
		"plain ws":             {"ws://h.example/twilio/media", o, 403},
		"unsigned":             {"", o, 401},
		"loopback ws":          {"ws://127.0.0.1:8000/twilio/media", ValidateOptions{Tokens: o.Tokens, PublicURL: "http://127.0.0.1:8000"}, 200},
		"no token":             {"wss://h.example/twilio/media", ValidateOptions{PublicURL: o.PublicURL}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/twilio/media", nil)
			if tc.signed != "" {
				r.Header.Set("x-twilio-signature", Sign(token, tc.signed, nil))
			}
			if got := statusOf(t, ValidateUpgrade(r, tc.o)); got != tc.want {
				t.Fatalf("got %d, want %d", got, tc.want)
			}
		})
	}
}

// A signature captured from the vendor (published in enola-dev/enola with its token, long revoked): a
// stream url without a path is signed with a slash at its end, and only so.
func TestValidateUpgrade_CapturedVector(t *testing.T) {
	token := secret.New("c0e4d9d4fff66d194f3101ccd7c3a38c")
	const sig = "CSS4F/5/iw8S6Zkm3aULeNJaVC8="
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set(SignatureHeader, sig)
	if err := ValidateUpgrade(r, ValidateOptions{Tokens: []secret.Secret{token}, PublicURL: "https://70cd1a93aa44.ngrok-free.app"}); err != nil {
		t.Fatal(err)
	}
	if Sign(token, "wss://70cd1a93aa44.ngrok-free.app", nil) == sig {
		t.Fatal("without the slash it must not fit")
	}
}

// FuzzValidateWebhook shows that no body gets past the checks without its own signature.
func FuzzValidateWebhook(f *testing.F) {
	token := secret.New("tok")
	body := goodParams().Encode()
	sig := Sign(token, "https://h.example/v", goodParams())
	f.Add(body, sig)
	f.Add(body+"&From=%2B1999", sig)
	f.Add("", base64.StdEncoding.EncodeToString(make([]byte, 20)))
	f.Fuzz(func(t *testing.T, form, signature string) {
		r := post("/v", form, "")
		r.Header[SignatureHeader] = []string{signature}
		params, err := ValidateWebhook(r, ValidateOptions{Tokens: []secret.Secret{token}, PublicURL: "https://h.example", AccountSID: testAcct})
		if err != nil {
			statusOf(t, err)
			return
		}
		if !callSID.MatchString(params.Get("CallSid")) || params.Get("AccountSid") != testAcct || !party.MatchString(params.Get("From")) {
			t.Fatalf("taken: %v", params)
		}
		fits := false
		for _, u := range portVariants("https://h.example/v") {
			fits = fits || Sign(token, u, params) == signature
		}
		if !fits {
			t.Fatalf("taken without its signature: %v", params)
		}
	})
}
