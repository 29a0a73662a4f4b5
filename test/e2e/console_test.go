//go:build e2e

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/voicectl/voicectl/internal/ws"
)

// The console alone, against a scripted agent: everything that an agent can show, and everything that can
// go wrong between the two.

const question = "What transactions does client 5001 have?"

// answer plays one whole turn as the agent reports it, with sound.
func (s *scripted) answer(b *tab) {
	s.send("bot-llm-started", nil)
	s.send("llm-function-call-in-progress", map[string]any{
		"tool_call_id": "call_1", "function_name": "query_transactions", "arguments": map[string]any{"clientId": "5001"},
	})
	b.says("#tools", "query_transactions", "running", "5001")
	s.send("llm-function-call-stopped", map[string]any{
		"tool_call_id": "call_1", "function_name": "query_transactions", "cancelled": false,
		"result": map[string]any{"success": true, "count": 3, "total": 1240.5},
	})
	s.send("server-message", map[string]any{"type": "tool_result", "tool_call_id": "call_1", "name": "query_transactions", "ok": true, "ms": 7})
	b.says("#tools", "done · 7 ms")
	words := "Client 5001 has three transactions, 1,240 dollars and 50 cents in all."
	s.send("bot-llm-text", map[string]any{"text": words})
	s.send("bot-llm-stopped", nil)
	s.send("bot-started-speaking", nil)
	s.send("bot-output", map[string]any{"text": words, "segment_id": 0, "aggregated_by": "sentence", "will_be_spoken": true, "spoken_status": "new"})
	s.speak(b.ctx, 500*time.Millisecond)
	s.send("bot-output", map[string]any{
		"text": words, "segment_id": 0, "will_be_spoken": true, "spoken_status": "in-progress",
		"spoken_progress": map[string]any{"accumulated_text": "Client 5001 has three", "remaining_text": " transactions, 1,240 dollars and 50 cents in all."},
	})
}

func (s *scripted) finish() {
	s.send("bot-output", map[string]any{
		"text": "Client 5001 has three transactions, 1,240 dollars and 50 cents in all.", "segment_id": 0, "will_be_spoken": true, "spoken_status": "completed",
	})
	s.send("bot-stopped-speaking", nil)
	s.send("server-message", map[string]any{"type": "turn_latency", "turn": 1, "stages": []map[string]any{
		{"name": "end_of_speech", "start_ms": 0, "end_ms": 0},
		{"name": "final", "start_ms": 0, "end_ms": 180},
		{"name": "accepted", "start_ms": 180, "end_ms": 182},
		{"name": "first_token", "start_ms": 182, "end_ms": 430},
		{"name": "first_sound", "start_ms": 430, "end_ms": 517},
		{"name": "first_audio", "start_ms": 517, "end_ms": 521},
	}})
}

func (s *scripted) chart() {
	s.send("server-message", map[string]any{
		"type": "chart", "client_id": "5001", "labels": []string{"2026-01", "2026-02", "2026-03"},
		"series": []map[string]any{{"name": "payment", "data": []float64{420, 310.5, 510}}, {"name": "refund", "data": []float64{0, -89.9, 0}}},
	})
}

