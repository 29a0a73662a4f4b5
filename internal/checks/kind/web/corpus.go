package web

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

// attempt is one bad input for one route.
type attempt struct {
	class string // of the corpus
	name  string
	r     probe.Request
	// shows are texts that no answer may hold as they are, with what it means when one does.
	shows map[string]string
	// injects is a header that no answer may carry.
	injects string
	// free attempts may be answered with 2xx: the input is a text like any other.
	free bool
	// sleeps: the answer may not come later than that of a harmless request.
	sleeps bool
}

// corpora are the names of the classes of bad input.
func corpora() []string {
	return []string{"malformed", "oversize", "wrong-type", "fake-header", "audio-bad", "sqli", "xss", "traversal", "nul", "control", "empty"}
}

// attempts are the bad inputs of a class for a route. None of them is a body that a function could act on: each
// is broken, or is not what its type says; hostile texts stand in the address alone.
func attempts(scope *checks.Scope, class string, r route, limit int64) []attempt {
	with := func(name, kind string, body []byte) attempt {
		req := probe.Request{Method: r.method, URL: at(scope, r.path), Header: bearer(scope.Token), Body: body, Most: 64 << 10}
		req.Header.Set("Content-Type", kind)
		return attempt{class: class, name: name, r: req}
	}
	if r.method == http.MethodPost {
		return bodies(class, r, limit, with)
	}
	if r.takes == takesSocket {
		return nil
	}
	address := func(name, suffix string) attempt {
		return attempt{class: class, name: name, r: probe.Request{URL: at(scope, r.path) + suffix, Header: bearer(scope.Token), Most: 64 << 10}}
	}
	var out []attempt
	query := func(name, text string, shape func(*attempt)) {
		a := address(name+" in the query", "?q="+escape(text)+"&limit="+escape(text))
		a.free = true
		shape(&a)
		out = append(out, a)
		if r.templated {
			a = address(name+" in the path", "")
			a.r.URL = strings.TrimSuffix(a.r.URL, "voicectl-probe") + escape(text)
			shape(&a)
			out = append(out, a)
		}
	}
	switch class {
	case "malformed":
		query("invalid UTF-8", "\xff\xfe\xc0\xaf", func(*attempt) {})
		out = append(out, func() attempt { a := address("a broken query", "?%gg=%zz&=&&"); a.free = true; return a }())
	case "sqli":
		for _, s := range []struct{ name, text string }{
			{"a quote", "voicectl'"},
			{"a condition", "voicectl' OR '1'='1"},
			{"a comment", "voicectl'--"},
			{"a sleep of PostgreSQL", "voicectl'||(SELECT pg_sleep(3))||'"},
			{"a sleep of MySQL", "voicectl' AND SLEEP(3)-- -"},
		} {
			query(s.name, s.text, func(a *attempt) { a.sleeps, a.free = true, true })
		}
	case "xss":
		for _, s := range []struct{ name, text string }{
			{"a script", "<script>voicectl(1)</script>"},
			{"an attribute", `"><img src=x onerror=voicectl(1)>`},
		} {
			query(s.name, s.text, func(a *attempt) {
				a.shows, a.free = map[string]string{s.text: "markup comes back as it was sent"}, true
			})
		}
	case "nul":
		query("a NUL", "voicectl\x00.wav", func(*attempt) {})
	case "control":
		query("a line break", "voicectl\r\nX-Voicectl: injected", func(a *attempt) { a.injects, a.free = "X-Voicectl", true })
		query("an escape sequence", "voicectl\x1b[2J\x07", func(a *attempt) {
			a.shows, a.free = map[string]string{"\x1b[2J": "an escape sequence comes back raw"}, true
		})
	case "empty":
		query("nothing", "", func(*attempt) {})
	}
	return out
}

func escape(s string) string { return url.PathEscape(s) }

// climbs are attempts to leave the folder of the files; they belong to no route.
func climbs(scope *checks.Scope) []attempt {
	root := base(scope.Target).String()
	var out []attempt
	for _, p := range []string{
		"/..%2f..%2f..%2f..%2fetc%2fpasswd", "/files/..%2f..%2f..%2f..%2fetc%2fpasswd", "/static/../../../../etc/passwd",
		"/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/static/..%252f..%252f..%252fetc%252fpasswd", "/static/%5c..%5c..%5cwindows%5cwin.ini", "/..;/..;/etc/passwd", "//etc/passwd",
	} {
		out = append(out, attempt{
			class: "traversal", name: "GET " + p, r: probe.Request{URL: root + p, Header: bearer(scope.Token), Most: 64 << 10},
			shows: map[string]string{"root:x:0:0:": "a file of the server comes back", "[extensions]": "a file of the server comes back"},
		})
	}
	return out
}

