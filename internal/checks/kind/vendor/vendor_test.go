package vendor_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/vendor"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// look makes one look through the engine, as a check would, and sees that no secret is told.
func look(t *testing.T, scope *checks.Scope, uses string, with map[string]any) checks.Finding {
	t.Helper()
	kinds := checks.Kinds{}
	for _, k := range vendor.Kinds() {
		kinds[k.Name] = k
	}
	secrets := map[string]string{}
	for n, v := range scope.Env {
		if hidden(n) {
			secrets[n] = v.Value
		}
	}
	client := probe.NewClient(probe.ClientOptions{})
	defer client.CloseIdleConnections()
	scope.HTTP, scope.Clock = client, clock.Real{}
	scope.Consent.Load = true
	p, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{{ID: "t", Steps: []checks.Step{{Uses: uses, With: with}}}}}}, kinds, checks.Selection{}, scope)
	if err != nil {
		t.Fatal(err)
	}
	f := checks.Run(context.Background(), p, checks.RunOptions{})[0]
	for n, v := range secrets {
		if len(v) > 5 && strings.Contains(fmt.Sprintf("%+v", f), v) {
			t.Errorf("the value of %s is told: %+v", n, f)
		}
	}
	return f
}

func hidden(name string) bool {
	return strings.HasSuffix(name, "_KEY") || strings.HasSuffix(name, "TOKEN") || name == "SUPABASE_DB_URL"
}

// vendors is a sandbox that is served, with the variables that point at it.
type vendors struct {
	stage *stage.Stage
	env   map[string]string
}

func serve(t *testing.T) *vendors {
	t.Helper()
	sb := sandbox.New(sandbox.Options{})
	srv := httptest.NewServer(sb)
	t.Cleanup(srv.Close)
	v := &vendors{stage: sb.Stage(), env: map[string]string{}}
	for _, x := range sandbox.CheckEnv(srv.URL) {
		v.env[x.Name] = x.Value
	}
	return v
}

// scope is the sandbox's environment with changes; "" takes a variable away.
func (v *vendors) scope(changes map[string]string) *checks.Scope {
	return &checks.Scope{Env: env(v.env, changes)}
}

func env(base, changes map[string]string) checks.Env {
	all := vars{}
	maps.Copy(all, base)
	maps.Copy(all, changes)
	out := checks.Env{}
	for n, value := range all {
		if value != "" {
			out[n] = checks.Variable{Value: value, Source: ".env:1"}
		}
	}
	return out
}

// sample is one look with what it should find.
type sample struct {
	with  map[string]any
	env   map[string]string
	fault *stage.Fault
	want  checks.State
	says  string
}

func try(t *testing.T, v *vendors, uses string, samples map[string]sample) {
	t.Helper()
	for name, c := range samples {
		t.Run(name, func(t *testing.T) {
			defer v.stage.Reset()
			if c.fault != nil {
				if _, err := v.stage.AddFault(*c.fault); err != nil {
					t.Fatal(err)
				}
			}
			scope := v.scope(c.env)
			scope.Consent.Paid = true
			f := look(t, scope, uses, c.with)
			if text := fmt.Sprintf("%+v", f); f.State != c.want || !strings.Contains(text, c.says) {
				t.Errorf("got %s, want %s with %q:\n%s", f.State, c.want, c.says, text)
			}
			if len(v.stage.Outbox()) != 0 {
				t.Error("a look sent mail")
			}
		})
	}
}

type (
	with = map[string]any
	vars = map[string]string
)

// gone is an address where nothing listens.
func gone(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	return srv.URL
}

// troubles are the ways in which a vendor tells nothing, the same for all: none of them is a failure.
func troubles(t *testing.T, vendorName, baseVariable string, given with) map[string]sample {
	t.Helper()
	fault := func(mode string, status int) *stage.Fault {
		return &stage.Fault{Vendor: vendorName, Mode: mode, Status: status, MS: 2000}
	}
	return map[string]sample{
		"it is down":                {given, vars{baseVariable: gone(t)}, nil, checks.Error, "nothing listens"},
		"it asks for patience":      {given, nil, fault(stage.ModeStatus, 429), checks.Error, "patience"},
		"it fails":                  {given, nil, fault(stage.ModeStatus, 500), checks.Error, "cannot answer now"},
		"it is overloaded":          {given, nil, fault(stage.ModeStatus, 503), checks.Error, "cannot answer now"},
		"it answers 200 with error": {given, nil, fault(stage.ModeDisguised, 0), checks.Error, "200"},
		"its address is a word":     {given, vars{baseVariable: "nonsense"}, nil, checks.Error, baseVariable},
	}
}

