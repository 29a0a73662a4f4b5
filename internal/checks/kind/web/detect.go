package web

import (
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/envcat"
)

// detector finds one sort of thing that has no business where it was found.
type detector struct {
	name string
	re   *regexp.Regexp
	fits func(string) bool // a second look at a match; nil = none
}

// detectors by name, in the order of how bad a hit is. Sources: the texts that Python, Node, Go, Java and the
// drivers of PostgreSQL, MySQL and SQLite write; the vendors' descriptions of their keys.
var detectors = []detector{ //nolint:gochecknoglobals // a table
	{name: "key", re: regexp.MustCompile(`\b(?:sk-(?:proj-|ant-)?[A-Za-z0-9_-]{16,}|sk_[a-z]+_[A-Za-z0-9]{16,}|sb_secret_[A-Za-z0-9_-]{12,}|sbp_[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|rnd_[A-Za-z0-9]{20,})|-----BEGIN [A-Z ]*PRIVATE KEY-----|(?i:bearer|api[-_]?key|auth[-_]?token|password|passwd)["']?\s*[=: ]\s*["']?[A-Za-z0-9+/_.~-]{20,}|[a-z]{3,12}://[^\s/@:"]+:[^\s/@"]{4,}@`)},
	{name: "jwt", re: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)},
	{name: "card", re: regexp.MustCompile(`\b(?:[0-9][ -]?){13,19}\b`), fits: luhn},
	{name: "stack", re: regexp.MustCompile(`Traceback \(most recent call last\)|File "[^"\n]{1,300}", line \d+|(?m:^\s*at [\w$.<>]+ ?\([^)\n]{1,300}:\d+(?::\d+)?\))|goroutine \d+ \[[a-z ]+\]|\b\w+\.(?:py|js|ts|go|java|rb):\d+:in |panic: runtime error`)},
	{name: "sql", re: regexp.MustCompile(`(?i)syntax error at or near|SQLSTATE\[?\w{5}|sqlite3?\.(?:Operational|Integrity)Error|psycopg2?\.\w*errors?|You have an error in your SQL syntax|ORA-\d{5}|relation "[^"]{1,100}" does not exist|unterminated quoted string|near "[^"]{0,60}": syntax error`)},
	{name: "path", re: regexp.MustCompile(`(?:/home/[a-z][\w.-]*/|/root/|/usr/(?:local/)?lib/python|/app/[\w./-]+\.(?:py|js|ts|go)\b|/var/task/|/opt/[\w./-]+\.py\b|[A-Z]:\\(?:Users|Program)\b|site-packages/)`)},
	{name: "url", re: regexp.MustCompile(`https?://(?:10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|169\.254\.\d+\.\d+|[\w.-]+\.(?:internal|svc\.cluster\.local|local))\b`)},
	{name: "mail", re: regexp.MustCompile(`\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b`)},
	{name: "phone", re: regexp.MustCompile(`(?:^|[^\w+.])\+[1-9][0-9]{9,14}\b|(?:^|[^\w.-])\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4}\b`)},
	{name: "client", re: regexp.MustCompile(`(?i)["']?(?:client|customer|user|patient|account)_?(?:id|number)["']?\s*[=:]\s*["']?(?:[0-9]{2,}|[A-Za-z]+-?[0-9]{2,})`)},
	{name: "text", re: regexp.MustCompile(`(?i)["'](?:text|transcript|utterance|content|user_?text|prompt|said|query|body)["']\s*:\s*["'][^"'\s]+\s+[^"'\s]+\s+[^"']+["']`)},
}

// detectorNames are the names that checklists may use, and canaryNames those of them that are about people.
func detectorNames() []string {
	out := make([]string, 0, len(detectors))
	for _, d := range detectors {
		out = append(out, d.name)
	}
	return out
}

func canaryNames() []string { return []string{"client", "mail", "phone", "text"} }

// known are the values of secrets that the scope knows: a hit of one is certain, whatever it looks like.
func known(scope *checks.Scope) map[string]string {
	out := map[string]string{}
	for _, n := range scope.Env.Names() {
		if v := scope.Env.Value(n); envcat.LooksSecret(n) && len(v) >= 12 {
			out[n] = v
		}
	}
	if len(scope.Token) >= 12 {
		out["VOICECTL_TOKEN"] = scope.Token
	}
	return out
}

// hits are the names of what a text holds. No part of the text is in them.
func hits(text string, names []string, secrets map[string]string) []string {
	var out []string
	for _, n := range sortedKeys(secrets) {
		if strings.Contains(text, secrets[n]) {
			out = append(out, "the value of "+n)
		}
	}
	for _, d := range detectors {
		if !slices.Contains(names, d.name) {
			continue
		}
		for _, m := range d.re.FindAllString(text, 20) {
			if d.fits == nil || d.fits(m) {
				out = append(out, described[d.name])
				break
			}
		}
	}
	return out
}

// described says what was found, for a sentence.
var described = map[string]string{ //nolint:gochecknoglobals // a table
	"key": "a key or password", "jwt": "a JSON web token", "card": "a card number", "stack": "a stack trace", "sql": "an error of the database",
	"path": "a path of the server's disk", "url": "an address of the inner network", "mail": "a mail address", "phone": "a phone number",
	"client": "the number of a client", "text": "the words of a talk",
}

// luhn tells whether digits can be the number of a payment card: 14 to 19 of them, of a network that issues
// cards, with the right check digit. Times and counters in logs begin with 1.
func luhn(digits string) bool {
	sum, n, same := 0, 0, true
	last := byte(0)
	for _, c := range slices.Backward([]byte(digits)) {
		if c < '0' || c > '9' {
			continue
		}
		same = same && (n == 0 || c == last)
		last = c
		d := int(c - '0')
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return n >= 14 && sum%10 == 0 && !same && last >= '3' && last <= '6'
}
