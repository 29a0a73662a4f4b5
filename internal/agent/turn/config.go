package turn

import "time"

// Config holds the engine's gates. The zero value of a field means its default.
type Config struct {
	Greeting string // said first; "" waits for the caller

	// End of turn, counted from the moment the voice detector reports silence.
	EndComplete time.Duration // the words end a sentence: 150 ms
	EndOpen     time.Duration // they do not: 400 ms
	EndDangling time.Duration // they ask for more ("my number is", digits): 900 ms
	FinalWait   time.Duration // for a final that is still owed: 1.2 s
	Watchdog    time.Duration // voice that does not end, though no words come any more: 5 s

	// Barge-in.
	BargeInOff      bool          // what is said over an answer is answered after it
	BargeInVoice    time.Duration // of voice over the agent: 200 ms (PHO-10)
	BargeInMinWords int           // > 0: voice alone does not count, so many words in one transcript do; fewer are dropped

	FillerAfter time.Duration // a tool still runs and nothing was said: 400 ms (JUL-18)
	Fillers     []string

	MaxWords    int // spoken in one answer: 60 (JUL-17)
	MaxRounds   int // of tools in one answer: 8
	MaxMessages int // kept before the oldest half is condensed: 30 (JUL-12); at least 4
	Window      int // of the model, in tokens; the history may take 75% of it (JUL-12). 0 = not limited
	Overhead    int // tokens of what is sent beside the history: prompt, tools, facts

	Apologies map[string]string // by failure class; "" is the general one
}

func (c Config) withDefaults() Config {
	d := func(v *time.Duration, def time.Duration) {
		if *v <= 0 {
			*v = def
		}
	}
	d(&c.EndComplete, 150*time.Millisecond)
	d(&c.EndOpen, 400*time.Millisecond)
	d(&c.EndDangling, 900*time.Millisecond)
	d(&c.FinalWait, 1200*time.Millisecond)
	d(&c.Watchdog, 5*time.Second)
	d(&c.BargeInVoice, 200*time.Millisecond)
	d(&c.FillerAfter, 400*time.Millisecond)
	n := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	n(&c.MaxWords, 60)
	n(&c.MaxRounds, 8)
	n(&c.MaxMessages, 30)
	c.MaxMessages = max(c.MaxMessages, 4)
	if len(c.Fillers) == 0 {
		c.Fillers = []string{"One moment, let me check.", "Let me look that up.", "Just a second."}
	}
	if c.Apologies == nil {
		c.Apologies = map[string]string{}
	}
	if c.Apologies[""] == "" {
		c.Apologies[""] = "Sorry, I could not work out an answer just now. Please ask me again in a moment."
	}
	return c
}

// The engine's timers.
const (
	timerEndTurn TimerID = "end_of_turn"
	timerBargeIn TimerID = "barge_in"
	timerFiller  TimerID = "filler"
	timerKeys    TimerID = "keys"
	timerDrain   TimerID = "drain"
)
