package checks

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/secret"
)

// Mask is the one choke point between what kinds saw and anything that leaves the process. It knows the
// values of the secrets of a run, in the forms in which they travel, and the shapes of well-known keys.
type Mask struct {
	salt   string
	values *strings.Replacer
}

// shortest is the length from which a value is searched for in text; shorter ones would blot out words.
const shortest = 6

// shapes are keys and personal data that are masked whoever they belong to.
var shapes = []struct { //nolint:gochecknoglobals // a table
	name string
	re   *regexp.Regexp
}{
	{"private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`)},
	{"key", regexp.MustCompile(`\b(?:sk|rk|pk)[-_](?:[a-z]+[-_])?[A-Za-z0-9_-]{16,}`)},
	{"key", regexp.MustCompile(`\b(?:sb_secret_|sbp_|hf_|ghp_|gho_|github_pat_|glpat-|xox[abprs]-|AKIA|ASIA|AIza|rnd_|cb_live_)[A-Za-z0-9_-]{12,}`)},
	{"token", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`)},
	{"token", regexp.MustCompile(`(?i)\b(?:bearer|basic|token) +[A-Za-z0-9+/=._~-]{12,}`)},
	{"password", regexp.MustCompile(`\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@`)},
	{"phone number", regexp.MustCompile(`\+[1-9][0-9]{9,14}\b`)},
	{"mail address", regexp.MustCompile(`\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+\b`)},
	{"card number", regexp.MustCompile(`\b(?:[0-9][ -]?){13,19}\b`)},
}

// NewMask knows the secrets by the name under which reports speak of them. salt makes fingerprints of one
// project comparable and of no other.
func NewMask(salt string, secrets map[string]string) *Mask {
	m := &Mask{salt: salt}
	type form struct{ text, as string }
	var forms []form
	for name, value := range secrets {
		if len(value) < shortest {
			continue
		}
		as := "[secret " + name + "]"
		for _, f := range []string{
			value, url.QueryEscape(value), url.PathEscape(value), hex.EncodeToString([]byte(value)),
			base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
		} {
			forms = append(forms, form{f, as})
		}
	}
	// The longest first, so that a value that holds another is seen whole.
	slices.SortFunc(forms, func(a, b form) int {
		if d := len(b.text) - len(a.text); d != 0 {
			return d
		}
		return strings.Compare(a.text+a.as, b.text+b.as)
	})
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f.text, f.as)
	}
	m.values = strings.NewReplacer(pairs...)
	return m
}

// Salt is what fingerprints are made with.
func (m *Mask) Salt() string {
	if m == nil {
		return ""
	}
	return m.salt
}

// Describe is all that may be said of a secret: its length and its salted fingerprint.
func (m *Mask) Describe(value string) map[string]any {
	s := secret.New(value)
	return map[string]any{"length": s.Len(), "fingerprint": s.Fingerprint(m.Salt())}
}

// String masks a text.
func (m *Mask) String(s string) string {
	if m != nil && m.values != nil {
		s = m.values.Replace(s)
	}
	for _, sh := range shapes {
		if sh.name == "password" {
			s = sh.re.ReplaceAllString(s, "${1}[password]@")
			continue
		}
		if sh.name == "card number" {
			s = sh.re.ReplaceAllStringFunc(s, maskCard)
			continue
		}
		s = sh.re.ReplaceAllString(s, "["+sh.name+"]")
	}
	return s
}

// maskCard masks a run of digits that satisfies the check digit of payment cards.
func maskCard(digits string) string {
	sum, n := 0, 0
	for _, c := range slices.Backward([]byte(digits)) {
		if c < '0' || c > '9' {
			continue
		}
		d := int(c - '0')
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	if n < 13 || sum%10 != 0 {
		return digits
	}
	return "[card number]"
}

// Value masks every text inside a JSON-like value, keys of maps included, and returns a copy.
func (m *Mask) Value(v any) any {
	switch v := v.(type) {
	case string:
		return m.String(v)
	case error:
		return m.String(v.Error())
	case []string:
		out := make([]string, len(v))
		for i, s := range v {
			out[i] = m.String(s)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = m.Value(e)
		}
		return out
	case map[string]any:
		return m.Map(v)
	case map[string]string:
		out := make(map[string]string, len(v))
		for k, s := range v {
			out[m.String(k)] = m.String(s)
		}
		return out
	case []map[string]any:
		out := make([]map[string]any, len(v))
		for i, e := range v {
			out[i] = m.Map(e)
		}
		return out
	case nil, bool, int, int64, float64, json.Number:
		return v
	}
	// Anything else is taken as its JSON, so that no type can carry a text past the mask.
	b, err := json.Marshal(v)
	if err != nil {
		return "[not JSON]"
	}
	var plain any
	if err := json.Unmarshal(b, &plain); err != nil {
		return "[not JSON]"
	}
	return m.Value(plain)
}

// Map masks a map of facts.
func (m *Mask) Map(v map[string]any) map[string]any {
	if v == nil {
		return nil
	}
	out := make(map[string]any, len(v))
	for k, e := range v {
		out[m.String(k)] = m.Value(e)
	}
	return out
}
