package web

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/provider/twilio"
)

func expect() *checks.Kind {
	return &checks.Kind{ //nolint:gosec // Passes is no password
		Name: "http.expect", Title: "A URL answers as expected",
		Passes: "status, headers, shape and time of the answer are as asked for",
		Why:    "What clients rely on breaks in silence when nobody asks for it.",
		Fix:    "compare what was seen with what the clients need", Source: "RFC 9110",
		Saves: "status, time, headers that were asked for, sha256 and the masked head of the body", Severity: checks.Block,
		Timeout: 20 * time.Second,
		Params: []checks.Param{
			{Name: "path", Type: checks.List, Default: []string{"/"}, Doc: "paths below the target"},
			{Name: "base", Type: checks.Text, Doc: "a variable that holds the URL, in place of the target"},
			{Name: "method", Type: checks.Text, Default: "GET", OneOf: []string{"GET", "HEAD", "POST", "OPTIONS"}, Doc: "POST goes out as a signed webhook of the phone network"},
			{Name: "headers", Type: checks.Map, Doc: "headers to send"},
			{Name: "status", Type: checks.List, Doc: "statuses that are good (default: any 2xx)"},
			{Name: "json", Type: checks.Any, Doc: `"shape": a JSON object; a map: keys with text, int, number, bool or any`},
			{Name: "header", Type: checks.Map, Doc: "headers of the answer, each with a text that it must hold"},
			{Name: "absent", Type: checks.List, Doc: "texts that the body may not hold"},
			{Name: "max_ms", Type: checks.Number, Doc: "milliseconds, the better of two tries"},
			{Name: "expect", Type: checks.Text, OneOf: []string{"TwiML", "TwiML Dial", "TwiML Stream"}, Doc: "a document for the phone network, and the verb in it"},
			{Name: "scheme", Type: checks.Text, OneOf: []string{"http", "https"}, Doc: "http: what the host says without TLS, where status is that of a redirect to https"},
			{Name: "refused", Type: checks.Switch, Default: false, Doc: "with scheme http: that nothing listens there is good too"},
			{Name: "port", Type: checks.Whole, Doc: "with scheme http: the port without TLS (default: names http-port, else 80 for 443, else the same)"},
			{Name: "optional", Type: checks.Switch, Default: false, Doc: "404 means that the check does not apply"},
		},
		Look: lookExpect,
	}
}

func lookExpect(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	root := ""
	switch name := with.Text("base"); {
	case name != "":
		root = strings.TrimRight(scope.Env.Value(name), "/")
		if !isURL(root) {
			return checks.Skipped(name+" holds no URL", checks.Fix{Text: "set " + name}), nil
		}
	case scope.Target == nil && with.Switch("optional"):
		return checks.DoesNotApply("no URL was given, and the answer is optional"), nil
	case scope.Target == nil:
		return checks.Skipped("needs a URL", checks.Fix{Text: "give the URL of the backend"}), nil
	case with.Text("scheme") == "http":
		return lookPlain(ctx, scope, with)
	case with.Text("scheme") == "https" && !encrypted(scope):
		return noTLS(scope), nil
	}
	saw := map[string]any{}
	var problems []checks.Problem
	absent := 0
	for _, path := range with.List("path") {
		r := probe.Request{Method: with.Text("method"), Header: http.Header{}, URL: root + path, Follow: 3}
		if root == "" {
			r.URL, r.Header = at(scope, path), bearer(scope.Token)
		}
		if len(with.List("status")) > 0 {
			r.Follow = 0
		}
		if r.Method == http.MethodPost {
			r = call(scope, path, newCall())
		}
		for k, v := range with.Map("headers") {
			r.Header.Set(k, fmt.Sprint(v))
		}
		resp, err := ask(ctx, scope, r)
		if err != nil {
			return checks.Observation{}, err
		}
		if limit := with.Number("max_ms"); limit > 0 && millis(resp.Total) > limit {
			if again, err := ask(ctx, scope, r); err == nil && again.Total < resp.Total {
				resp = again // the first look pays for names, TCP and TLS
			}
		}
		saw[path] = resp.Facts()
		if with.Switch("optional") && (resp.Status == http.StatusNotFound || resp.Status == http.StatusMethodNotAllowed) {
			absent++
			continue
		}
		for _, text := range judgeAnswer(resp, with) {
			problems = append(problems, problemf("%s: %s", path, text))
		}
	}
	switch {
	case len(problems) > 0:
		return checks.Failed(saw, wantedOf(with), checks.Fix{}, problems...), nil
	case absent == len(with.List("path")):
		return checks.DoesNotApply("the backend does not serve " + strings.Join(with.List("path"), ", ")), nil
	}
	return checks.Passed(saw), nil
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// wantedOf is what was asked for, in words.
func wantedOf(with checks.Values) string {
	status := "any 2xx"
	if s := with.List("status"); len(s) > 0 {
		status = strings.Join(s, " or ")
	}
	words := []string{"status " + status}
	if ms := with.Number("max_ms"); ms > 0 {
		words = append(words, fmt.Sprintf("within %v ms", ms))
	}
	if e := with.Text("expect"); e != "" {
		words = append(words, e)
	}
	if with.Has("json") {
		words = append(words, "JSON")
	}
	return strings.Join(words, ", ")
}

func judgeAnswer(resp *probe.Response, with checks.Values) []string {
	var out []string
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	good := resp.Status/100 == 2
	if s := with.List("status"); len(s) > 0 {
		good = slices.Contains(s, strconv.Itoa(resp.Status))
	}
	if !good {
		add("answers %d", resp.Status)
	}
	if limit := with.Number("max_ms"); limit > 0 && millis(resp.Total) > limit {
		add("took %.0f ms, more than %v", millis(resp.Total), limit)
	}
	headers := with.Map("header")
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if got := resp.Header.Get(name); !strings.Contains(strings.ToLower(got), strings.ToLower(fmt.Sprint(headers[name]))) {
			add("the header %s is %q", name, got)
		}
	}
	for _, text := range with.List("absent") {
		if strings.Contains(string(resp.Body), text) {
			add("the body holds %q", text)
		}
	}
	if with.Has("json") && good {
		out = append(out, judgeJSON(resp, with["json"])...)
	}
	if words := strings.Fields(with.Text("expect")); len(words) > 0 && good {
		verbs, err := twilio.ParseTwiML(resp.Body, twilio.TwiMLOptions{LoopbackStreams: true})
		switch {
		case err != nil:
			add("%v", err)
		case len(words) == 2 && !hasVerb(verbs, words[1]):
			add("the document holds no <%s>", words[1])
		}
	}
	return out
}