// bodies are the bad bodies of a class.
func bodies(class string, r route, limit int64, with func(name, kind string, body []byte) attempt) []attempt {
	if r.takes == takesForm || r.takes == "" {
		return nil // any text is a form, and a webhook is the business of its signature
	}
	sound := r.takes == takesSound
	switch class {
	case "malformed":
		if sound {
			return []attempt{
				with("text in place of sound", "audio/wav", []byte("voicectl: this is no sound")),
				with("a broken multipart body", "multipart/form-data; boundary=voicectl", []byte("--voicectl\r\nContent-Disposition: form-data; name=\"fi")),
				with("a multipart body without its border", "multipart/form-data", []byte("voicectl")),
			}
		}
		return []attempt{
			with("JSON that breaks off", "application/json", []byte(`{"voicectl": `)),
			with("a text that breaks off", "application/json", []byte(`{"voicectl": "`)),
			with("invalid UTF-8", "application/json", []byte("{\"voicectl\": \"\xff\xfe\",}")),
			with("nesting without end", "application/json", bytes.Repeat([]byte("["), 20_000)),
			with("not JSON at all", "application/json", []byte("<voicectl/>")),
		}
	case "empty":
		kind := "application/json"
		if sound {
			kind = "audio/wav"
		}
		return []attempt{with("an empty body", kind, nil)}
	case "oversize":
		a := with("a body one byte over the limit", "audio/wav", nil)
		if !sound {
			a.r.Header.Set("Content-Type", "application/json")
		}
		a.r.Stream, a.r.Size = &zeros{left: limit + 1}, limit+1
		return []attempt{a}
	case "wrong-type":
		return []attempt{
			with("a PDF", "application/pdf", []byte("%PDF-1.7\n%voicectl\n")),
			with("a program", "application/octet-stream", []byte("MZ\x90\x00voicectl")),
			with("XML", "application/xml", []byte("<voicectl>")),
		}
	case "fake-header", "audio-bad":
		if !sound {
			return nil
		}
		return wavs(class, with)
	case "nul":
		if !sound {
			return []attempt{with("a NUL in the JSON", "application/json", []byte("{\"voicectl\": \"\x00\"}\x00"))}
		}
	}
	return nil
}

// wavs are recordings that lie about themselves. None holds a sound.
func wavs(class string, with func(name, kind string, body []byte) attempt) []attempt {
	head := func(size uint32, format, channels uint16, hz uint32, bits uint16, data uint32) []byte {
		b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, size)...)
		b = append(b, "WAVEfmt \x10\x00\x00\x00"...)
		b = binary.LittleEndian.AppendUint16(b, format)
		b = binary.LittleEndian.AppendUint16(b, channels)
		b = binary.LittleEndian.AppendUint32(b, hz)
		b = binary.LittleEndian.AppendUint32(b, hz*uint32(channels)*uint32(bits)/8)
		b = binary.LittleEndian.AppendUint16(b, channels*bits/8)
		b = binary.LittleEndian.AppendUint16(b, bits)
		return binary.LittleEndian.AppendUint32(append(b, "data"...), data)
	}
	if class == "fake-header" {
		return []attempt{
			with("a page behind the head of a recording", "audio/wav", append([]byte("RIFF\x24\x00\x00\x00WAVE"), "<html><script>voicectl(1)</script></html>"...)),
			with("an archive behind the head of a recording", "audio/wav", append([]byte("RIFF\x24\x00\x00\x00WAVE"), "PK\x03\x04voicectl"...)),
		}
	}
	return []attempt{
		with("a head that says four gigabytes", "audio/wav", head(0xffffffff, 1, 1, 16000, 16, 0xfffffff0)),
		with("no channel", "audio/wav", append(head(36, 1, 0, 16000, 16, 0), 0)),
		with("65535 channels", "audio/wav", head(36, 1, 65535, 16000, 16, 0)),
		with("a rate of zero", "audio/wav", head(36, 1, 1, 0, 16, 0)),
		with("a rate of four gigahertz", "audio/wav", head(36, 1, 1, 0xffffffff, 16, 0)),
		with("no bits", "audio/wav", head(36, 1, 1, 16000, 0, 0)),
		with("a head that breaks off", "audio/wav", head(36, 1, 1, 16000, 16, 0)[:20]),
		with("a head and no sound", "audio/wav", head(36, 1, 1, 16000, 16, 0)),
	}
}

// zeros is a body of that many zero bytes, and counts what was taken of it.
type zeros struct{ left, taken int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.left)
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.left -= n
	z.taken += n
	return int(n), nil
}
