package planner

import (
	"strconv"
	"strings"
)

const (
	similar      = 0.7 // below it a document does not count as found
	answerLength = 45  // words quoted from passages
)

// wordPassages answers from what a search found; "" when it found nothing to the point. Documents are
// held to their similarity; what the web returns has been ranked by the web.
func wordPassages(query string, f *finding, strict bool) string {
	if f.failed && len(f.rows) == 0 {
		return ""
	}
	keys := content(query)
	var pool []string
	scored := false
	for _, r := range f.rows {
		s, ok := r.score()
		scored = scored || ok
		if strict && ok && s < similar {
			continue
		}
		text := r.get("content", "text", "passage", "snippet", "chunk", "body", "excerpt", "answer", "pagecontent", "document", "summary", "description", "value", "fact")
		if text == "" {
			continue
		}
		if strict && !ok && !covers(keys, r["title"]+" "+text) {
			continue
		}
		pool = append(pool, sentencesOf(text)...)
		if len(pool) > 60 {
			break
		}
	}
	if len(pool) == 0 && f.text != "" && !f.unknown && !f.failed && (!strict || !scored && covers(keys, f.text)) && len(f.rows) == 0 {
		pool = sentencesOf(f.text)
	}
	return fit(best(pool, keys), answerLength)
}

func (r entry) score() (float64, bool) {
	n, err := strconv.ParseFloat(r.get("similarity", "score", "relevance", "relevancescore", "cosinesimilarity", "similarityscore"), 64)
	if err != nil || n > 1 && n <= 0 {
		return 0, false
	}
	if n > 1 { // per cent
		n /= 100
	}
	return n, true
}

const commonWords = `one ones were a an the is are was were be been do does did have has had what which who whom whose when where why how and or but if of in on at to for from by with
about as into our your my their his her its we you i they he she it this that these those there here can could will would should may might must not no yes please tell me
like get got much many long any some all more most very just so than then also up out over under again current today now right know want need find us am take offer happens`

// content takes the words of a query that matter, cut to their stems.
func content(q string) []string {
	var out []string
	for _, t := range read(q) {
		if t.kind == stop || in(t.text, commonWords) || strings.ContainsAny(t.text, "@$€£%") {
			continue
		}
		out = append(out, stemOf(t.text))
	}
	return out
}

// stemOf cuts English endings, roughly: enough to match "refunds" with "refunded".
func stemOf(w string) string {
	for _, e := range []string{"ations", "ation", "ings", "ing", "ies", "ied", "ment", "ness", "ers", "ed", "es", "er", "ly", "s", "y", "e"} {
		if t, ok := strings.CutSuffix(w, e); ok && len(t) >= 4 {
			return t
		}
	}
	return w
}

// covers tells whether a text speaks of at least half of what was asked.
func covers(keys []string, text string) bool {
	if len(keys) == 0 {
		return false
	}
	return 2*overlap(keys, text) >= len(keys)
}

func overlap(keys []string, text string) int {
	low := " " + strings.ToLower(text)
	n := 0
	for _, k := range keys {
		if strings.Contains(low, " "+k) {
			n++
		}
	}
	return n
}

// best picks the sentence that says most of what was asked, and what follows it.
func best(pool, keys []string) string {
	if len(pool) == 0 {
		return ""
	}
	at, top := 0, -1
	for i, s := range pool {
		n := 2 * overlap(keys, s)
		if i+1 < len(pool) {
			n += overlap(keys, pool[i+1])
		}
		if len(strings.Fields(s)) < 4 { // a heading
			n--
		}
		if n > top {
			at, top = i, n
		}
	}
	var b strings.Builder
	words := 0
	for _, s := range pool[at:] {
		n := len(strings.Fields(s))
		if words > 0 && words+n > answerLength {
			break
		}
		if words += n; b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s)
		if !strings.ContainsAny(s[len(s)-1:], ".!?") {
			b.WriteByte('.')
		}
	}
	return b.String()
}
