package trace

import (
	"embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageFile embed.FS

// Page writes the call as one HTML file without outside parts: the turns with their waterfall, and every
// event below. Text is escaped; nothing in it runs.
func Page(w io.Writer, title string, events []Event) error {
	t, err := template.New("page.html").Funcs(template.FuncMap{"ms": pageMS, "json": func(b []byte) string { return string(b) }}).ParseFS(pageFile, "page.html")
	if err != nil {
		return fmt.Errorf("trace: page: %w", err)
	}
	data := struct {
		Title  string
		Turns  []pageTurn
		Events []Event
	}{Title: title, Events: events}
	for _, turn := range Turns(events) {
		data.Turns = append(data.Turns, newPageTurn(turn))
	}
	if err := t.Execute(w, data); err != nil {
		return fmt.Errorf("trace: page: %w", err)
	}
	return nil
}

type pageTurn struct {
	Turn
	Bars []pageBar
}

// pageBar is a stage of the waterfall; Left and Width are percent of the turn's response.
type pageBar struct {
	Name        string
	Left, Width float64
	MS          float64
}

func newPageTurn(t Turn) pageTurn {
	out := pageTurn{Turn: t}
	stages := []struct {
		name string
		at   *float64
	}{{"final", t.Final}, {"accepted", t.Accepted}, {"first token", t.FirstToken}, {"first sound", t.FirstAudio}, {"sent", t.Sent}, {"heard", t.Arrived}}
	var end, last float64
	for _, s := range stages {
		if s.at != nil {
			end = max(end, *s.at)
		}
	}
	if end <= 0 {
		return out
	}
	for _, s := range stages {
		if s.at == nil || *s.at < last {
			continue
		}
		out.Bars = append(out.Bars, pageBar{Name: s.name, Left: last / end * 100, Width: (*s.at - last) / end * 100, MS: *s.at})
		last = *s.at
	}
	return out
}

func pageMS(v any) string {
	switch x := v.(type) {
	case float64:
		return fmt.Sprintf("%.0f ms", x)
	case *float64:
		if x == nil {
			return "–"
		}
		return fmt.Sprintf("%.0f ms", *x)
	}
	return ""
}
