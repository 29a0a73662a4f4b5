package calls_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/secret"
)

// technical is what no caller should hear: addresses, JSON, SQL, status codes, Go's errors, vendors.
var technical = regexp.MustCompile(`(?i)[{}\[\]<>]|https?|127\.0\.0\.1|localhost|:[0-9]{2,5}|\b[45][0-9][0-9]\b|select |goroutine|panic|\.go\b|nil\b|context |dial |EOF|supabase|openai|cartesia|speechmatics|sandbox|api.?key|token|circuit|timeout`)

// JUL-15 and JUL-16: whatever a vendor does, the caller hears in plain words what failed and what to do,
// an error is in the log with the vendor's request id, and the next turn works.
func TestJUL16_FailuresInPlainWords(t *testing.T) {
	t.Parallel()
	for _, f := range []stage.Fault{
		{Vendor: stage.Supabase, Mode: stage.ModeStatus, Status: 401},
		{Vendor: stage.Supabase, Mode: stage.ModeStatus, Status: 404},
		{Vendor: stage.Supabase, Mode: stage.ModeStatus, Status: 500},
		{Vendor: stage.Supabase, Mode: stage.ModeStatus, Status: 429},
		{Vendor: stage.Supabase, Mode: stage.ModeReset},
		{Vendor: stage.Supabase, Mode: stage.ModeMalformed},
		{Vendor: stage.Supabase, Mode: stage.ModeClose},
		{Vendor: stage.OpenAI, Mode: stage.ModeStatus, Status: 401},
		{Vendor: stage.OpenAI, Mode: stage.ModeStatus, Status: 429},
		{Vendor: stage.OpenAI, Mode: stage.ModeStatus, Status: 500},
		{Vendor: stage.OpenAI, Mode: stage.ModeMalformed},
		{Vendor: stage.OpenAI, Mode: stage.ModeReset},
		{Vendor: stage.OpenAI, Mode: stage.ModeClose},
	} {
		t.Run(f.Vendor+" "+f.Mode+" "+http.StatusText(f.Status), func(t *testing.T) {
			t.Parallel()
			h := open(t, plan{})
			p := h.page(visit{})
			h.fault(f)
			a := p.ask(question)
			if len(a.text) < 20 || !regexp.MustCompile(`(?i)again|later|tell |something else|try `).MatchString(a.text) {
				t.Errorf("said %q: want what failed, and a next step", a.text)
			}
			for _, m := range p.all(rtvi.Error) {
				var fault rtvi.Fault
				must(t, m.Unpack(&fault))
				a.text += " " + fault.Message
			}
			if bad := technical.FindString(a.text); bad != "" {
				t.Errorf("said %q: %q is not plain", a.text, bad)
			}
			logged := false
			for _, msg := range []string{"tool failed", "model failed"} {
				for _, l := range h.logs.lines(msg) {
					logged = logged || l["vendor"] == f.Vendor && (f.Mode != stage.ModeStatus || l["request_id"] != nil)
				}
			}
			if !logged {
				t.Errorf("no line with the vendor and its request id: %s", h.logs)
			}
			h.stage.ClearFaults("")
			if a := p.ask(question); !strings.Contains(a.text, "3 transactions") {
				t.Errorf("the next turn said %q", a.text)
			}
		})
	}
}

// JUL-17: what is spoken holds no address, markdown, emoji or table, and at most 60 words, whatever the
// model writes.
func TestJUL17_SpeechIsCleanAndShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("This sentence has exactly eight words in it. ", 20)
	for name, text := range map[string]string{
		"markdown": "# Result\n\n**Client 5001** has `3` transactions:\n\n- a *purchase*\n- a refund\n\n> quoted",
		"links":    "See https://example.com/a?b=c or [our page](http://example.org/x) or www.example.net for more.",
		"a table":  "| id | sum |\n|----|-----|\n| 1 | 20 |\n| 2 | 30 |\nThat is all.",
		"emoji":    "Great 🎉 your report is on its way 📧👍🏽!",
		"markup":   `Wait <break time="3600s"/> for <b>it</b>.`,
		"length":   long,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := scriptedModel(t, func(modelRequest) modelAnswer { return modelAnswer{text: text} })
			h := open(t, plan{openai: func(o *openai.Options) { o.BaseURL = url }})
			p := h.page(visit{})
			p.typed("Hello")
			p.await(rtvi.BotTTSStopped)
			spoken := h.spoken(t)
			if n := len(strings.Fields(spoken)); n == 0 || n > 60 {
				t.Errorf("%d words are spoken: %q", n, spoken)
			}
			if bad := regexp.MustCompile("https?:|www\\.|[*#`|_<>\\[\\]]|[\\x{1F000}-\\x{1FAFF}\\x{2600}-\\x{27BF}]|3600").FindString(spoken); bad != "" {
				t.Errorf("%q is spoken in %q", bad, spoken)
			}
		})
	}
	h := open(t, plan{greet: true}) // and what the planner says of real data is short as well
	p := h.page(visit{})
	for _, say := range []string{question, "What is your refund policy?", "What is the weather in Berlin today?", "Show me a chart for client 5001"} {
		if a := p.ask(say); len(strings.Fields(a.text)) > 60 || strings.Contains(a.text, "http") {
			t.Errorf("%q is answered in %d words: %q", say, len(strings.Fields(a.text)), a.text)
		}
	}
}

