package calls_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
)

// keptTurn is a turn as the interface gives it out.
type keptTurn struct {
	UserText  string `json:"user"`
	AgentText string `json:"agent"`
}

// session is the id of a page's session.
func (p *page) session() string {
	p.t.Helper()
	var m struct {
		ID string `json:"session_id"`
	}
	must(p.t, p.await(rtvi.ServerMessage).Unpack(&m))
	return m.ID
}

// kept waits until so many turns of a page are in the archive.
func (h *house) kept(t *testing.T, p *page, n int) []keptTurn {
	t.Helper()
	var got struct {
		Turns []keptTurn `json:"turns"`
	}
	until(t, fmt.Sprintf("%d turns in the archive", n), func() bool {
		resp, body := h.ask(http.MethodGet, "/api/calls/"+p.session(), "")
		return resp.StatusCode == http.StatusOK && json.Unmarshal([]byte(body), &got) == nil && len(got.Turns) >= n
	})
	return got.Turns
}

// onDisk is everything that the archive has written, by file.
func (h *house) onDisk(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	must(t, filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = b
		return err
	}))
	return out
}

// H96: a card number, a social security number and what was pressed on the keys of a phone are in no file that
// the server keeps: not in the database, not in the journal, not in the log, however they were said. The
// talk itself goes on with them. Julia has no slot for a PIN: keys that a tool then takes as a client's number
// are a client's number, and the record of that look-up is kept. (tier: ci)
func TestHostile_H96_NumbersAreNotKept(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	p := h.page(visit{})
	for _, say := range []string{
		"My card is 4111111111111111, thanks",
		"It is 5555 5555-5555 4444, and client 5001",
		"It is three seven eight two eight two two four six three one zero zero zero five",
		"My social security number is 123-45-6789",
		"What transactions does client 5001 have?",
	} {
		p.ask(say)
	}
	turns := h.kept(t, p, 5)
	for i, want := range []string{
		"My card is ************1111, thanks", "It is **** ****-**** 4444, and client 5001", "It is ***** ***** ***** *** ***** *** *** **** *** ***** *** zero zero zero five",
		"My social security number is ***-**-6789", "What transactions does client 5001 have?",
	} {
		if turns[i].UserText != want {
			t.Errorf("turn %d is kept as %q, want %q", i+1, turns[i].UserText, want)
		}
	}
	if !strings.Contains(turns[4].AgentText, "1,250.75") {
		t.Errorf("what may be kept is gone: %q", turns[4].AgentText)
	}
	p.close()

	c := h.call(func(o *peer.PhoneOptions) { o.From = "+15550100009" })
	c.speak("My card is 4012 8888 8888 1881")
	until(t, "the turn", func() bool { return len(h.logs.lines("turn done")) >= 6 })
	must(t, c.Digits("86*75*30*9#"))
	until(t, "the keys to be answered", func() bool { return len(h.logs.lines("turn done")) >= 7 })
	c.hangUp()
	until(t, "the call to be closed", func() bool { return len(h.logs.lines("session ended")) >= 2 })

	files := h.onDisk(t)
	if len(files) < 3 {
		t.Fatalf("%d files, want the database and two journals", len(files))
	}
	files["the log"] = []byte(h.logs.String())
	for path, b := range files {
		for _, number := range []string{
			"4111111111111111", "41111111", "5555 5555", "5555-5555", "three seven eight two", "123-45", "4012 8888", "8888 8888", "86*75", "75*30", "30*9", `"digit":"8"`, `"digit":"7"`,
		} {
			if i := bytes.Index(b, []byte(number)); i >= 0 {
				t.Errorf("%s holds %q: …%q…", filepath.Base(path), number, b[max(0, i-80):min(len(b), i+80)])
			}
		}
	}
	heard := false
	for _, b := range files {
		heard = heard || bytes.Contains(b, []byte("pressed the keys **********."))
	}
	if !heard {
		t.Error("that keys were pressed is not kept")
	}
}

