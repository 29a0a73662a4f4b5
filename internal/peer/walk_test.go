package peer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voicectl/voicectl/internal/provider/twilio"
)

func TestPhone_Walk(t *testing.T) {
	for name, tc := range map[string]struct {
		docs  map[string]string
		verbs string
		why   string
	}{
		"nothing":      {map[string]string{"/voice": `<Response/>`}, "", "end of the document"},
		"say, hang up": {map[string]string{"/voice": `<Response><Say>Sorry.</Say><Pause length="40"/><Hangup/><Say>never</Say></Response>`}, "Say:Sorry. Pause: Hangup:", "hung up by the document"},
		"busy":         {map[string]string{"/voice": `<Response><Reject reason="busy"/></Response>`}, "Reject:", "rejected: busy"},
		"rejected":     {map[string]string{"/voice": `<Response><Reject/></Response>`}, "Reject:", "rejected: rejected"},
		"dial":         {map[string]string{"/voice": `<Response><Dial>+15551112222</Dial></Response>`}, "Dial:+15551112222", "dialed on"},
		"dial a noun":  {map[string]string{"/voice": `<Response><Dial><Number>+15551112222</Number></Dial></Response>`}, "Dial:+15551112222", "dialed on"},
		"redirect": {map[string]string{
			"/voice": `<Response><Redirect>/next?a=1&amp;b=2</Redirect><Say>never</Say></Response>`,
			"/next":  `<Response><Say>next</Say></Response>`,
		}, "Redirect:/next?a=1&b=2 Say:next", "end of the document"},
		"in circles":       {map[string]string{"/voice": `<Response><Redirect>/voice</Redirect></Response>`}, strings.TrimSpace(strings.Repeat("Redirect:/voice ", maxRedirects+1)), "too many redirects"},
		"redirect nowhere": {map[string]string{"/voice": `<Response><Redirect>/gone</Redirect></Response>`}, "Redirect:/gone", "redirect failed"},
		"record":           {map[string]string{"/voice": `<Response><Record action="/x" maxLength="120"/></Response>`}, "Record:", "end of the document"},
		"stream that is refused falls through": {map[string]string{
			"/voice": `<Response><Connect><Stream url="ws://127.0.0.1/nothing"/></Connect><Say>Sorry.</Say></Response>`,
		}, "Connect: Say:Sorry.", "end of the document"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent := newAgent(t)
				defer agent.close()
				for path, doc := range tc.docs {
					agent.twiml(path, doc)
				}
				p, err := CallTwilio(t.Context(), PhoneOptions{Options: agent.options()})
				if err != nil {
					t.Fatal(err)
				}
				done := p.Say(tone(80000, 1000), 8000)
				all := <-collect(p)
				<-done // a call that ends lets nobody wait
				var verbs []string
				for _, e := range kinds(all, Verb) {
					verbs = append(verbs, e.Type+":"+e.Text)
				}
				if got := strings.Join(verbs, " "); got != tc.verbs {
					t.Errorf("verbs %q, want %q", got, tc.verbs)
				}
				if last := all[len(all)-1]; last.Text != tc.why {
					t.Errorf("over because %q, want %q", last.Text, tc.why)
				}
			})
		})
	}
}

func TestCallTwilio_RefusedOrBroken(t *testing.T) {
	agentOf := func(t *testing.T, h http.HandlerFunc) (*scriptedAgent, PhoneOptions) {
		a := newAgent(t)
		a.mux.HandleFunc("/voice", h)
		a.twiml("/fallback", `<Response><Say>Please call again.</Say></Response>`)
		return a, PhoneOptions{Options: a.options()}
	}
	synctest.Test(t, func(t *testing.T) {
		agent, o := agentOf(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad signature", http.StatusForbidden) })
		defer agent.close()
		_, err := CallTwilio(t.Context(), o)
		var we *WebhookError
		if !errors.As(err, &we) || we.Status != 403 || !strings.Contains(we.Error(), "bad signature") {
			t.Fatalf("got %v", err)
		}
		o.FallbackURL = "http://127.0.0.1/fallback"
		p, err := CallTwilio(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		all := <-collect(p)
		if w := kinds(all, Warning); len(w) != 1 || w[0].Code != codeRetrieval || kinds(all, Verb)[0].Text != "Please call again." {
			t.Fatalf("with a fallback: %v", all)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		agent, o := agentOf(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html></html>") })
		defer agent.close()
		_, err := CallTwilio(t.Context(), o)
		var te *twilio.TwiMLError
		if !errors.As(err, &te) {
			t.Fatalf("got %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a webhook that never answers costs what it costs at the vendor: 15 s
		release := make(chan struct{})
		agent, o := agentOf(t, func(http.ResponseWriter, *http.Request) { <-release })
		defer agent.close()
		defer close(release)
		begun := time.Now()
		_, err := CallTwilio(t.Context(), o)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != webhookTimeout {
			t.Fatalf("got %v after %v", err, time.Since(begun))
		}
	})
	if _, err := CallTwilio(t.Context(), PhoneOptions{Options: Options{URL: "/voice"}}); err == nil {
		t.Fatal("a relative url was taken")
	}
	if _, err := CallTwilio(t.Context(), PhoneOptions{Options: Options{URL: "ftp://127.0.0.1/voice"}}); err == nil {
		t.Fatal("ftp was taken")
	}
}
