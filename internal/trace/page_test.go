package trace

import (
	"bytes"
	"strings"
	"testing"
)

// What a caller said is text on the page, never markup; a stage that was not seen is a dash, not 0.
func TestPage_EscapesWhatWasSaidAndDrawsTheStages(t *testing.T) {
	events := []Event{
		{T: 100, Side: Agent, Event: UserStopped, Turn: 1},
		{T: 300, Side: Agent, Event: Final, Turn: 1, Text: `<script>alert("x")</script>`},
		{T: 310, Side: Agent, Event: TurnAccepted, Turn: 1, Text: `<script>alert("x")</script>`},
		{T: 400, Side: Agent, Event: ToolStarted, Turn: 1, Tool: "look", Args: []byte(`{"q":"<b>"}`)},
		{T: 500, Side: Agent, Event: FirstAudioSent, Turn: 1},
	}
	var b bytes.Buffer
	if err := Page(&b, "a call", events); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, "<script>") || strings.Contains(page, "<b>") {
		t.Error("what was said became markup")
	}
	for _, want := range []string{"&lt;script&gt;", "Turn 1", "200 ms", "400 ms", "–", "Content-Security-Policy", "width:50.00%"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}
