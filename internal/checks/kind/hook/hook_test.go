package hook_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/hook"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "0123456789abcdef0123456789abcdef"

// backend is somebody's phone host, with the defects that a test asks for.
type backend struct {
	path              string
	unsigned, noTwiML bool
	stream            string // in place of its own
	closed            bool   // no socket
	extra             string // more TwiML
	server            *httptest.Server
}

func (b *backend) start(t *testing.T) *checks.Scope {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+b.path, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !b.unsigned && !twilio.ValidBody([]secret.Secret{secret.New(token)}, b.server.URL+b.path, body, r.Header.Get("X-Twilio-Signature")) && !signedForm(b.server.URL+b.path, body, r) {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		if b.noTwiML {
			_, _ = io.WriteString(w, "hello")
			return
		}
		stream := b.stream
		if stream == "" {
			stream = strings.Replace(b.server.URL, "http", "ws", 1) + "/media"
		}
		_, _ = fmt.Fprintf(w, `<?xml version="1.0"?><Response><Connect><Stream url="%s"/></Connect>%s</Response>`, stream, b.extra)
	})
	if !b.closed {
		mux.HandleFunc("/media", func(w http.ResponseWriter, r *http.Request) {
			if c, err := ws.Accept(w, r, ws.AcceptOptions{}); err == nil {
				_, _, _ = c.Read(nil)
				_ = c.Drop()
			}
		})
	}
	b.server = httptest.NewServer(mux)
	t.Cleanup(b.server.Close)
	u, err := url.Parse(b.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &checks.Scope{Target: u, Clock: clock.Real{}, Mask: checks.NewMask("s", nil), HTTP: probe.NewClient(probe.ClientOptions{}), Guarded: probe.NewClient(probe.ClientOptions{Guarded: true})}
}

func signedForm(address string, body []byte, r *http.Request) bool {
	form, err := url.ParseQuery(string(body))
	return err == nil && r.Header.Get("X-Twilio-Signature") == twilio.Sign(secret.New(token), address, form)
}

func look(t *testing.T, scope *checks.Scope, with map[string]any) checks.Finding {
	t.Helper()
	kinds := checks.Kinds{"webhook.twiml": hook.Kinds()[0]}
	p, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{{ID: "t", Steps: []checks.Step{{Uses: "webhook.twiml", With: with}}}}}}, kinds, checks.Selection{}, scope)
	if err != nil {
		t.Fatal(err)
	}
	defer scope.HTTP.CloseIdleConnections()
	return checks.Run(t.Context(), p, checks.RunOptions{})[0]
}

func TestWebhook_UnsignedSignedTwiMLAndSocket(t *testing.T) {
	keys := checks.Env{"TWILIO_AUTH_TOKEN": {Value: token}}
	for name, c := range map[string]struct {
		backend backend
		env     checks.Env
		with    map[string]any
		want    checks.State
		says    string
	}{
		"healthy, with the token":     {backend{path: "/voice"}, keys, nil, checks.Pass, "opened"},
		"healthy, without the token":  {backend{path: "/voice"}, nil, nil, checks.Pass, "only the refusal"},
		"answers unsigned requests":   {backend{path: "/voice", unsigned: true}, nil, nil, checks.Fail, "answers an unsigned request"},
		"unsigned and allowed":        {backend{path: "/voice", unsigned: true}, nil, map[string]any{"unsigned": "allowed"}, checks.Pass, ""},
		"another token":               {backend{path: "/voice"}, checks.Env{"TWILIO_AUTH_TOKEN": {Value: strings.Repeat("f", 32)}}, nil, checks.Fail, "is not answered with TwiML"},
		"no TwiML":                    {backend{path: "/voice", noTwiML: true}, keys, nil, checks.Fail, "is not answered with TwiML"},
		"TwiML that nobody would do":  {backend{path: "/voice", extra: "<Sing/>"}, keys, nil, checks.Fail, "would not carry out"},
		"no socket":                   {backend{path: "/voice", closed: true}, keys, nil, checks.Fail, "no upgrade: status 404"},
		"a socket at a metadata host": {backend{path: "/voice", stream: "wss://169.254.169.254/x"}, keys, nil, checks.Fail, "no public address"},
		"no webhook":                  {backend{path: "/elsewhere"}, nil, nil, checks.NotApplied, "no voice webhook"},
		"no webhook where it is said": {backend{path: "/elsewhere"}, nil, map[string]any{"path": "/voice"}, checks.Fail, "nothing there"},
	} {
		t.Run(name, func(t *testing.T) {
			scope := c.backend.start(t)
			scope.Env = c.env
			f := look(t, scope, c.with)
			if text := fmt.Sprintf("%+v", f); f.State != c.want || !strings.Contains(text, c.says) {
				t.Errorf("want %s saying %q, got %s", c.want, c.says, text)
			}
		})
	}
	gone := (&backend{path: "/voice"}).start(t)
	gone.Target, _ = url.Parse("http://127.0.0.1:1")
	if f := look(t, gone, nil); f.State != checks.Error {
		t.Errorf("nothing listens: %s", f.State)
	}
}