func TestConsole_ShowsAWholeTurn(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url())
	b.says("#agent", "Julia")
	b.says("#voice-note", "only machines read")
	b.dark(false)
	b.shot("console-empty")

	b.ask(question)
	b.says("#state", "thinking")
	b.says("#session", "2f6c1a9e")
	b.says(".user", question)
	if m := s.got("send-text", 1); !strings.Contains(string(m.Data), question) || !strings.Contains(string(m.Data), `"run_immediately":true`) {
		t.Errorf("the page sent %s", m.Data)
	}
	if m := s.got("client-ready", 1); !strings.Contains(string(m.Data), `"version":"2.1.0"`) {
		t.Errorf("the page said it was ready with %s", m.Data)
	}
	s.send("user-llm-text", map[string]any{"text": question})
	s.answer(b)
	b.says("#state", "speaking")
	b.says(".agent", "three transactions")
	b.wait("what is not heard yet to be told from what is", `document.querySelector('.agent .unsaid')?.textContent.includes('50 cents')`)
	b.says("#tools", "done", "result")
	b.shot("console-speaking")
	s.finish()
	s.chart()
	s.mu.Lock()
	s.mails = append(s.mails, map[string]any{"id": "msg_000001", "to": "john@example.com", "client_id": "5001", "subject": "Transactions of client 5001", "body": "Three transactions.", "at": "2026-03-01T09:30:00Z"})
	s.mu.Unlock()
	b.wait("all of it to be heard", `!document.querySelector('.agent .unsaid')`)
	b.says("#latency", "final words", "180 ms", "first token", "248 ms", "heard")
	b.says("#outbox", "john@example.com", "client 5001")
	b.says("#state", "listening")
	b.wait("the chart's six bars", `document.querySelectorAll('#charts .bar').length === 6`)
	b.wait("the chart's table", `document.querySelectorAll('#charts tbody tr').length === 3`)
	b.wait("one bubble each", `document.querySelectorAll('.bubble').length === 2`)
	b.shot("console-light")
	b.dark(true)
	b.shot("console-dark")
	b.click("#charts button")
	b.wait("lines", `document.querySelectorAll('#charts polyline').length === 2`)
	b.dark(false)
	b.size(390, 844)
	b.shot("console-narrow")
	if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > 390 {
		t.Errorf("the page is %d wide on a screen of 390", wide)
	}
}

func TestConsole_TheSameQuestionTwiceIsTwoBubbles(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url())
	for range 2 {
		b.ask(question)
		b.wait("the box to empty", `document.querySelector('#text').value === ''`)
		s.send("user-llm-text", map[string]any{"text": question})
	}
	s.got("send-text", 2)
	b.wait("two bubbles", `document.querySelectorAll('.bubble.user').length === 2`)
}

func TestConsole_SpeaksASamplePhraseAsSound(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url())
	b.click(".phrase")
	s.got("client-ready", 1)
	s.until("the phrase to be heard", func() bool { return len(s.audio.heard) > 0 })
	s.until("a second of silence after it", func() bool {
		return time.Duration(s.audio.frames)*20*time.Millisecond >= s.audio.heard[0].End+900*time.Millisecond
	})
	s.mu.Lock()
	a := s.audio
	s.mu.Unlock()
	if e := a.heard[0]; e.Text != question || !e.Clean() {
		t.Errorf("heard %+v, want the phrase, whole", e)
	}
	if a.rate != 16000 || a.channels != 1 || a.size != 640 {
		t.Errorf("frames of %d bytes, %d Hz, %d channels, want 640, 16000, 1", a.size, a.rate, a.channels)
	}
	if took, want := a.last.Sub(a.first), time.Duration(a.frames-1)*20*time.Millisecond; took < want-100*time.Millisecond || took > want+time.Second {
		t.Errorf("%d frames in %v, want real time (%v)", a.frames, took, want)
	}
	s.send("user-transcription", map[string]any{"text": "What transactions does", "final": false})
	b.says(".user .partial", "What transactions does")
	b.shot("console-partial")
	s.send("user-transcription", map[string]any{"text": question, "final": true})
	b.wait("the partial to settle", `!document.querySelector('.partial') && document.querySelector('.user').innerText.includes('5001')`)
}

func TestConsole_SendsAPhraseAsTextWithoutASandbox(t *testing.T) {
	s := newScripted(t)
	s.config.Sandbox, s.config.Speech = false, "vendor"
	b := open(t, s.url())
	b.click(".phrase")
	s.got("send-text", 1)
	b.says(".user", question)
	b.wait("no word about a sandbox", `document.querySelector('#voice-note').hidden`)
	s.send("server-message", map[string]any{"type": "mail", "to": "john@example.com", "subject": "Report", "client_id": "5001"})
	b.says("#outbox", "john@example.com")
}

