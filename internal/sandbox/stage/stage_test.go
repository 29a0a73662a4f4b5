package stage

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecord_IsSeenWhileItRunsAndReportedOnceAtItsEnd(t *testing.T) {
	var done []Entry
	at := time.Unix(100, 0)
	s := New(Options{Now: func() time.Time { return at }, Done: func(e Entry) { done = append(done, e) }})
	r := s.Begin(OpenAI, "/v1/models", "GET")
	r.Set("a", 1)
	if calls, last := s.Calls(OpenAI, 0); len(calls) != 1 || last != 1 || !calls[0].Done.IsZero() {
		t.Fatalf("running: got %+v, last %d", calls, last)
	}
	at = at.Add(time.Second)
	r.Complete()
	at = at.Add(time.Second)
	r.First()
	at = at.Add(time.Second)
	r.First()
	r.End(200)
	r.End(500)
	if len(done) != 1 || done[0].Status != 200 || done[0].First.Sub(done[0].At) != time.Second || done[0].Done.Sub(done[0].First) != time.Second {
		t.Errorf("got %+v; want one entry with the first of each stamp", done)
	}
	r.Set("a", 2)
	if done[0].Detail["a"] != 1 {
		t.Error("a reported entry changed afterwards")
	}
	if calls, _ := s.Calls(Cartesia, 0); len(calls) != 0 {
		t.Errorf("another vendor sees %+v", calls)
	}
	if calls, last := s.Calls("", 1); len(calls) != 0 || last != 1 {
		t.Errorf("since 1: got %+v, %d", calls, last)
	}
}

func TestRecord_KeepsTheNewestTenThousand(t *testing.T) {
	s := New(Options{})
	for range maxEntries + 5 {
		s.Begin(OpenAI, "/"+strings.Repeat("x", 300), "GET").End(200)
	}
	calls, last := s.Calls("", 0)
	if len(calls) != maxEntries || calls[0].Seq != 6 || last != maxEntries+5 || len(calls[0].Route) != maxRoute {
		t.Errorf("got %d calls from %d to %d", len(calls), calls[0].Seq, last)
	}
}

func TestStage_IsSafeForConcurrentUse(t *testing.T) {
	s := New(Options{Done: func(e Entry) { _, _ = json.Marshal(e) }})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				r := s.Begin(Supabase, "/x", "POST")
				r.Set("k", "v")
				_, _ = s.AddFault(Fault{Vendor: Supabase, Mode: ModeStall, Count: 1})
				s.Midway(Supabase, "/x")
				s.Calls("", 0)
				s.Send(Mail{To: "a@b.example"})
				s.Outbox()
				r.End(200)
				s.ClearFaults("")
			}
			s.Reset()
		})
	}
	wg.Wait()
}

func TestFault_IsValidatedInWords(t *testing.T) {
	s := New(Options{})
	for want, f := range map[string]Fault{
		"unknown vendor":     {Vendor: "acme", Mode: ModeStatus},
		"unknown mode":       {Vendor: OpenAI, Mode: "explode"},
		"route must begin":   {Vendor: OpenAI, Mode: ModeStatus, Route: "v1"},
		"probability":        {Vendor: OpenAI, Mode: ModeStatus, Probability: 1.5},
		"count":              {Vendor: OpenAI, Mode: ModeStatus, Count: -1},
		"ms must be":         {Vendor: OpenAI, Mode: ModeStall, MS: -1},
		"latency needs ms":   {Vendor: OpenAI, Mode: ModeLatency},
		"status must be 400": {Vendor: OpenAI, Mode: ModeStatus, Status: 200},
		"code has":           {Vendor: OpenAI, Mode: ModeStatus, Code: strings.Repeat("x", 65)},
	} {
		if _, err := s.AddFault(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v; want %q", f, err, want)
		}
	}
	for range maxFaults {
		if f, err := s.AddFault(Fault{Vendor: OpenAI, Mode: ModeStatus}); err != nil || f.Status != 500 {
			t.Fatal(f, err)
		}
	}
	if _, err := s.AddFault(Fault{Vendor: OpenAI, Mode: ModeStatus}); err == nil {
		t.Error("the list of faults is not bounded")
	}
}