func TestOpenAI_KeyAndModel(t *testing.T) {
	v := serve(t)
	given := with{"want": "configured"}
	samples := troubles(t, stage.OpenAI, "OPENAI_BASE_URL", given)
	maps.Copy(samples, map[string]sample{
		"the key is good and no model is named": {given, nil, nil, checks.Pass, "models:9"},
		"the model is listed":                   {given, vars{"OPENAI_MODEL": "gpt-4.1-mini"}, nil, checks.Pass, "model:gpt-4.1-mini"},
		"an alias is not listed and exists":     {given, vars{"OPENAI_MODEL": "ft:mine"}, nil, checks.Pass, "listed:false"},
		"the model does not exist":              {given, vars{"OPENAI_MODEL": "no-such-gpt"}, nil, checks.Fail, `no model "no-such-gpt"`},
		"the name is misspelt":                  {with{"want": "missing-o"}, nil, nil, checks.Fail, "no model"},
		"the key is wrong":                      {given, vars{"OPENAI_API_KEY": "bad-key-of-nobody"}, nil, checks.Fail, "refuses the key (HTTP 401)"},
		"the key is not set":                    {given, vars{"OPENAI_API_KEY": ""}, nil, checks.Skip, "OPENAI_API_KEY"},
		"one token":                             {with{"want": "gpt-4.1", "chat": true}, nil, nil, checks.Pass, "chat:map"},
		"one token of a model of nobody":        {with{"want": "no-such-gpt", "chat": true}, nil, nil, checks.Fail, "no model"},
		"no credit is left": {
			with{"want": "gpt-4.1", "chat": true},
			nil,
			&stage.Fault{Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeStatus, Status: 429, Code: "insufficient_quota"}, checks.Inconclusive, "no credit",
		},
		"no model to chat with": {with{"chat": true}, nil, nil, checks.Skip, "OPENAI_MODEL"},
	})
	try(t, v, "openai.models", samples)

	scope := v.scope(vars{"OPENAI_MODEL": "gpt-4.1"})
	f := look(t, scope, "openai.models", with{"chat": true, "want": "configured"})
	if calls, _ := v.stage.Calls(stage.OpenAI, 0); f.State != checks.Elsewhere || len(calls) != 0 || !strings.Contains(fmt.Sprint(f.Fix, f.Reason), "--allow-paid") {
		t.Errorf("a chat without leave: %+v after %d calls", f, len(calls))
	}
}

// A key that may chat and may not list models is known to the vendor: it is not called wrong.
func TestOpenAI_ARestrictedKeyIsNotCalledWrong(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			_, _ = fmt.Fprint(w, `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"length"}]}`)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, `{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: api.model.read.","type":"invalid_request_error","param":null,"code":"missing_scope"}}`)
	}))
	defer srv.Close()
	e := vars{"OPENAI_API_KEY": "sk-restricted", "OPENAI_BASE_URL": srv.URL, "OPENAI_MODEL": "gpt-4.1"}
	if f := look(t, &checks.Scope{Env: env(e, nil)}, "openai.models", with{"want": "configured"}); f.State != checks.Inconclusive || !strings.Contains(f.Fix.Text, "--allow-paid") {
		t.Errorf("got %+v", f)
	}
	paid := &checks.Scope{Env: env(e, nil), Consent: checks.Consent{Paid: true}}
	if f := look(t, paid, "openai.models", with{"want": "configured", "chat": true}); f.State != checks.Pass {
		t.Errorf("got %+v", f)
	}
}