// H97: whatever path is given, no file is read but those that are meant: encoded once or twice, absolute,
// with backslashes, by a symbolic link. An id that is none is 400, everything else 404. (tier: ci)
func TestHostile_H97_Paths(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	p := h.page(visit{})
	p.ask("Hello")
	id := p.session()
	h.kept(t, p, 1)
	p.close()
	until(t, "the call to be closed", func() bool { return len(h.logs.lines("session ended")) == 1 })
	if resp, _ := h.ask(http.MethodGet, "/api/calls/"+id+"/events.jsonl", ""); resp.StatusCode != http.StatusOK {
		t.Fatalf("the journal itself: %d", resp.StatusCode)
	}
	const loot = "SENTINEL-loot"
	outside := filepath.Join(t.TempDir(), "secret.txt")
	must(t, os.WriteFile(outside, []byte(loot), 0o600))
	inside := filepath.Join(h.dir, "inside.txt")
	must(t, os.WriteFile(inside, []byte(loot), 0o600))

	var paths []string
	for _, up := range []string{"..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%252e%252e%252fetc%252fpasswd", "..%5c..%5cx", "%2fetc%2fpasswd", "....//....//etc/passwd", "..%00", "%00", "..;/..;/etc/passwd", "..%c0%afetc", "file:%2f%2f%2fetc%2fpasswd", "inside.txt", "..%2finside.txt", "voicectl.db", "."} {
		for _, at := range []string{"/api/calls/", "/api/calls/" + id + "/", "/api/calls/" + id + "%2f", "/console/", "/console/static/", "/", "/api/"} {
			paths = append(paths, at+up)
		}
	}
	for _, path := range append(paths, "//etc/passwd", "/console/..%2f..%2fgo.mod", "/console//index.html", "/.env", "/voicectl.yaml", "/.git/config") {
		resp := h.raw(t, path)
		if resp.status != http.StatusNotFound && resp.status != http.StatusBadRequest && resp.status/100 != 3 || strings.Contains(resp.body, loot) || strings.Contains(resp.body, "root:") {
			t.Errorf("GET %s: %d %.200s", path, resp.status, resp.body)
		}
		if resp.status/100 == 3 && !strings.HasPrefix(resp.location, "/") || strings.HasPrefix(resp.location, "//") {
			t.Errorf("GET %s: sent to %s", path, resp.location)
		}
	}
	dir := filepath.Join(h.dir, "calls", id)
	for name, target := range map[string]string{"outside": outside, "inside": inside, "a device": "/dev/zero", "itself": "events.jsonl", "a folder": h.dir, "nothing": "/nonexistent"} {
		for _, file := range []string{"events.jsonl", "recording.wav"} {
			must(t, os.RemoveAll(filepath.Join(dir, file)))
			must(t, os.Symlink(target, filepath.Join(dir, file)))
			if resp, body := h.ask(http.MethodGet, "/api/calls/"+id+"/"+file, ""); resp.StatusCode != http.StatusNotFound || strings.Contains(body, loot) {
				t.Errorf("%s is a link to %s: %d %.200s", file, name, resp.StatusCode, body)
			}
		}
	}
	must(t, os.RemoveAll(dir))
	must(t, os.Symlink(filepath.Dir(outside), dir))
	must(t, os.Rename(outside, filepath.Join(filepath.Dir(outside), "events.jsonl")))
	if resp, body := h.ask(http.MethodGet, "/api/calls/"+id+"/events.jsonl", ""); resp.StatusCode != http.StatusNotFound || strings.Contains(body, loot) {
		t.Errorf("the call's folder is a link: %d %.200s", resp.StatusCode, body)
	}
}

// H98, a sample between file routes and the admin listener: what is for the operator does not answer on the
// public listener, however the path is written, nor do methods that nobody needs. (tier: ci)
func TestHostile_H98_OperatorsRoutesInPublic(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{Dev: true}})
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/admin/health", "/admin/", "/debug/vars"} {
		for _, form := range []string{path, "/" + path, strings.ReplaceAll(path, "/", "%2f"), "/x/.." + path, "/console/.." + path, strings.ToUpper(path), path + "?x=/metrics", "/api/calls/.." + path} {
			resp := h.raw(t, form)
			if resp.status/100 == 2 || strings.Contains(resp.body, "voicectl_") || strings.Contains(resp.body, "goroutine") {
				t.Errorf("GET %s: %d %.100s", form, resp.status, resp.body)
			}
		}
	}
	for _, method := range []string{"TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "PROPFIND", "DEBUG"} {
		for _, path := range []string{"/", "/health", "/start", "/twilio/voice", "/api/calls"} {
			resp, body := h.ask(method, path, "", "X-Sentinel", "SENTINEL-header", "X-HTTP-Method-Override", "GET")
			if resp.StatusCode/100 == 2 || strings.Contains(body, "SENTINEL") {
				t.Errorf("%s %s: %d %.100s", method, path, resp.StatusCode, body)
			}
		}
	}
	keyed := open(t, plan{config: server.Config{APIKeys: []secret.Secret{secret.New(apiKey)}}})
	if resp, _ := keyed.ask(http.MethodGet, "/metrics", "", "Authorization", "Bearer "+apiKey); resp.StatusCode != http.StatusNotFound {
		t.Errorf("with a key: %d", resp.StatusCode)
	}
}

