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
	Signature string         `json:"signature"`
}

// Tier: ci.
func TestTwilio_ItsLibraryAndTheServerTrustEachOther(t *testing.T) {
	base := serve(t, "TWILIO_AUTH_TOKEN="+token, "TWILIO_ACCOUNT_SID="+account)
	var cases []signed
	for _, c := range []struct {
		name, url string
		params    url.Values
	}{
		{"a call", base + "/twilio/voice", url.Values{"CallSid": {"CA1"}, "From": {"+15550100001"}, "To": {"+15550100002"}}},
		{"a query, letters beyond ASCII, an empty value", "https://voice.example.com/twilio/voice?agent=julia&x=1", url.Values{"B": {""}, "a": {"Zoë & Søn = 100%"}, "A": {" "}}},
		{"one name, several values", "https://voice.example.com:8443/twilio/status", url.Values{"Media": {"b", "a", "b"}, "Z": {"1"}}},
		{"an upgrade", "wss://voice.example.com/twilio/media", nil},
	} {
		s := signed{Name: c.name, URL: c.url, Params: map[string]any{}, Signature: twilio.Sign(secret.New(token), c.url, c.params)}
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
	judge(t, "twilio.mjs", "SERVER_URL="+base, "AUTH_TOKEN="+token, "ACCOUNT_SID="+account, "SIGNED="+string(list))
}
