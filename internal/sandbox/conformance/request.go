package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
)

func (c Codes) has(code int) bool { return slices.Contains(c, code) }

// base is the address a step names.
func (a *act) base(name string) (string, error) {
	switch {
	case name == "":
		return strings.TrimRight(a.t.URL, "/"), nil
	case name == "management" && a.t.Management != "":
		return strings.TrimRight(a.t.Management, "/"), nil
	}
	return "", fmt.Errorf("the address %q is not known", name)
}

// request sends one and judges the answer.
func (a *act) request(ctx context.Context, q Request, e Expect) ([]Difference, error) {
	base, err := a.base(q.Base)
	if err != nil {
		return nil, err
	}
	headers, err := a.vars.headers(a.c.Key, a.doc.Headers, q.Headers)
	if err != nil {
		return nil, err
	}
	var body io.Reader = http.NoBody
	switch {
	case q.JSON != nil:
		b, jerr := json.Marshal(q.JSON)
		if jerr != nil {
			return nil, jerr
		}
		body = bytes.NewReader(b)
	case q.Text != "":
		body = strings.NewReader(q.Text)
	}
	req, err := http.NewRequestWithContext(ctx, q.Method, base+q.Path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", errors.Unwrap(err)) // the outer one repeats the URL
	}
	if body != http.NoBody {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "voicectl-conformance")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	res, err := a.http.Do(req)
	if err != nil {
		return failure(err)
	}
	defer func() { _ = res.Body.Close() }()
	if len(e.Status) == 0 {
		e.Status = e.Class.statuses()
	}
	if err := a.busy(res.StatusCode, e.Status); err != nil {
		return nil, err
	}
	return a.answer(res, e), nil
}

// answer judges status, headers and body.
func (a *act) answer(res *http.Response, e Expect) (out []Difference) {
	if !e.Status.has(res.StatusCode) {
		out = append(out, Difference{"status", e.Status.String(), fmt.Sprint(res.StatusCode)})
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // one that cannot be read is ""
	if e.Type != nil {
		out = append(out, Shape{"type": e.Type}.compare(map[string]any{"type": kind}, "")...)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		value, present := any(nil), res.Header.Get(name) != ""
		if present {
			value = res.Header.Get(name)
		}
		if ok, _ := e.Headers[name].fits(value, present); !ok {
			out = append(out, Difference{"header " + name, e.Headers[name].String(), res.Header.Get(name)})
		}
	}
	if len(e.Events) > 0 && kind == "text/event-stream" {
		return append(out, a.stream(res.Body, e)...)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return append(out, Difference{"body", "a whole body", cause(err)})
	case len(data) > maxBody:
		return append(out, Difference{"body", fmt.Sprintf("at most %d bytes", maxBody), "more"})
	}
	return append(out, a.body(data, e)...)
}

func (a *act) body(data []byte, e Expect) (out []Difference) {
	if len(e.Events) > 0 {
		out = append(out, Difference{"body", "a stream of events", string(data)})
	}
	if len(data) < e.Bytes {
		out = append(out, Difference{"body", fmt.Sprintf("at least %d bytes", e.Bytes), fmt.Sprintf("%d bytes", len(data))})
	}
	if !bytes.HasPrefix(data, []byte(e.Starts)) {
		out = append(out, Difference{"body", fmt.Sprintf("begins with %q", e.Starts), fmt.Sprintf("%q", data[:min(len(data), len(e.Starts))])})
	}
	if e.Text != nil {
		if ok, _ := e.Text.fits(string(data), true); !ok {
			out = append(out, Difference{"body", e.Text.String(), string(data)})
		}
	}
	if len(e.JSON)+len(e.Save) == 0 {
		return out
	}
	m := messageOf(data)
	if !m.json {
		return append(out, Difference{"body", "JSON", string(data)})
	}
	out = append(out, e.JSON.compare(m.value, "")...)
	return append(out, Whole{Save: e.Save}.judge([]message{m}, "", a.vars)...)
}

// stream reads server-sent events to their end and judges them.
func (a *act) stream(body io.Reader, e Expect) (out []Difference) {
	seq := &sequence{member: a.doc.Kind, events: e.Events}
	lines := bufio.NewScanner(io.LimitReader(body, maxBody))
	lines.Buffer(make([]byte, 0, 64<<10), maxMessage)
	name, data, wrong := "", "", false
	for lines.Scan() && seq.count < maxMessages {
		line := lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && data != "":
			m := messageOf([]byte(data))
			if want := (map[string]string{"kind": m.kind(a.doc.Kind), "none": "", "": name})[e.Lines]; name != want && !wrong {
				wrong = true // once is enough
				out = append(out, Difference{"name of an event", fmt.Sprintf("%q", want), fmt.Sprintf("%q", name)})
			}
			seq.take(m)
			name, data = "", ""
		case line == "":
			name = ""
		case field == "event":
			name = value
		case field == "data" && data != "":
			data += "\n" + value
		case field == "data":
			data = value
		}
	}
	saw := "the end of the stream"
	if err := lines.Err(); err != nil {
		saw = "a stream that broke: " + cause(err)
	} else if data != "" {
		saw = "half a message, and the end of the stream"
	}
	if !seq.done() || saw != "the end of the stream" && !seq.lost {
		seq.events = append(seq.events, Event{Is: "the end"})
		seq.end(saw)
	}
	out = append(out, seq.diffs...)
	if seq.lost {
		return out
	}
	return append(out, e.Whole.judge(seq.all, a.doc.Kind, a.vars)...)
}
