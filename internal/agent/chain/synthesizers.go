package chain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
)

// Synthesizers is a voice with a second one behind it, and a recorded sentence behind both. What the first does
// not say of an answer the second says, from the word at which the sound stops, so that nothing is heard
// twice. When neither speaks, Clip is heard in place of silence.
type Synthesizers struct {
	First  session.Synthesizer
	Second session.Synthesizer              // nil = none
	Clip   func(format media.Format) []byte // nil = none
	budget budget
}

var _ session.Synthesizer = (*Synthesizers)(nil)

// Open implements session.Synthesizer. The first endpoint is taken unless its circuit is open.
func (s *Synthesizers) Open(ctx context.Context, f media.Format, sink func(session.Sound)) (session.Speech, error) {
	s.budget.asked()
	t := &talk{s: s, ctx: ctx, format: f, sink: sink}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.open(s.First)
	if err == nil {
		return t, nil
	}
	if s.Second != nil && !ours(err) && s.budget.allows(err) {
		t.second, t.failed, t.note = true, err, err
		second := t.open(s.Second)
		if second == nil {
			return t, nil
		}
		s.budget.spent(err, second)
		err = second
	}
	if s.Clip == nil || ours(err) {
		return nil, err
	}
	t.dead = err
	return t, nil
}

// talk is one speech of a session over one or two speeches of endpoints. Its lock is never held while the
// session's sink runs: the session may say something while its inbox is full.
type talk struct {
	s      *Synthesizers
	ctx    context.Context //nolint:containedctx // the speech's own life: a second speech is opened in it
	format media.Format
	sink   func(session.Sound)

	mu     sync.Mutex
	gen    int
	cur    session.Speech
	all    []session.Speech // that were opened
	second bool
	failed error         // of the first, until the second has made a sound
	note   error         // why the first was not taken, not told yet
	dead   error         // nobody speaks: the clip is heard when there is something to say
	text   []string      // clauses given to cur
	base   time.Duration // of the sound before cur's
	sound  time.Duration // of cur
	words  []turn.Word   // of cur
	told   int           // of words
	ended  bool
	over   bool
	clip   chan struct{} // closed when the clip has been handed over; nil = it is not played
}

// open starts a speech at an endpoint. t.mu is held.
func (t *talk) open(at session.Synthesizer) error {
	t.gen++
	gen := t.gen
	sp, err := at.Open(t.ctx, t.format, func(snd session.Sound) { t.heard(gen, snd) })
	if err != nil {
		return err
	}
	t.cur, t.text, t.words, t.told, t.sound = sp, nil, nil, 0, 0
	t.all = append(t.all, sp)
	return nil
}

// Say implements session.Speech.
func (t *talk) Say(text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead != nil {
		t.play()
		return nil
	}
	t.text = append(t.text, text)
	return t.late(t.cur.Say(text))
}

// late forgives a word to a speech that has failed a moment ago: its failure is on the way here, and what was
// said is said again after it. t.mu is held.
func (t *talk) late(err error) error {
	if errors.Is(err, cartesia.ErrOver) && !t.over {
		return nil
	}
	return err
}

// End implements session.Speech.
func (t *talk) End() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.dead != nil || t.over {
		return nil
	}
	return t.late(t.cur.End())
}

// Cancel implements session.Speech.
func (t *talk) Cancel() {
	t.mu.Lock()
	t.over = true
	t.gen++
	all, clip := t.all, t.clip
	t.mu.Unlock()
	for _, sp := range all {
		sp.Cancel()
	}
	if clip != nil {
		<-clip
	}
}

// heard takes what a speech of an endpoint tells. Words are told when their sound is there: of words whose
// sound never comes nobody may believe that they were heard.
func (t *talk) heard(gen int, snd session.Sound) {
	t.mu.Lock()
	if gen != t.gen || t.over {
		t.mu.Unlock()
		return
	}
	if snd.Err != nil {
		out, tell := t.lost(snd)
		t.mu.Unlock()
		if tell {
			t.sink(out)
		}
		return
	}
	t.words = append(t.words, snd.Words...)
	snd.Words = nil
	if len(snd.Audio) > 0 {
		t.sound += t.format.Duration(len(snd.Audio))
		if t.failed != nil {
			t.s.budget.spent(t.failed, nil)
			t.failed = nil
		}
		snd.Switched, t.note = t.note, nil
	}
	t.over = snd.Done
	snd.Words = t.ready(snd.Done)
	t.mu.Unlock()
	if len(snd.Audio) > 0 || len(snd.Words) > 0 || snd.Done {
		t.sink(snd)
	}
}