func TestFault_StrikesByVendorRouteCountAndProbability(t *testing.T) {
	s := New(Options{})
	add := func(f Fault) {
		t.Helper()
		if _, err := s.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	add(Fault{Vendor: OpenAI, Route: "/v1/chat", Mode: ModeStall, Count: 2})
	for _, tc := range []struct {
		vendor, route string
		want          bool
	}{{Cartesia, "/v1/chat", false}, {OpenAI, "/v1/models", false}, {OpenAI, "/v1/chat/completions", true}, {OpenAI, "/v1/chat", true}, {OpenAI, "/v1/chat", false}} {
		if _, ok := s.Midway(tc.vendor, tc.route); ok != tc.want {
			t.Errorf("Midway(%s, %s) = %v; want %v", tc.vendor, tc.route, ok, tc.want)
		}
	}
	add(Fault{Vendor: OpenAI, Mode: ModeDrip, Probability: 0.25})
	add(Fault{Vendor: Cartesia, Mode: ModeDrip})
	hits := 0
	for range 2000 {
		if _, ok := s.Midway(OpenAI, "/"); ok {
			hits++
		}
	}
	if hits < 400 || hits > 600 {
		t.Errorf("probability 0.25 struck %d of 2000", hits)
	}
	if n := s.ClearFaults(OpenAI); n != 1 || len(s.Faults()) != 1 {
		t.Errorf("cleared %d, left %+v; want Cartesia's left", n, s.Faults())
	}
}

func TestWrap_RefusesRecordsAndDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		reached := 0
		h := s.Wrap(OpenAI, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reached++; w.WriteHeader(http.StatusNoContent) }),
			func(w http.ResponseWriter, _ *http.Request, f Fault) { http.Error(w, f.Code, f.Status) })
		for _, f := range []Fault{{Vendor: OpenAI, Mode: ModeStatus, Status: 429, Code: "slow_down", Count: 1}, {Vendor: OpenAI, Mode: ModeLatency, MS: 700}} {
			if _, err := s.AddFault(f); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/v1/chat/completions", http.NoBody))
		if w.Code != 429 || !strings.Contains(w.Body.String(), "slow_down") || reached != 0 || time.Since(start) != 700*time.Millisecond {
			t.Errorf("got %d %s after %v, emulator reached %d times", w.Code, w.Body, time.Since(start), reached)
		}
		if calls, _ := s.Calls(OpenAI, 0); len(calls) != 1 || calls[0].Status != 429 || calls[0].Detail["fault"] != ModeStatus {
			t.Errorf("a refused request is recorded as %+v", calls)
		}
		w = httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/v1/chat/completions", http.NoBody))
		if w.Code != 204 || reached != 1 {
			t.Errorf("after its count the fault still strikes: %d", w.Code)
		}
	})
}

func TestPacer_TakesPublishedMediansOnlyWhenRealistic(t *testing.T) {
	for _, tc := range []struct {
		vendor       string
		first, token int
	}{{Speechmatics, 495, 0}, {OpenAI, 546, 12}, {Cartesia, 188, 0}, {Supabase, 120, 0}} {
		synctest.Test(t, func(t *testing.T) {
			took := func(fn func() error) time.Duration {
				t.Helper()
				start := time.Now()
				if err := fn(); err != nil {
					t.Fatal(err)
				}
				return time.Since(start)
			}
			fast, real := New(Options{}).Pacer(tc.vendor), New(Options{Realistic: true}).Pacer(tc.vendor)
			if d := took(func() error { return fast.First(t.Context()) }) + took(func() error { return fast.Token(t.Context()) }); d != 0 {
				t.Errorf("%s: fast pace took %v", tc.vendor, d)
			}
			var first, token time.Duration
			for range 200 {
				first += took(func() error { return real.First(t.Context()) }) / 200
				token += took(func() error { return real.Token(t.Context()) }) / 200
			}
			near := func(got time.Duration, ms int) bool {
				want := time.Duration(ms) * time.Millisecond
				return got >= want*9/10 && got <= want*11/10
			}
			if !near(first, tc.first) || !near(token, tc.token) {
				t.Errorf("%s: got first %v, token %v; want about %d and %d ms", tc.vendor, first, token, tc.first, tc.token)
			}
		})
	}
}

func TestPace_CanBeSetIsBoundedAndReset(t *testing.T) {
	s := New(Options{})
	for _, p := range []Pace{{Vendor: "acme"}, {Vendor: OpenAI, FirstMS: -1}, {Vendor: OpenAI, PerTokenMS: maxPaceMS + 1}, {Vendor: OpenAI, JitterMS: -5}} {
		if err := s.SetPace(p); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	want := Pace{Vendor: OpenAI, FirstMS: 3, PerTokenMS: 2, JitterMS: 1}
	if err := s.SetPace(want); err != nil || s.Paces()[1] != want {
		t.Errorf("got %+v, %v; want %+v", s.Paces(), err, want)
	}
	r := s.Begin(OpenAI, "/", "GET")
	s.Send(Mail{To: "a@b.example"})
	s.Reset()
	if calls, last := s.Calls("", 0); len(calls) != 0 || last != 1 || len(s.Outbox()) != 0 || s.Paces()[1] != (Pace{Vendor: OpenAI}) {
		t.Error("reset left something, or sequence numbers began again")
	}
	r.End(200) // a request that outlives the reset
}

func TestOutbox_IsBoundedAndNumbered(t *testing.T) {
	s := New(Options{})
	for range maxMails + 1 {
		s.Send(Mail{To: "a@b.example"})
	}
	if m := s.Outbox(); len(m) != maxMails || m[0].ID != "msg_000002" {
		t.Errorf("got %d mails from %s", len(m), m[0].ID)
	}
}

func TestAbort_ResetsOrEndsTheConnection(t *testing.T) {
	for reset, want := range map[bool]string{true: "reset by peer", false: "EOF"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { Abort(w, reset) }))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := srv.Client().Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reset %v: got %v; want %s", reset, err, want)
		}
		srv.Close()
	}
	defer func() {
		if recover() != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
			t.Error("a writer without a connection must panic with ErrAbortHandler")
		}
	}()
	Abort(httptest.NewRecorder(), true)
}

func TestHold_EndsWithItsTimeOrTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := (Fault{MS: 30}).Hold(t.Context()); err != nil || time.Since(start) != 30*time.Millisecond {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}
