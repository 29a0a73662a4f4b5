package ui

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/clock"
)

// The rhythm of progress: how often a live region is drawn, and how long a pipe stays silent.
const (
	redraw    = 120 * time.Millisecond
	heartbeat = 30 * time.Second
)

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"} //nolint:gochecknoglobals // a table, never changed

// Progress tells on Err how long work goes on. On a terminal it is one line that is redrawn in place;
// elsewhere it is one line a change, and one every 30 s when nothing changes. It owns one goroutine, which
// Stop ends and waits for.
type Progress struct {
	s     *Streams
	clock clock.Clock
	start time.Time
	done  chan struct{}
	ended chan struct{}
	once  sync.Once

	mu     sync.Mutex // guards what follows, and writing
	text   string
	frame  int
	spoken time.Time // last line in a pipe
}

// Progress begins. text says what is being done.
func (s *Streams) Progress(c clock.Clock, text string) *Progress {
	p := &Progress{s: s, clock: c, start: c.Now(), done: make(chan struct{}), ended: make(chan struct{})}
	p.Update(text)
	go p.run()
	return p
}

// Update says what is being done now.
func (p *Progress) Update(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text = Clean(text); text == p.text {
		return
	}
	p.text = text
	p.draw()
}

// Stop ends the region and writes the outcome in its place.
func (p *Progress) Stop(st State, text string) {
	p.once.Do(func() {
		close(p.done)
		<-p.ended
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.s.Live() {
			p.s.erase()
		}
		p.s.Say("%s  %s%s", p.s.StateErr(st), Clean(text), p.s.PaintErr(Faint, p.elapsed()))
	})
}

func (p *Progress) run() {
	defer close(p.ended)
	every := heartbeat
	if p.s.Live() {
		every = redraw
	}
	t := p.clock.NewTimer(every)
	defer t.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-t.C():
		}
		t.Reset(p.tick(every))
	}
}

// tick draws once and returns the time until the next.
func (p *Progress) tick(every time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.s.Live() {
		if quiet := p.clock.Now().Sub(p.spoken); quiet < every { // something was said meanwhile
			return every - quiet
		}
	}
	p.frame++
	p.draw()
	return every
}

func (p *Progress) draw() {
	p.spoken = p.clock.Now()
	if !p.s.Live() {
		p.s.Say("%s  %s%s", p.s.StateErr(Busy), p.text, p.elapsed())
		return
	}
	line := " " + p.text + p.elapsed()
	if room := p.s.Width - 3; p.s.Width > 3 && Width(line) > room { // one line, or it cannot be erased
		for Width(line) > room-1 {
			line = strings.TrimSuffix(line, string([]rune(line)[len([]rune(line))-1:]))
		}
		line += "…"
	}
	p.s.erase()
	_, _ = fmt.Fprint(p.s.Err, p.s.PaintErr(Cyan, spinner[p.frame%len(spinner)])+line)
}

// erase takes away the line that the cursor is in.
func (s *Streams) erase() { _, _ = fmt.Fprint(s.Err, "\r\x1b[K") }

func (p *Progress) elapsed() string {
	d := p.clock.Now().Sub(p.start).Round(time.Second)
	if d < time.Second {
		return ""
	}
	return "  " + d.String()
}
