// Package web holds the kinds that look at a backend through its URL: what it answers, how its door is shut,
// and what it does with input that nobody means well. No request of theirs carries a body that a function of
// the backend could act on, except where a kind says so and needs leave for it.
package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/clock"
)

// Kinds returns the family.
func Kinds() []*checks.Kind {
	return []*checks.Kind{
		expect(), health(), socket(), reach(), cert(), headers(), cors(),
		auth(), rate(), reject(), leak(), fault(), calls(),
	}
}

// patience is how often, and how long at most, a look waits for a rate limit to pass.
const (
	patience    = 4
	patienceFor = 10 * time.Second
)

// base is the target without a slash at its end, with the scheme of HTTP.
func base(target *url.URL) *url.URL {
	b := &url.URL{Scheme: target.Scheme, Host: target.Host, Path: strings.TrimRight(target.Path, "/")}
	switch b.Scheme {
	case "ws":
		b.Scheme = "http"
	case "wss":
		b.Scheme = "https"
	}
	return b
}

// at is the URL of a path of the target. The path goes out as it is written, escapes and dots included.
func at(scope *checks.Scope, path string) string {
	return base(scope.Target).String() + own(scope, path)
}

// own is the path under which the backend serves what the table calls path.
func own(scope *checks.Scope, path string) string {
	for _, name := range []string{path, strings.TrimPrefix(path, "/")} {
		if mapped := scope.Names[name]; strings.HasPrefix(mapped, "/") {
			return mapped
		}
	}
	return path
}

// ask makes one exchange with the target, and has patience with its rate limit.
func ask(ctx context.Context, scope *checks.Scope, r probe.Request) (*probe.Response, error) {
	for try := 1; ; try++ {
		resp, err := probe.Do(ctx, scope.HTTP, scope.Clock, r)
		if err != nil || resp.Status != http.StatusTooManyRequests || try == patience || r.Stream != nil {
			return resp, err
		}
		wait, ok := retryAfter(resp.Header, scope.Clock.Now())
		if !ok {
			wait = time.Second
		}
		if wait > patienceFor || !pause(ctx, scope.Clock, wait) {
			return resp, nil
		}
	}
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= 86400 {
		return time.Duration(n) * time.Second, true
	}
	if when, err := http.ParseTime(text); err == nil {
		return max(0, when.Sub(now)), true
	}
	return 0, false
}

func pause(ctx context.Context, now clock.Clock, d time.Duration) bool {
	t := now.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C():
		return true
	}
}

// bearer is a header with a token; "" gives none.
func bearer(token string) http.Header {
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return h
}

// broke tells whether the target ended an exchange without an answer: that is something seen, and no failure
// to look.
func broke(err error) bool {
	var e *probe.Error
	return errors.As(err, &e) && (e.Class == probe.ClassReset || e.Class == probe.ClassProtocol)
}

// encrypted tells whether the target is reached by TLS; private whether it is on this machine in the clear,
// where a front before it does that.
func encrypted(scope *checks.Scope) bool { return base(scope.Target).Scheme == "https" }

func loopback(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}

func problemf(format string, a ...any) checks.Problem {
	return checks.Problem{Text: fmt.Sprintf(format, a...)}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// noTLS is what a kind about TLS says of a target in plain HTTP.
func noTLS(scope *checks.Scope) checks.Observation {
	fix := checks.Fix{Text: "give the public URL", Commands: []string{"voicectl check https://agent.example.com"}}
	if loopback(scope.Target.Hostname()) {
		return checks.Skipped("the target is plain HTTP on this machine; TLS is judged at the public URL", fix)
	}
	fix.Text = "put TLS before the backend, then " + fix.Text
	return checks.Failed(map[string]any{"scheme": scope.Target.Scheme}, "TLS", fix, problemf("%s is plain HTTP", scope.Target.Host))
}
