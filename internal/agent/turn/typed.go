package turn

import (
	"strings"
	"time"
)

const (
	maxUserText = 8 << 10 // bytes of the caller's words in one turn
	maxLater    = 16      // typed texts that wait for the end of an answer
	maxKeys     = 64
	keysPause   = 2 * time.Second // after the last key, when no # ends the number
)

// typed takes words that were not spoken. They interrupt, and what was heard of the answer stands before
// them in the memory.
func (e *Engine) typed(ev Event) {
	text := clip(strings.TrimSpace(ev.Text), maxUserText)
	if text == "" {
		return
	}
	if ev.Later {
		switch {
		case !e.reply.active:
			e.memory.add(Message{Role: User, Text: text, Turn: e.turns})
		case len(e.later) < maxLater:
			e.later = append(e.later, text) // between a tool's call and its answer nothing may stand
		}
		return
	}
	if e.reply.active {
		e.cut(outcomeInterrupted)
	}
	if spoken := e.caller.text(); spoken != "" {
		text = spoken + " " + text
	}
	e.accept(text, ev.Mute)
}

// key takes one key of a phone. A # or a pause ends the number.
func (e *Engine) key(digit string) {
	if len(digit) != 1 || !strings.ContainsAny(digit, "0123456789*#ABCD") {
		return
	}
	if digit == "#" {
		e.stopTimer(timerKeys)
		e.commitKeys()
		return
	}
	if len(e.keys) < maxKeys {
		e.keys += digit
		e.setTimer(timerKeys, keysPause)
	}
}

func (e *Engine) commitKeys() {
	keys := e.keys
	e.keys = ""
	if keys != "" {
		e.typed(Event{Text: "I pressed the keys " + keys + "."})
	}
}

// clip shortens s to at most n bytes, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