func TestConsole_TheMicrophoneIsHeardAndCanBeMuted(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url(), microphone())
	b.click("#talk")
	s.until("half a second of sound", func() bool { return s.audio.frames >= 25 })
	b.wait("the meter to move", `Number(document.querySelector('#meter').getAttribute('aria-valuenow')) > 20`) // the fake device beeps
	s.mu.Lock()
	rate, size := s.audio.rate, s.audio.size
	s.mu.Unlock()
	if rate != 16000 || size != 640 {
		t.Errorf("frames of %d bytes at %d Hz, want 640 at 16000", size, rate)
	}
	b.click("#mute")
	b.wait("the meter to rest", `document.querySelector('#meter').getAttribute('aria-valuenow') === '0'`)
	b.says("#mute", "Muted")
	b.click("#talk")
	b.says("#talk", "Talk")
}

func TestConsole_AnInterruptionIsShown(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url())
	b.ask(question)
	s.got("send-text", 1)
	s.answer(b)
	b.says("#state", "speaking")
	s.send("bot-interrupted", nil)
	b.says(".agent .tag", "interrupted")
	b.says("#state", "hearing you")
	s.send("user-transcription", map[string]any{"text": "Stop, only the last one.", "final": true})
	s.send("user-llm-text", map[string]any{"text": "Stop, only the last one."})
	b.wait("two things said by the caller", `document.querySelectorAll('.bubble.user').length === 2`)
}

func TestConsole_AFlushSilencesTheLoudspeakerAtOnce(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url())
	took := eval[float64](b, `(async () => {
		const { Player } = await import('./console/player.js');
		let changed;
		const change = () => new Promise((resolve) => { changed = resolve; });
		const player = new Player((playing) => changed?.(playing));
		await player.start();
		const begun = change();
		player.play(new Uint8Array(2 * 24000 * 5), 24000, 1); // five seconds
		if (await begun !== true) throw new Error('it does not play');
		const silent = change();
		const at = performance.now();
		player.flush();
		if (await silent !== false) throw new Error('it does not stop');
		return performance.now() - at;
	})()`)
	if took > 500 {
		t.Errorf("silent %.0f ms after the flush, want at once", took)
	}
}

func TestConsole_SaysWhatWentWrong(t *testing.T) {
	cases := map[string]struct {
		before func(*scripted)
		after  func(*scripted)
		flags  []chromedp.ExecAllocatorOption
		script string // runs in the page first
		press  string
		where  string // "#notice" unless named
		want   []string
	}{
		"tool failed": {
			after: func(s *scripted) {
				s.send("llm-function-call-in-progress", map[string]any{"tool_call_id": "c", "function_name": "web_search"})
				s.send("llm-function-call-stopped", map[string]any{"tool_call_id": "c", "function_name": "web_search", "cancelled": false})
				s.send("server-message", map[string]any{"type": "tool_result", "tool_call_id": "c", "name": "web_search", "ok": false, "ms": 3000})
			},
			where: "#tools", want: []string{"web_search", "failed · 3.00 s"},
		},
		"server refuses": {
			before: func(s *scripted) {
				s.start = func(w http.ResponseWriter, _ *http.Request) {
					http.Error(w, `{"error":"draining","details":"the server is shutting down","status_code":503,"request_id":"r-17"}`, http.StatusServiceUnavailable)
				}
			},
			want: []string{"takes no conversation now", "shutting down", "r-17"},
		},
		"socket refused": {
			before: func(s *scripted) {
				s.start = func(w http.ResponseWriter, _ *http.Request) {
					_, _ = w.Write([]byte(`{"wsUrl":"ws://` + deadAddress(s.t) + `/ws"}`))
				}
			},
			want: []string{"refused the socket", "1006", "connect again"},
		},
		"token refused":   {after: func(s *scripted) { s.closeWith(ws.ClosePolicy, "token used") }, want: []string{"1008", "token used", "ALLOWED_ORIGINS"}},
		"server full":     {after: func(s *scripted) { s.closeWith(ws.CloseTryLater, "") }, want: []string{"1013", "full"}},
		"connection lost": {after: (*scripted).drop, want: []string{"lost without a word", "1006"}},
		"vendor error": {after: func(s *scripted) {
			s.send("error", map[string]any{"message": "The language model did not answer.", "fatal": false})
		}, want: []string{"language model did not answer", "ask again"}},
		"microphone refused": {flags: []chromedp.ExecAllocatorOption{chromedp.Flag("deny-permission-prompts", true)}, press: "#talk", want: []string{"microphone was refused", "allow it"}},
		"no microphone":      {script: `navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotFoundError")); 1`, press: "#talk", want: []string{"No microphone was found"}},
		"answer without wsUrl": {
			before: func(s *scripted) {
				s.start = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }
			},
			want: []string{"no socket address"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScripted(t)
			if c.before != nil {
				c.before(s)
			}
			b := open(t, s.url(), c.flags...)
			if c.script != "" {
				eval[int](b, c.script)
			}
			press := c.press
			if press == "" {
				press = "#connect"
			}
			b.click(press)
			if c.after != nil {
				s.got("client-ready", 1)
				b.says("#state", "listening")
				c.after(s)
			}
			where := c.where
			if where == "" {
				where = "#notice"
			}
			b.says(where, c.want...)
			b.shot("trouble-" + strings.ReplaceAll(name, " ", "-"))
		})
	}
}

