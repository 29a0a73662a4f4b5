package supabase

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"

	wire "github.com/voicectl/voicectl/internal/provider/supabase"
)

// corpus scores passages against a question, in place of the embeddings that a real project stores. Two kinds of
// evidence count: topics (word groups that name what a passage is about, in the words callers use), each
// strong enough to pass the floor of 0.7 alone; and single words shared with the passage, weighed by how
// rare they are and never strong enough alone. So a question about the weather shares words at most.
type corpus struct {
	docs []document
	rows []indexed
	idf  map[string]float64 // 0..1
}

type indexed struct {
	topics []topic
	words  map[string]bool
}

const (
	topicWeight  = 0.76 // of one topic that is met
	wordWeight   = 0.18 // of one shared word of the rarest kind
	wordsAtMost  = 0.45 // of all shared words together
	worthShow    = 0.15
	bestPossible = 0.97
)

func newCorpus(docs []document) *corpus {
	c := &corpus{docs: docs, idf: map[string]float64{}}
	seen := map[string]int{}
	for _, d := range docs {
		x := indexed{words: map[string]bool{}}
		for _, w := range words(d.Title + " " + d.Content) {
			if !x.words[w] {
				seen[w]++
			}
			x.words[w] = true
		}
		for _, t := range d.Topics {
			x.topics = append(x.topics, newTopic(t))
		}
		c.rows = append(c.rows, x)
	}
	for w, n := range seen {
		c.idf[w] = math.Log(float64(len(docs))/float64(n)) / math.Log(float64(len(docs)))
	}
	return c
}

// search returns the passages worth showing, best first.
func (c *corpus) search(query string, limit int) []wire.Document {
	all, content := stems(query), words(query)
	out := []wire.Document{}
	for i, d := range c.docs {
		if s := c.score(c.rows[i], all, content); s >= worthShow {
			out = append(out, wire.Document{ID: wire.Text(d.ID), Title: d.Title, Content: d.Content, Similarity: s})
		}
	}
	slices.SortStableFunc(out, func(a, b wire.Document) int { return cmp.Compare(b.Similarity, a.Similarity) })
	return out[:min(limit, len(out))]
}

func (c *corpus) score(x indexed, all, content []string) float64 {
	miss := 1.0
	for _, t := range x.topics {
		if t.met(all) {
			miss *= 1 - topicWeight
		}
	}
	shared := 1.0
	for i, w := range content {
		if x.words[w] && !slices.Contains(content[:i], w) {
			shared *= 1 - wordWeight*c.idf[w]
		}
	}
	s := 1 - miss*max(shared, 1-wordsAtMost)
	return math.Round(min(s, bestPossible)*1e4) / 1e4
}

// topic is a group of stems that must stand close together, in any order; exact ones side by side, in order.
type topic struct {
	stems []string
	exact bool
}

// reach is how many other words may stand among those of a topic.
const reach = 3

func newTopic(text string) topic {
	text, exact := strings.CutPrefix(text, "=")
	return topic{stems: stems(text), exact: exact}
}

func (t topic) met(query []string) bool {
	n := len(t.stems)
	for i := range query {
		if t.exact {
			if i+n <= len(query) && slices.Equal(query[i:i+n], t.stems) {
				return true
			}
			continue
		}
		window := query[i:min(i+n+reach, len(query))]
		if !slices.ContainsFunc(t.stems, func(s string) bool { return !slices.Contains(window, s) }) {
			return true
		}
	}
	return false
}

// words are the stems that carry meaning.
func words(text string) []string {
	return slices.DeleteFunc(stems(text), func(s string) bool { return strings.Contains(stop, " "+s+" ") || len(s) < 2 })
}

// stop holds stems, because it is compared with stems.
const stop = " a an the and or but if of to in on at by for from with about into over is are was were be been am do doe did ha have had " +
	"i me my we our us you your they their he she it thi that these those what which who when where why how can could would should " +
	"will may might must not no any some all each every there here as so than then also just pleas tell know need want get like " +
	"day money time new one two more up out "

func stems(text string) []string {
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range fields {
		fields[i] = stem(w)
	}
	return fields
}

// stem cuts English endings far enough that refund, refunds and refunded, or ship and shipping, meet. It need
// not be right, only the same for both sides.
func stem(w string) string {
	if len(w) < 4 {
		return w
	}
	for _, end := range []string{"ing", "ed", "able", "es", "s"} {
		base, ok := strings.CutSuffix(w, end)
		if !ok || len(base) < 3 {
			continue
		}
		if end == "s" && strings.HasSuffix(base, "s") {
			break
		}
		if n := len(base); base[n-1] == base[n-2] && (end == "ing" || end == "ed") && !strings.ContainsRune("lsz", rune(base[n-1])) {
			base = base[:n-1]
		}
		w = base
		break
	}
	if len(w) > 3 {
		w = strings.TrimSuffix(w, "e")
	}
	if base, ok := strings.CutSuffix(w, "y"); ok && len(base) > 2 {
		w = base + "i"
	}
	return w
}