// H94, a sample between the database and secrets in the log: words of a stranger that would write log lines
// of their own, or move a terminal. A line stays one line, and nothing of them is in it. (tier: ci)
func TestHostile_H94_LinesInTheLog(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	evil := "x\n{\"level\":\"ERROR\",\"msg\":\"SENTINEL\"}\r\n\x1b[2J\x1b]0;SENTINEL\x07\u2028\u202e"
	v := form(callA)
	v.Set("CallStatus", evil)
	v.Set("ErrorCode", evil)
	v.Set("Caller", evil)
	for _, path := range []string{"/twilio/status", "/twilio/fallback", "/twilio/voice"} {
		h.webhook(path, v)
	}
	h.webhook("/twilio/status", form(callB))
	h.ask(http.MethodGet, "/"+strings.NewReplacer("\n", "%0a", "\r", "%0d", "\x1b", "%1b", "\x07", "%07", " ", "%20", "\u2028", "", "\u202e", "").Replace(evil), "")
	h.ask(http.MethodGet, "/health", "", "User-Agent", "SENTINEL", "Referer", "SENTINEL")
	p := h.page(visit{text: true})
	p.send(rtvi.SendText, "", rtvi.TextInput{Content: evil})
	p.send(rtvi.ClientMessage, evil, rtvi.Custom{Kind: evil})
	p.send(rtvi.Type(evil), evil, nil)
	p.await(rtvi.ErrorResponse)
	p.close()
	s := h.opened(h.mediaURL())
	s.text(string(twilio.AppendConnected(nil)))
	b, err := twilio.AppendStart(nil, 1, twilio.Start{StreamSID: streamA, AccountSID: account, CallSID: callA, Parameters: map[string]string{"token": evil, evil: evil}})
	must(t, err)
	s.text(strings.Replace(string(b), streamA, "MZ\\n\\u001b[2JSENTINEL", 1))
	s.end()
	until(t, "the session to end", func() bool { return len(h.logs.lines("session ended")) >= 1 })

	text := h.logs.String()
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no whole line: %q", line)
		}
	}
	for _, bad := range []string{"SENTINEL", "\x1b", "\\u001b", "\x07", "\u2028", "\u202e"} {
		if i := strings.Index(text, bad); i >= 0 {
			t.Errorf("%q is in the log: …%s…", bad, text[max(0, i-200):min(len(text), i+100)])
		}
	}
	status := h.logs.lines("call status")
	if len(status) != 2 || status[0]["status"] != "other" || status[1]["status"] != "ringing" {
		t.Errorf("the status lines are %v", status)
	}
	// A person's log quotes what a terminal would obey.
	var person bytes.Buffer
	slog.New(slog.NewTextHandler(&person, nil)).Info("x", "err", evil)
	if strings.ContainsAny(person.String()[:person.Len()-1], "\n\x1b\x07") {
		t.Errorf("the text log holds %q", person.String())
	}
}

// rawAnswer is an answer to a path that no client would send.
type rawAnswer struct {
	status         int
	body, location string
}

// raw asks for a path exactly as it is written.
func (h *house) raw(t *testing.T, path string) rawAnswer {
	t.Helper()
	resp := h.wire(t, patience, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, h.srv.Addr())
	})
	if resp == nil {
		return rawAnswer{}
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body) // what came is judged
	return rawAnswer{resp.StatusCode, b.String(), resp.Header.Get("Location")}
}