func TestConsole_AsksForTheAccessKeyAndKeepsIt(t *testing.T) {
	s := newScripted(t)
	s.start = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer open-sesame" {
			http.Error(w, `{"error":"unauthorized","status_code":401}`, http.StatusUnauthorized)
			return
		}
		s.giveAddress(w)
	}
	b := open(t, s.url())
	b.click("#connect")
	b.wait("the dialog", `document.querySelector('#key-dialog').open`)
	b.run(chromedp.SendKeys(chromedp.CSS("#key"), "wrong\r"))
	b.says("#key-why", "did not accept")
	b.shot("console-key")
	b.run(chromedp.SendKeys(chromedp.CSS("#key"), "open-sesame\r"))
	b.says("#state", "listening")
	if kept := eval[string](b, `sessionStorage.getItem('access-key')`); kept != "open-sesame" {
		t.Errorf("kept %q", kept)
	}
}

// The guard that every other test stands on: what the policy blocks and what the scripts throw is seen.
func TestConsole_WhatThePolicyBlocksIsSeen(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url())
	eval[int](b, `document.body.setAttribute('style', 'color: red'); setTimeout(() => { throw new Error('thrown'); }); 1`)
	s.until("both problems", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		all := strings.Join(b.problems, "\n")
		return strings.Contains(all, "Content Security Policy") && strings.Contains(all, "thrown")
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = nil
}

func TestConsole_WorksByKeyboardAlone(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url())
	b.says("#agent", "Julia")
	b.run(chromedp.KeyEvent("/"), chromedp.KeyEvent(question), chromedp.KeyEvent("\r"))
	s.got("send-text", 1)
	b.says(".user", question)
	// Every control can be reached by Tab, has a name, and shows where the focus is.
	reached := map[string]bool{}
	for range 40 {
		b.run(chromedp.KeyEvent("\t"))
		reached[eval[string](b, `document.activeElement.id`)] = true
	}
	for _, id := range []string{"text", "send", "talk", "connect", "theme", "scroll"} {
		if !reached[id] {
			t.Errorf("#%s is not reached by Tab (%v)", id, reached)
		}
	}
	unnamed := eval[[]string](b, `[...document.querySelectorAll('button, input')].filter((e) => !(e.innerText || e.textContent || document.querySelector('label[for="' + e.id + '"]'))).map((e) => e.outerHTML)`)
	if len(unnamed) > 0 {
		t.Errorf("controls without a name: %v", unnamed)
	}
	b.run(chromedp.KeyEvent("\u001b"))
	s.got("disconnect-bot", 1)
	b.says("#state", "ended")
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Error("Esc left the socket open")
	}
}

func TestConsole_TheThemeButtonStaysPut(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url())
	b.dark(false)
	paper := `getComputedStyle(document.documentElement).backgroundColor`
	light := eval[string](b, paper)
	b.dark(true)
	dark := eval[string](b, paper)
	if light == dark {
		t.Errorf("the system's dark changes nothing: %s", dark)
	}
	b.click("#theme") // auto -> light
	if got := eval[string](b, paper); got != light {
		t.Errorf("light by the button: %s, want %s", got, light)
	}
	b.run(chromedp.Navigate(s.url()))
	b.says("#theme", "light")
	if got := eval[string](b, paper); got != light {
		t.Errorf("light after a reload: %s, want %s", got, light)
	}
}
