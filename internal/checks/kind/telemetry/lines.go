package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

// mostLog is how much of the end of a log is read, in bytes.
const mostLog = 16 << 20

// line is one entry of a log. An entry in plain text may span lines: those that follow it indented, or as a
// stack trace, belong to it.
type line struct {
	text   string
	json   bool
	fields map[string]string // by our names: ts level msg session request_id method path status
	at     time.Time         // zero = not readable
}

// synonyms are the names that logging libraries give to a field.
var synonyms = map[string][]string{ //nolint:gochecknoglobals // a table
	"ts":         {"ts", "time", "timestamp", "@timestamp", "asctime", "date", "datetime", "t"},
	"level":      {"level", "lvl", "levelname", "severity", "log.level", "loglevel"},
	"msg":        {"msg", "message", "event", "text", "log"},
	"session":    {"session", "session_id", "sessionid", "session.id", "call_sid", "callsid", "stream_sid", "conversation_id", "room"},
	"request_id": {"request_id", "requestid", "req_id", "reqid", "request.id", "trace_id", "traceid", "correlation_id", "x_request_id"},
	"method":     {"method", "http_method", "http.method", "request_method", "verb"},
	"path":       {"path", "route", "url", "uri", "http_path", "http.target", "request_uri", "target"},
	"status":     {"status", "status_code", "code", "http_status", "http.status_code", "response_status"},
}

// read returns the newest entries of the given sources.
func read(scope *checks.Scope, sources []checks.LogSource) ([]line, error) {
	var out []line
	for _, s := range sources {
		switch s.Kind {
		case "file":
			text, err := tail(s.At)
			if err != nil {
				return nil, err
			}
			out = append(out, parse(text, scope.Names)...)
		default:
			return nil, &sourceError{s.Kind}
		}
	}
	return out, nil
}

// sourceError is a source that is not read directly.
type sourceError struct{ kind string }

// Error implements error.
func (e *sourceError) Error() string {
	return fmt.Sprintf("a log source of the kind %q cannot be read here", e.kind)
}

// Hint says how the lines can be given.
func (e *sourceError) Hint() string { return "write the lines to a file and give it: --logs FILE" }

// tail reads the end of a file, from the first whole line.
func tail(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("read log: not a regular file")
	}
	skip := max(0, info.Size()-mostLog)
	if _, err := f.Seek(skip, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, mostLog))
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	if skip > 0 {
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	return b, nil
}

// The usual beginnings of a line of plain text.
var (
	stamp     = regexp.MustCompile(`^\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)\]?`)
	levelWord = regexp.MustCompile(`(?i)\b(trace|debug|info|notice|warn(?:ing)?|error|err|critical|fatal|panic)\b`)
	pair      = regexp.MustCompile(`\b([A-Za-z_][A-Za-z0-9_.]*)=("(?:[^"\\]|\\.)*"|\S+)`)
	access    = regexp.MustCompile(`"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (\S+)(?: HTTP/[\d.]+)?"(?: -)? (\d{3})`)
	traceback = regexp.MustCompile(`^(?:\s|Traceback |goroutine |\}|\)|Caused by:|\.\.\. )|^\w+(?:\.\w+)*(?:Error|Exception)\b`)
)

// parse splits text into entries. names map our names to the backend's own.
func parse(text []byte, names map[string]string) []line {
	var out []line
	for raw := range strings.SplitSeq(string(text), "\n") {
		raw = strings.TrimRight(raw, "\r")
		if strings.TrimSpace(raw) == "" {
			continue
		}
		if len(out) > 0 && !out[len(out)-1].json && traceback.MatchString(raw) {
			out[len(out)-1].text += "\n" + raw
			continue
		}
		out = append(out, parseLine(raw, names))
	}
	return out
}

func parseLine(raw string, names map[string]string) line {
	l := line{text: raw, fields: map[string]string{}}
	own := map[string]string{}
	if strings.HasPrefix(raw, "{") {
		var m map[string]any
		dec := json.NewDecoder(strings.NewReader(raw))
		dec.UseNumber()
		if dec.Decode(&m) == nil {
			l.json = true
			flatten("", m, own)
		}
	}
	if !l.json {
		l.plain(raw, own)
	}
	for ours, theirs := range synonyms {
		if n := names["log."+ours]; n != "" {
			theirs = []string{strings.ToLower(n)}
		}
		for _, name := range theirs {
			if v := own[name]; v != "" && l.fields[ours] == "" {
				l.fields[ours] = v
			}
		}
	}
	l.at = moment(l.fields["ts"])
	return l
}

// plain reads a stamp, a level and key=value pairs out of a line of text.
func (l *line) plain(raw string, own map[string]string) {
	for _, m := range pair.FindAllStringSubmatch(raw, 40) {
		own[strings.ToLower(m[1])] = strings.Trim(m[2], `"`)
	}
	rest := raw
	if m := stamp.FindStringSubmatch(raw); m != nil {
		own["ts"] = m[1]
		rest = raw[len(m[0]):]
	}
	head := rest
	if len(head) > 80 {
		head = head[:80]
	}
	if m := levelWord.FindStringIndex(head); m != nil && own["level"] == "" {
		own["level"] = head[m[0]:m[1]]
		if own["msg"] == "" {
			own["msg"] = strings.Trim(rest[m[1]:], " \t|:]-")
		}
	}
	if m := access.FindStringSubmatch(raw); m != nil {
		own["method"], own["path"], own["status"] = m[1], m[2], m[3]
	}
}

// flatten names nested values by their path; names are compared in lower case.
func flatten(prefix string, m map[string]any, out map[string]string) {
	for k, v := range m {
		name := prefix + strings.ToLower(k)
		switch v := v.(type) {
		case map[string]any:
			if strings.Count(name, ".") < 4 {
				flatten(name+".", v, out)
				if prefix == "" { // loguru puts everything under "record"
					flatten("", v, out)
				}
			}
		case string:
			out[name] = v
		case nil:
		default:
			out[name] = fmt.Sprint(v)
		}
	}
}

func moment(s string) time.Time {
	s = strings.Replace(s, ",", ".", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006/01/02 15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	var seconds float64
	if _, err := fmt.Sscanf(s, "%f", &seconds); err == nil && seconds > 1e9 {
		if seconds > 1e12 {
			seconds /= 1000
		}
		return time.UnixMicro(int64(seconds * 1e6)).UTC()
	}
	return time.Time{}
}

// severity orders levels; 0 = none that is known.
func severity(level string) int {
	switch strings.ToLower(level) {
	case "trace", "debug", "10", "5":
		return 1
	case "info", "notice", "20", "success":
		return 2
	case "warn", "warning", "30":
		return 3
	case "error", "err", "40":
		return 4
	case "critical", "fatal", "panic", "50", "emergency", "alert":
		return 5
	}
	return 0
}