func TestSpeechmatics_Key(t *testing.T) {
	v := serve(t)
	samples := troubles(t, stage.Speechmatics, "SPEECHMATICS_API_URL", nil)
	maps.Copy(samples, map[string]sample{
		"the key is good":              {nil, nil, nil, checks.Pass, "status:200"},
		"the key is wrong":             {nil, vars{"SPEECHMATICS_API_KEY": "bad-key-of-nobody"}, nil, checks.Fail, "refuses the key (HTTP 401)"},
		"the key is not set":           {nil, vars{"SPEECHMATICS_API_KEY": ""}, nil, checks.Skip, "SPEECHMATICS_API_KEY"},
		"a key for real time alone":    {nil, nil, &stage.Fault{Vendor: stage.Speechmatics, Mode: stage.ModeStatus, Status: 403}, checks.Inconclusive, "mint: true"},
		"a short-lived key is made":    {with{"mint": true}, nil, nil, checks.Pass, "status:201"},
		"none is made for a wrong key": {with{"mint": true}, vars{"SPEECHMATICS_API_KEY": "bad-key-of-nobody"}, nil, checks.Fail, "HTTP 403"},
	})
	try(t, v, "speechmatics.key", samples)
}

func TestCartesia_KeyAndVoice(t *testing.T) {
	v := serve(t)
	const voice, missing = "6926713d-5a3c-4d5c-9a1e-0242ac120002", "00000000-0000-0000-0000-000000000000"
	samples := troubles(t, stage.Cartesia, "CARTESIA_BASE_URL", with{"min": 1})
	maps.Copy(samples, map[string]sample{
		"the key is good":                {with{"show": 5, "min": 1}, nil, nil, checks.Pass, "names:[Ada Brook Carl Dora Emil]"},
		"the old list without a page":    {with{"min": 10, "version": "2024-06-10"}, nil, nil, checks.Pass, "version:2024-06-10"},
		"there are too few":              {with{"min": 50}, nil, nil, checks.Fail, "lists 13 voices"},
		"the key is wrong":               {with{"min": 1}, vars{"CARTESIA_API_KEY": "bad-key-of-nobody"}, nil, checks.Fail, "refuses the key (HTTP 401)"},
		"the key is wrong for the old":   {with{"version": "2024-06-10"}, vars{"CARTESIA_API_KEY": "bad-key-of-nobody"}, nil, checks.Fail, "refuses the key (HTTP 401)"},
		"the key is not set":             {nil, vars{"CARTESIA_API_KEY": ""}, nil, checks.Skip, "CARTESIA_API_KEY"},
		"no voice is chosen":             {with{"voice_id": "configured"}, nil, nil, checks.NotApplied, "default one"},
		"the voice exists":               {with{"voice_id": "configured"}, vars{"VOICE_ID": voice}, nil, checks.Pass, voice},
		"the voice does not exist":       {with{"voice_id": "configured"}, vars{"VOICE_ID": missing}, nil, checks.Fail, "set VOICE_ID to"},
		"the more particular name wins":  {with{"voice_id": "configured"}, vars{"VOICE_ID": voice, "CARTESIA_VOICE_ID": missing}, nil, checks.Fail, "set CARTESIA_VOICE_ID to"},
		"a voice for which it is silent": {with{"voice_id": "configured"}, vars{"VOICE_ID": voice}, &stage.Fault{Vendor: stage.Cartesia, Mode: stage.ModeStatus, Status: 502}, checks.Error, "cannot answer now"},
		"a version that is no date":      {with{"voice_id": voice, "version": "new"}, nil, nil, checks.Error, "HTTP 400"},
	})
	try(t, v, "cartesia.voices", samples)
}

func TestTwilio_Account(t *testing.T) {
	v := serve(t)
	samples := troubles(t, stage.Twilio, "TWILIO_API_BASE_URL", nil)
	maps.Copy(samples, map[string]sample{
		"the account is active":      {with{"status": "active"}, nil, nil, checks.Pass, "state:active"},
		"the account is suspended":   {nil, vars{"TWILIO_AUTH_TOKEN": "suspended-account"}, nil, checks.Fail, "the account is suspended"},
		"the token is wrong":         {nil, vars{"TWILIO_AUTH_TOKEN": "bad-token-of-nobody"}, nil, checks.Fail, "refuses the credentials (HTTP 401)"},
		"these are test credentials": {nil, vars{"TWILIO_AUTH_TOKEN": "test-credentials"}, nil, checks.Fail, "these are test credentials"},
		"the sid is of another kind": {nil, vars{"TWILIO_ACCOUNT_SID": "SK5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"}, nil, checks.Fail, "no account sid"},
		"the token is not set":       {nil, vars{"TWILIO_AUTH_TOKEN": ""}, nil, checks.Skip, "TWILIO_AUTH_TOKEN"},
	})
	try(t, v, "twilio.account", samples)
}

