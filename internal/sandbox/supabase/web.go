package supabase

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode"

	wire "github.com/voicectl/voicectl/internal/provider/supabase"
)

// search finds made-up pages for any query, the same ones for the same query. A few topics have results that
// a spoken answer can be built from.
func webSearch(query string, limit int) []wire.WebResult {
	query = clean(query)
	n := spread(query)
	lower := strings.ToLower(query)
	has := func(list ...string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(lower, s) })
	}
	slug := slugOf(query)
	var out []wire.WebResult
	switch {
	case has("weather", "forecast", "temperature", "rain", "sunny", "snow"):
		place := placeIn(query)
		sky := []string{"partly cloudy", "sunny", "overcast with light rain", "windy and clear"}[n%4]
		high := 12 + int(n/4%15)
		out = []wire.WebResult{
			{Title: "Weather in " + place, URL: "https://weather.example/" + slug, Snippet: fmt.Sprintf(
				"The weather in %s today is %s, with a high of %d and a low of %d degrees Celsius.", place, sky, high, high-8)},
			{Title: "Three day forecast for " + place, URL: "https://forecast.example/" + slug, Snippet: fmt.Sprintf(
				"Tomorrow will be similar in %s, with %d degrees and a %d percent chance of rain.", place, high+1, 10+n%60)},
		}
	case has("exchange rate", "dollar", "euro", "currency"):
		out = []wire.WebResult{{Title: "Exchange rates today", URL: "https://rates.example/" + slug, Snippet: fmt.Sprintf(
			"One euro buys 1.0%d US dollars today, little changed from yesterday.", 10+n%80)}}
	case has("stock", "share price", "market"):
		out = []wire.WebResult{{Title: "Markets at the close", URL: "https://markets.example/" + slug, Snippet: fmt.Sprintf(
			"Shares ended the day %d.%d percent higher after quiet trading.", n%2, 1+n%9)}}
	case has("news", "headline"):
		out = []wire.WebResult{{Title: "Headlines", URL: "https://news.example/" + slug, Snippet: "A new harbour bridge was opened this morning, and the city library extends its hours."}}
	}
	out = append(out,
		wire.WebResult{Title: "About " + query, URL: "https://encyclopedia.example/" + slug, Snippet: fmt.Sprintf(
			"An overview of %s: what it is, where it comes from, and the questions asked most often, in %d sections.", query, 3+n%6)},
		wire.WebResult{Title: "Questions and answers: " + query, URL: "https://answers.example/" + slug, Snippet: fmt.Sprintf(
			"%d people have answered questions about %s; the answers were last checked this month.", 20+n%400, query)})
	return out[:min(limit, len(out))]
}

func spread(s string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(s)))
	return h.Sum32()
}

// placeIn is what follows the last "in", "for" or "at", up to a word of time.
func placeIn(query string) string {
	fields := strings.Fields(query)
	for i := len(fields) - 2; i >= 0; i-- {
		if !slices.Contains([]string{"in", "for", "at"}, strings.ToLower(fields[i])) {
			continue
		}
		var place []string
		for _, w := range fields[i+1:] {
			w = strings.TrimRight(w, "?!.,")
			if w == "" || slices.Contains([]string{"today", "tomorrow", "now", "right", "this", "next", "tonight", "like"}, strings.ToLower(w)) {
				break
			}
			place = append(place, strings.ToUpper(w[:1])+w[1:])
		}
		if len(place) > 0 {
			return strings.Join(place, " ")
		}
	}
	return "your area"
}

// clean bounds what is repeated of a query: letters, digits and plain punctuation, on one line.
func clean(query string) string {
	query = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .,'?!-", r) {
			return r
		}
		return ' '
	}, query)
	out := []rune(strings.Join(strings.Fields(query), " "))
	return strings.TrimRight(string(out[:min(len(out), 120)]), " ?!.,")
}

func slugOf(query string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(query), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}
