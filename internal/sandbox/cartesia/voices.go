package cartesia

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const (
	defaultPage = 10
	maxPage     = 100
)

type voice struct {
	id, name, description, gender, language, country string
	owner                                            bool
}

// catalogue has more voices than one page of the default size. The first is the one that the sandbox
// gives to a client without a voice of its own.
func catalogue() []voice {
	list := []voice{
		{"", "Ada", "Warm and clear, for support", "feminine", "en", "US", false},
		{"", "Brook", "Calm, for long answers", "gender_neutral", "en", "US", false},
		{"", "Carl", "Brisk, for bookings", "masculine", "en", "GB", false},
		{"", "Dora", "Friendly, for reminders", "feminine", "en", "GB", false},
		{"", "Emil", "Deep, for narration", "masculine", "de", "DE", false},
		{"", "Fleur", "Bright, for greetings", "feminine", "fr", "FR", false},
		{"", "Gaspar", "Measured, for news", "masculine", "es", "ES", false},
		{"", "Hana", "Soft, for guidance", "feminine", "ja", "JP", false},
		{"", "Ines", "Lively, for sales", "feminine", "pt", "BR", false},
		{"", "Jonas", "Plain, for announcements", "masculine", "sv", "SE", false},
		{"", "Kim", "Even, for read-back of numbers", "gender_neutral", "en", "AU", false},
		{"", "Lena", "Cloned from a recording", "feminine", "en", "US", true},
		{"", "Milo", "Young, for games", "masculine", "en", "US", false},
	}
	for i := range list {
		list[i].id = uuid.NewSHA1(uuid.NameSpaceURL, []byte("sandbox-voice-"+list[i].name)).String()
	}
	return list
}

// DefaultVoice is the id of the first voice of the catalogue.
func DefaultVoice() string { return catalogue()[0].id }

// wire is a voice in the shape of a version.
func (v voice) wire(at version) map[string]any {
	out := map[string]any{
		"id": v.id, "name": v.name, "description": v.description, "language": v.language, "is_owner": v.owner,
		"created_at": "2025-01-01T00:00:00Z", "gender": v.gender, "country": v.country,
	}
	if at < newVoices {
		out["is_public"] = !v.owner
		return out
	}
	delete(out, "country")
	out["access"], out["visibility"] = "public", "listed"
	if v.owner {
		out["access"] = "private"
	}
	out["locales"], out["tagline"], out["accent"] = []string{v.language + "-" + v.country}, v.description, v.country
	return out
}

// voices is GET /voices: a page of the catalogue. A page behind the last voice is empty, which is how the
// vendor's own clients find the end.
func (e *Emulator) voices(w *answer, r *http.Request, v version, _ *stage.Record) *problem {
	q := r.URL.Query()
	limit := defaultPage
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxPage {
			return bad("Invalid request", "limit must be between 1 and 100")
		}
		limit = n
	}
	list := slices.DeleteFunc(catalogue(), func(x voice) bool {
		text := strings.ToLower(x.name + " " + x.description)
		return q.Get("q") != "" && !strings.Contains(text, strings.ToLower(q.Get("q"))) ||
			q.Get("gender") != "" && x.gender != q.Get("gender") ||
			q.Get("is_owner") != "" && strconv.FormatBool(x.owner) != q.Get("is_owner")
	})
	page, more, p := cut(list, limit, q.Get("starting_after"), q.Get("ending_before"))
	if p != nil {
		return p
	}
	data := make([]any, 0, len(page))
	for _, x := range page {
		data = append(data, x.wire(v))
	}
	var body any = data // the first version had no envelope
	if v > oldest {
		m := map[string]any{"data": data, "has_more": more}
		if more {
			m["next_page"] = page[len(page)-1].id
		}
		body = m
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(body))
	return nil
}

// cut takes the voices after one, or before one, or from the beginning.
func cut(list []voice, limit int, after, before string) (page []voice, more bool, p *problem) {
	index := func(id string) int { return slices.IndexFunc(list, func(v voice) bool { return v.id == id }) }
	switch {
	case after != "" && before != "":
		return nil, false, bad("Invalid request", "starting_after and ending_before exclude each other")
	case after != "":
		i := index(after)
		if i < 0 {
			return nil, false, bad("Invalid request", "starting_after is not the id of a voice")
		}
		list = list[i+1:]
	case before != "":
		i := index(before)
		if i < 0 {
			return nil, false, bad("Invalid request", "ending_before is not the id of a voice")
		}
		from := max(0, i-limit)
		return list[from:i], from > 0, nil
	}
	n := min(limit, len(list))
	return list[:n], n < len(list), nil
}

// voice is GET /voices/{id}. Any id is somebody's voice but those that unknownVoice names: who brings
// the id of a real one shall not need another to try the sandbox.
func (e *Emulator) voice(w *answer, r *http.Request, v version, _ *stage.Record) *problem {
	id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/voices/"), "/")
	if unknownVoice(id) {
		return noVoice()
	}
	list := catalogue()
	found := voice{id: id, name: "Your voice", description: "Stands in for a voice of yours", gender: "gender_neutral", language: "en", country: "US", owner: true}
	if i := slices.IndexFunc(list, func(x voice) bool { return x.id == id }); i >= 0 {
		found = list[i]
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(found.wire(v)))
	return nil
}

// unknownVoice: ids that begin with "bad" or "missing", the nil UUID, and what cannot be an id.
func unknownVoice(id string) bool {
	return id == uuid.Nil.String() || strings.HasPrefix(id, "bad") || strings.HasPrefix(id, "missing") ||
		len(id) > 64 || strings.ContainsAny(id, "/ \t\r\n")
}

func noVoice() *problem {
	return &problem{status: http.StatusNotFound, title: "Voice not found", message: "there is no such voice"}
}