func hasVerb(verbs []twilio.Verb, name string) bool {
	return slices.ContainsFunc(verbs, func(v twilio.Verb) bool { return v.Name == name || hasVerb(v.Verbs, name) })
}

func judgeJSON(resp *probe.Response, shape any) []string {
	var got map[string]any
	if err := resp.JSON(&got); err != nil {
		return []string{"the answer is no JSON object"}
	}
	keys, _ := shape.(map[string]any)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if why := (field{name: k, typ: fmt.Sprint(keys[k])}).judge(got); why != "" {
			out = append(out, why)
		}
	}
	return out
}

// lookPlain asks the host of the target without TLS.
func lookPlain(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	if !encrypted(scope) {
		return noTLS(scope), nil
	}
	host, port := scope.Target.Hostname(), scope.Target.Port()
	switch {
	case with.Whole("port") > 0:
		port = strconv.Itoa(with.Whole("port"))
	case scope.Names["http-port"] != "":
		port = scope.Names["http-port"]
	case port == "", port == "443":
		port = "80"
	}
	address := "http://" + net.JoinHostPort(host, port)
	wanted := "a redirect to https (" + strings.Join(with.List("status"), ", ") + ")"
	if with.Switch("refused") {
		wanted += ", or nothing that listens"
	}
	fix := checks.Fix{Text: "let the front redirect every plain request to https, or close the port"}
	saw := map[string]any{"address": address}
	resp, err := ask(ctx, scope, probe.Request{URL: address + base(scope.Target).Path + own(scope, "/health")})
	switch {
	case err != nil && ctx.Err() != nil:
		return checks.Observation{}, err
	case err != nil:
		// Refused, filtered or cut: nothing speaks plain HTTP there.
		saw["answer"] = err.Error()
		if with.Switch("refused") {
			return checks.Passed(saw), nil
		}
		return checks.DoesNotApply("nothing answers in plain HTTP at " + address + ", so there is nothing to redirect"), nil
	}
	saw["status"], saw["location"] = resp.Status, resp.Header.Get("Location")
	location, err := resp.URL.Parse(resp.Header.Get("Location"))
	switch {
	case resp.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(string(resp.Body)), "https"):
		// A TLS port that says so in plain words: nothing of the backend is reached.
		return checks.Passed(saw), nil
	case err == nil && location.Scheme == "https" && slices.Contains(with.List("status"), strconv.Itoa(resp.Status)):
		return checks.Passed(saw), nil
	case err == nil && location.Scheme == "https" && resp.Status/100 == 3:
		return checks.Failed(saw, wanted, fix, problemf("%s redirects with %d", address, resp.Status)), nil
	}
	return checks.Failed(saw, wanted, fix, problemf("%s answers %d without TLS", address, resp.Status)), nil
}

// field is a demand on a key of a JSON object: "name", "name:int", "name:int>=0".
type field struct {
	name, typ string
	least     *float64
}

func parseField(s string) (field, error) {
	name, typ, _ := strings.Cut(s, ":")
	f := field{name: name, typ: typ}
	if t, bound, has := strings.Cut(typ, ">="); has {
		n, err := strconv.ParseFloat(bound, 64)
		if err != nil {
			return f, fmt.Errorf("the field %q: %q is no number", s, bound)
		}
		f.typ, f.least = t, &n
	}
	if f.name == "" || !slices.Contains([]string{"", "any", "text", "int", "number", "bool"}, f.typ) {
		return f, fmt.Errorf(`the field %q is not of the form "name", "name:int" or "name:int>=0"`, s)
	}
	return f, nil
}

// judge says what is wrong with the field in got, "" when nothing is.
func (f field) judge(got map[string]any) string {
	v, has := got[f.name]
	if !has {
		return fmt.Sprintf("%s is missing", f.name)
	}
	ok := true
	switch f.typ {
	case "text":
		_, ok = v.(string)
	case "bool":
		_, ok = v.(bool)
	case "int", "number":
		var n json.Number
		if n, ok = v.(json.Number); ok {
			x, err := n.Float64()
			ok = err == nil && (f.typ == "number" || x == float64(int64(x)))
			if ok && f.least != nil && x < *f.least {
				return fmt.Sprintf("%s is %v, less than %v", f.name, x, *f.least)
			}
		}
	}
	if !ok {
		return fmt.Sprintf("%s is %.40q and no %s", f.name, fmt.Sprint(v), f.typ)
	}
	return ""
}
