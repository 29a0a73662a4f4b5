package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

const (
	mostLog  = 8 << 20  // bytes of the end of a log file that are read
	mostLine = 64 << 10 // bytes of a line
	mostHits = 50       // problems that are told
)

func leak() *checks.Kind {
	return &checks.Kind{
		Name: "leak.scan", Title: "Nothing leaks out of answers, errors and logs",
		Passes: "no detector finds anything, and no secret of the environment turns up",
		Why:    "Stacks and paths are the map of an attacker, keys are money, and personal data in a log outlives every promise to erase it.",
		Fix:    "answer errors with a short text and a request id, and log names and numbers of things in place of what people said",
		Source: "OWASP ASVS 5.0, V16; GDPR Art. 5", Saves: "detector and place; never the text itself", Severity: checks.Block, Timeout: 60 * time.Second,
		Params: []checks.Param{
			{Name: "stream", Type: checks.Text, Required: true, OneOf: []string{"responses", "errors", "logs"}, Doc: "what is read: good answers, provoked errors, or the files of log lines"},
			{Name: "detectors", Type: checks.List, OneOf: detectorNames(), Doc: "what is looked for (default by stream)"},
			{Name: "canaries", Type: checks.List, OneOf: canaryNames(), Doc: "data about people that is looked for beside"},
		},
		Look: func(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
			names := with.List("detectors")
			if len(names) == 0 {
				names = []string{"key", "jwt", "card", "stack", "sql", "path", "url"}
				if with.Text("stream") == "logs" {
					// A stack belongs into a log, and paths with it.
					names = []string{"key", "jwt", "card", "mail", "phone"}
				}
			}
			names = append(slices.Clone(names), with.List("canaries")...)
			switch {
			case with.Text("stream") == "logs":
				return lookLogs(ctx, scope, names)
			case scope.Target == nil:
				return checks.Skipped("needs a URL", checks.Fix{Text: "give the URL of the backend"}), nil
			}
			return lookAnswers(ctx, scope, with.Text("stream"), names)
		},
	}
}

// provoked are requests that end in an error and change nothing.
func provoked(scope *checks.Scope, routes []route) []probe.Request {
	out := []probe.Request{
		{URL: at(scope, "/voicectl-no-such-route")},
		{URL: at(scope, "/voicectl%ff%fe")},
		{URL: at(scope, "/api/calls/%27voicectl"), Header: bearer(scope.Token)},
		{URL: at(scope, "/api/calls?limit=voicectl&q=%27"), Header: bearer(scope.Token)},
		{URL: at(scope, "/health"), Method: http.MethodPost},
		{URL: at(scope, "/health"), Header: http.Header{"Authorization": {"Basic voicectl"}, "Accept": {"application/voicectl"}}},
	}
	for _, r := range routes {
		if r.method == http.MethodPost && len(out) < 20 {
			req := probe.Request{Method: r.method, URL: at(scope, r.path), Header: bearer(scope.Token), Body: []byte(`{"voicectl":`)}
			req.Header.Set("Content-Type", "application/json")
			out = append(out, req)
		}
	}
	return out
}

func lookAnswers(ctx context.Context, scope *checks.Scope, stream string, names []string) (checks.Observation, error) {
	routes, _, err := routesOf(ctx, scope, []string{"all"}, []string{"sockets", "webhooks"})
	if err != nil {
		return checks.Observation{}, err
	}
	var asks []probe.Request
	if stream == "errors" {
		asks = provoked(scope, routes)
	} else {
		for _, r := range routes {
			if r.method == http.MethodGet && len(asks) < 20 {
				asks = append(asks, probe.Request{URL: at(scope, r.path), Header: bearer(scope.Token), Follow: 3})
			}
		}
	}
	secrets := known(scope)
	saw := map[string]any{}
	var problems []checks.Problem
	read := 0
	for _, r := range asks {
		r.Most = 256 << 10
		resp, err := ask(ctx, scope, r)
		if broke(err) {
			saw[label(r)] = "cut"
			continue
		}
		if err != nil {
			return checks.Observation{}, err
		}
		saw[label(r)] = resp.Status
		if bad := resp.Status >= 400; bad != (stream == "errors") {
			continue // an error among the answers is the business of the other stream
		}
		read++
		var head bytes.Buffer
		_ = resp.Header.WriteSubset(&head, map[string]bool{"Date": true, "Location": true, "Etag": true}) // a buffer never fails
		for _, what := range hits(head.String()+"\n"+string(resp.Body), names, secrets) {
			problems = append(problems, problemf("%s answers %d with %s", label(r), resp.Status, what))
		}
	}
	switch {
	case len(problems) > 0:
		return checks.Failed(saw, "none of "+strings.Join(names, ", "), checks.Fix{}, problems...), nil
	case read == 0:
		return checks.Unclear(saw, "no "+stream+" came to be read", checks.Fix{Text: "set VOICECTL_TOKEN to a test token of the target"}), nil
	}
	saw["read"] = read
	return checks.Passed(saw), nil
}

// label is a request for a report.
func label(r probe.Request) string {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	path := r.URL
	if _, rest, ok := strings.Cut(r.URL, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			path = rest[i:]
		}
	}
	return method + " " + path
}

func lookLogs(ctx context.Context, scope *checks.Scope, names []string) (checks.Observation, error) {
	fix := checks.Fix{Text: "give a file with log lines", Commands: []string{"voicectl check --logs backend.log"}}
	saw := map[string]any{}
	var problems []checks.Problem
	lines, files, found := 0, 0, 0
	for _, source := range scope.Logs {
		if source.Kind != "file" {
			saw[source.Kind] = "is read by voicectl monitor logs"
			continue
		}
		files++
		n, err := scanFile(ctx, source.At, func(line int, text string) {
			for _, what := range hits(text, names, known(scope)) {
				if found++; len(problems) < mostHits {
					problems = append(problems, checks.Problem{Text: "holds " + what, File: filepath.Base(source.At), Line: line})
				}
			}
		})
		if err != nil {
			return checks.Observation{}, err
		}
		lines += n
		saw[filepath.Base(source.At)] = map[string]any{"lines": n}
	}
	saw["lines"], saw["hits"] = lines, found
	switch {
	case files == 0:
		return checks.Skipped("no file with log lines was given", fix), nil
	case found > 0:
		return checks.Failed(saw, "none of "+strings.Join(names, ", "), checks.Fix{}, problems...), nil
	case lines == 0:
		return checks.Unclear(saw, "there is no line to read yet", checks.Fix{Text: "let the backend work first"}), nil
	}
	return checks.Passed(saw), nil
}

// scanFile calls do for every line of the end of a file, and returns how many there were. Lines are counted from
// the beginning of what is read.
func scanFile(ctx context.Context, path string, do func(line int, text string)) (int, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names his own log
	if err != nil {
		return 0, fmt.Errorf("read log: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("read log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("read log: %s is no regular file", filepath.Base(path))
	}
	if info.Size() > mostLog {
		if _, err := f.Seek(-mostLog, io.SeekEnd); err != nil {
			return 0, fmt.Errorf("read log: %w", err)
		}
	}
	r := bufio.NewReaderSize(io.LimitReader(f, mostLog), mostLine)
	n := 0
	for {
		line, err := r.ReadSlice('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			n++
			do(n, string(line))
		}
		switch {
		case ctx.Err() != nil:
			return n, ctx.Err()
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return n, fmt.Errorf("read log: %w", err)
		}
	}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
