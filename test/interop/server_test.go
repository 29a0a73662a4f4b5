//go:build interop

package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
)

const (
	patience = 20 * time.Second
	account  = "AC00000000000000000000000000000001"
	token    = "0123456789abcdef0123456789abcdef"
)

var readyLine = regexp.MustCompile(`^voicectl serve: listening on (http://\S+)$`)

// serve builds the server and runs it until the test ends. It returns its URL without a last slash.
func serve(t *testing.T, env ...string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "voicectl")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/voicectl").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, kill := context.WithCancel(context.WithoutCancel(t.Context())) // it is told to stop, and killed only if it does not
	cmd := exec.CommandContext(ctx, path, "serve", "--sandbox", "--dev", "--port", "0", "--data-dir", filepath.Join(dir, "data"))
	cmd.Dir = dir
	cmd.Env = append(plainEnv(), env...)
	var talk strings.Builder // read after Wait
	cmd.Stderr = &talk
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		kill()
		t.Fatal(err)
	}
	ready, read := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(read)
		defer close(ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				ready <- strings.TrimSuffix(m[1], "/")
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() {
		defer kill()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-read:
		case <-time.After(patience):
			t.Errorf("serve has not left %v after its signal", patience)
			kill()
			<-read
		}
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("serve ended with %v, want 0 after its signal", err)
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", talk.String())
		}
	})
	select {
	case base, ok := <-ready:
		if !ok {
			t.Fatal("serve ended without its ready line")
		}
		return base
	case <-time.After(patience):
		t.Fatalf("no ready line within %v", patience)
	}
	return ""
}

// signed is one request as our side of the phone network signs it.
type signed struct {
	Name      string         `json:"name"`
	URL       string         `json:"url"`
	Params    map[string]any `json:"params"` // a string, or the list of all values of a name
	Body      string         `json:"body"`   // that is no form
	Token     string         `json:"token"`
	Signature string         `json:"signature"`
}

// vectors are signatures that the vendor published, and one of an upgrade that was captured from it (published in
// enola-dev/enola, its token long revoked).
func vectors() []signed {
	params := map[string]any{
		"Digits": "1234", "CallSid": "CA1234567890ABCDE", "To": "+18005551212", "Caller": "+14158675309",
		"From": "+14158675309", "ReasonConferenceEnded": "test", "Reason": "Participant",
	}
	const page = "https://mycompany.com/myapp.php?foo=1&bar=2"
	return []signed{
		{Name: "published", URL: page, Params: params, Token: "12345", Signature: "vOEb5UThFn24KEfnOFLQY2AE5FY="},
		{Name: "published, without TLS", URL: "http://mycompany.com/myapp.php?foo=1&bar=2", Params: params, Token: "12345", Signature: "n2xBNyzSW7rfYStDtOFiFMv7qNo="},
		{Name: "published, with its port", URL: "https://mycompany.com:443/myapp.php?foo=1&bar=2", Params: params, Token: "12345", Signature: "nlYDL9HO41xd+GBsch67HROPYMY="},
		{
			Name: "published, of a body", URL: page + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620", Params: map[string]any{},
			Body: `{"property": "value", "boolean": true}`, Token: "12345", Signature: "a9nBmqA0ju/hNViExpshrM61xv4=",
		},
		{Name: "captured upgrade", URL: "wss://70cd1a93aa44.ngrok-free.app/", Params: map[string]any{}, Token: "c0e4d9d4fff66d194f3101ccd7c3a38c", Signature: "CSS4F/5/iw8S6Zkm3aULeNJaVC8="},
	}
}

// form is the parameters as our side takes them.
func (s signed) form() url.Values {
	out := url.Values{}
	for name, v := range s.Params {
		if text, ok := v.(string); ok {
			out.Set(name, text)
		}
	}
	return out
}

// built is one document of each verb that our builder makes.
func built(t *testing.T) (docs []string) {
	t.Helper()
	for _, verbs := range [][]twilio.Verb{
		{twilio.Connect("wss://voice.example.com/twilio/media", twilio.Parameter{Name: "token", Value: "a&b <c>"}), twilio.Hangup()},
		{twilio.Say("Zoë & Søn", "", ""), twilio.Pause(2 * time.Second), twilio.Say("Hello", "alice", "en-GB"), twilio.Hangup()},
		{twilio.Dial("+15550100002", "+15550100001", 20*time.Second)},
		{twilio.Redirect("https://voice.example.com/twilio/fallback")},
		{twilio.Reject("busy")},
		{twilio.Reject("rejected")},
		{twilio.Record("https://voice.example.com/twilio/recorded", time.Minute, true)},
	} {
		doc, err := twilio.RenderTwiML(twilio.TwiMLOptions{}, verbs...)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, string(doc))
	}
	return docs
}

// Tier: ci.
func TestTwilio_ItsLibraryAndTheServerTrustEachOther(t *testing.T) {
	base := serve(t, "TWILIO_AUTH_TOKEN="+token, "TWILIO_ACCOUNT_SID="+account)
	cases := vectors()
	for _, v := range cases {
		if got := twilio.Sign(secret.New(v.Token), v.URL, v.form()); got != v.Signature {
			t.Errorf("%s: we sign %s, want %s", v.Name, got, v.Signature)
		}
	}
	for _, c := range []struct {
		name, url string
		params    url.Values
	}{
		{"a call", base + "/twilio/voice", url.Values{"CallSid": {"CA1"}, "From": {"+15550100001"}, "To": {"+15550100002"}}},
		{"a query, letters beyond ASCII, an empty value", "https://voice.example.com/twilio/voice?agent=julia&x=1", url.Values{"B": {""}, "a": {"Zoë & Søn = 100%"}, "A": {" "}}},
		{"one name, several values", "https://voice.example.com:8443/twilio/status", url.Values{"Media": {"b", "a", "b"}, "Z": {"1"}}},
		{"an upgrade", "wss://voice.example.com/twilio/media", nil},
	} {
		s := signed{Name: c.name, URL: c.url, Params: map[string]any{}, Token: token, Signature: twilio.Sign(secret.New(token), c.url, c.params)}
		for name, values := range c.params {
			s.Params[name] = values
			if len(values) == 1 {
				s.Params[name] = values[0]
			}
		}
		cases = append(cases, s)
	}
	list, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := json.Marshal(built(t))
	if err != nil {
		t.Fatal(err)
	}
	judge(t, "twilio.mjs", "SERVER_URL="+base, "AUTH_TOKEN="+token, "ACCOUNT_SID="+account, "SIGNED="+string(list), "BUILT="+string(docs))
}