// ready takes the words whose sound has come, on the time line of the whole speech. t.mu is held.
func (t *talk) ready(all bool) []turn.Word {
	var out []turn.Word
	for ; t.told < len(t.words) && (all || t.words[t.told].End <= t.sound); t.told++ {
		w := t.words[t.told]
		out = append(out, turn.Word{Text: w.Text, Start: t.base + w.Start, End: t.base + w.End})
	}
	return out
}

// lost lets the second say the rest, or plays the clip. t.mu is held.
func (t *talk) lost(snd session.Sound) (out session.Sound, tell bool) {
	rest := unheard(t.text, t.words, t.sound)
	if t.failed != nil {
		t.s.budget.spent(t.failed, snd.Err)
		t.failed = nil
	}
	if len(rest) == 0 && t.ended && t.sound > 0 { // all was said; only the end was not told
		t.over = true
		return session.Sound{Done: true, At: snd.At, Switched: snd.Err, Words: t.ready(true)}, true
	}
	if t.s.Second != nil && !t.second && !ours(snd.Err) && t.s.budget.allows(snd.Err) {
		t.second = true
		t.base += t.sound
		err := t.open(t.s.Second)
		if err == nil {
			for _, clause := range rest {
				if err = t.cur.Say(clause); err != nil {
					break
				}
				t.text = append(t.text, clause)
			}
			if err == nil && t.ended {
				err = t.cur.End()
			}
		}
		if err == nil {
			t.failed = snd.Err
			return session.Sound{Switched: snd.Err, At: snd.At}, true
		}
		t.s.budget.spent(snd.Err, err)
	}
	t.gen++ // nothing of an endpoint is wanted any more
	if t.s.Clip == nil || ours(snd.Err) {
		t.over = true
		return snd, true
	}
	t.dead = snd.Err
	t.play()
	return session.Sound{}, false
}

// play hands the clip over, then the failure: the answer has failed, but not in silence. The blank word says
// that no word of the answer is in that sound. t.mu is held.
func (t *talk) play() {
	if t.clip != nil || t.over {
		return
	}
	t.clip = make(chan struct{})
	go func() {
		defer close(t.clip)
		sound := t.s.Clip(t.format)
		length := t.format.Duration(len(sound))
		t.give(session.Sound{Words: []turn.Word{{Text: "…", Start: t.base + t.sound, End: t.base + t.sound + length}}})
		for piece := range slices.Chunk(sound, t.format.Bytes(clipPiece)) {
			t.give(session.Sound{Audio: piece})
		}
		t.give(session.Sound{Err: t.dead})
	}()
}

// give tells the session, unless it has cancelled.
func (t *talk) give(snd session.Sound) {
	t.mu.Lock()
	over := t.over
	t.mu.Unlock()
	if !over {
		snd.At = time.Now()
		t.sink(snd)
	}
}

// perWord is how long a spoken word takes, for voices that do not tell when they say what.
const perWord = 350 * time.Millisecond

// unheard is what of the clauses is not in the sound: the word at which it stops, and all that follow.
func unheard(clauses []string, words []turn.Word, sound time.Duration) []string {
	var fields []string
	for _, c := range clauses {
		fields = append(fields, strings.Fields(c)...)
	}
	n := int(sound / perWord)
	if len(words) > 0 {
		n = turn.Align(fields, words, sound)
	}
	var out []string
	for _, c := range clauses {
		f := strings.Fields(c)
		if skip := min(n, len(f)); skip < len(f) {
			out = append(out, strings.Join(f[skip:], " "))
		}
		n -= min(n, len(f))
	}
	return out
}