// post changes the number of the sandbox's account.
func post(t *testing.T, v *vendors, form url.Values) {
	t.Helper()
	numbers := v.env["TWILIO_API_BASE_URL"] + "/2010-04-01/Accounts/" + v.env["TWILIO_ACCOUNT_SID"] + "/IncomingPhoneNumbers/PN" + fmt.Sprintf("%030x%02x", 0x5a, 1) + ".json"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, numbers, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(v.env["TWILIO_ACCOUNT_SID"], v.env["TWILIO_AUTH_TOKEN"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close(); http.DefaultClient.CloseIdleConnections() }()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the number is not changed: %s", resp.Status)
	}
}

func TestTwilio_Webhook(t *testing.T) {
	v := serve(t)
	wanted := with{"number": "configured", "url": "configured", "method": "POST", "fallback": "set"}
	public := vars{"PUBLIC_URL": "https://agent.example.com/"}
	samples := troubles(t, stage.Twilio, "TWILIO_API_BASE_URL", with{"op": "list"})
	maps.Copy(samples, map[string]sample{
		"numbers are listed":              {with{"op": "list"}, nil, nil, checks.Pass, "count:2"},
		"the account has no number":       {with{"op": "list"}, vars{"TWILIO_AUTH_TOKEN": "empty-account"}, nil, checks.Fail, "no phone number"},
		"the number is the account's":     {with{"number": "configured"}, nil, nil, checks.Pass, "matches:1"},
		"the number is named by its sid":  {with{"number": "PN" + fmt.Sprintf("%030x%02x", 0x5a, 1)}, nil, nil, checks.Pass, "matches:1"},
		"the number is somebody else's":   {with{"number": "+15559999999"}, nil, nil, checks.Fail, "0 numbers"},
		"no number is named":              {with{"number": "configured"}, vars{"TWILIO_NUMBER": ""}, nil, checks.Skip, "TWILIO_NUMBER"},
		"an application answers instead":  {with{"number": "+15550100003"}, nil, nil, checks.Fail, "answers in place of the webhook"},
		"it calls another webhook":        {wanted, public, nil, checks.Fail, "wanted https://agent.example.com/twilio/voice"},
		"the public address is not known": {wanted, nil, nil, checks.Skip, "PUBLIC_URL"},
		"nothing was saved":               {with{"equal": "saved"}, nil, nil, checks.Skip, "nothing was kept"},
		"the token is wrong":              {with{"op": "list"}, vars{"TWILIO_AUTH_TOKEN": "bad-token-of-nobody"}, nil, checks.Fail, "refuses the credentials"},
	})
	try(t, v, "twilio.webhook", samples)

	post(t, v, url.Values{"VoiceUrl": {"https://agent.example.com/twilio/voice#rc=2"}, "VoiceMethod": {"POST"}})
	f := look(t, v.scope(public), "twilio.webhook", wanted)
	if f.State != checks.Fail || len(f.Problems) != 1 || !strings.Contains(f.Problems[0].Text, "no fallback") {
		t.Errorf("without a fallback: %+v", f)
	}
	post(t, v, url.Values{"VoiceFallbackUrl": {"https://agent.example.com/twilio/fallback"}})
	if f := look(t, v.scope(public), "twilio.webhook", wanted); f.State != checks.Pass {
		t.Errorf("as wanted: %+v", f)
	}
	post(t, v, url.Values{"TrunkSid": {"TK5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"}})
	if f := look(t, v.scope(public), "twilio.webhook", wanted); f.State != checks.Fail || !strings.Contains(fmt.Sprint(f.Problems), "the trunk TK5a") {
		t.Errorf("with a trunk over it: %+v", f)
	}
}