// spoken is all that the synthesizer was given.
func (h *house) spoken(t *testing.T) string {
	t.Helper()
	var parts []string
	until(t, "the synthesizer's record", func() bool {
		parts = nil
		calls, _ := h.stage.Calls(stage.Cartesia, 0)
		for _, c := range calls {
			if s, ok := c.Detail["text"].(string); ok {
				parts = append(parts, s)
			}
		}
		return len(parts) > 0
	})
	return strings.Join(parts, " ")
}

// JUL-20: frames tell of a tool's start and result with its name, success and time; arguments and results
// only when the client may see all.
func TestJUL20_ToolFramesByLevel(t *testing.T) {
	t.Parallel()
	for level, full := range map[string]bool{"name": false, "full": true, "sandbox": true} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			c := server.Config{ReportLevel: level}
			if level == "sandbox" {
				c = server.Config{Sandbox: true}
			}
			h := open(t, plan{config: c})
			a := h.page(visit{}).ask(question)
			var types []string
			var done string
			for _, m := range a.msgs {
				if strings.HasPrefix(string(m.Type), "llm-function-call") {
					types = append(types, string(m.Type))
				}
				if m.Type == rtvi.ServerMessage && strings.Contains(string(m.Data), "tool_result") {
					done = string(m.Data)
				}
			}
			if want := []string{"llm-function-call-started", "llm-function-call-in-progress", "llm-function-call-stopped"}; !slices.Equal(types, want) {
				t.Fatalf("frames %v, want %v", types, want)
			}
			if !regexp.MustCompile(`"ms":[0-9]+.*"name":"query_transactions".*"ok":true`).MatchString(done) {
				t.Errorf("the result's frame is %s", done)
			}
			if a.calls[0].ID == "" || a.calls[0].ID != a.ends[0].ID || a.calls[0].Name != "query_transactions" || a.ends[0].Cancelled == nil || *a.ends[0].Cancelled {
				t.Errorf("frames %+v and %+v", a.calls[0], a.ends[0])
			}
			if (len(a.calls[0].Arguments) > 0) != full || (len(a.ends[0].Result) > 0) != full {
				t.Errorf("arguments %s, result %s, level %s", a.calls[0].Arguments, a.ends[0].Result, level)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		h := open(t, plan{config: server.Config{ReportLevel: "none"}})
		if a := h.page(visit{}).ask(question); len(a.calls)+len(a.ends) != 0 || strings.Contains(string(a.msgs[len(a.msgs)-1].Data), "tool_result") {
			t.Errorf("frames of tools at level none: %+v", a.calls)
		}
	})
	t.Run("with a key on a server that asks for one", func(t *testing.T) {
		t.Parallel()
		h := open(t, plan{config: server.Config{APIKeys: []secret.Secret{secret.New(apiKey)}}})
		p := h.page(visit{header: http.Header{"Authorization": {"Bearer " + apiKey}}})
		if a := p.ask(question); len(a.calls) != 1 || len(a.calls[0].Arguments) > 0 {
			t.Errorf("a key alone shows arguments: %+v", a.calls)
		}
	})
}

// A voice turn by phone runs the same tools, and no frame of RTVI is ever on a media socket.
func TestJUL05_ByPhone(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	c := h.call(nil)
	c.speak(question)
	c.hears(t, "1,250.75", "3 transactions")
	for _, e := range c.hangUp() {
		if e.Kind == "warning" {
			t.Errorf("the phone network would warn: %d %s", e.Code, e.Text)
		}
	}
	if names, _ := h.functions(); len(names) != 1 {
		t.Errorf("called %v", names)
	}
}
