package server

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/agent/mask"
	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/trace"
)

// stepName is the event that holds one run of the engine as it was: args = what went in, result = what
// came out. `voicectl replay` runs the engine over them again.
const stepName trace.Name = "step"

// journal writes a session's happenings as trace events, a moment after them and on a goroutine that lives as
// long as there is something to write, so that the session does not wait for it. A journal never stops a
// call: what it cannot take in time is left out and told.
type journal struct {
	mu      sync.Mutex
	waiting []func()
	busy    bool // work is due, or at work
	lost    int
	timer   *time.Timer
	work    sync.WaitGroup

	file  io.WriteCloser
	buf   *lines
	w     *trace.Writer
	start time.Time
	veil  veil
	turn  int
	asked time.Duration
	spoke time.Duration
}

func (s *Server) journal(id uuid.UUID, info session.Info, start time.Time) *journal {
	j := &journal{start: start}
	if s.o.Archive == nil {
		return j
	}
	f, err := s.o.Archive.EventsWriter(id)
	if err != nil {
		s.log.Warn("no journal", "component", "archive", "session", id.String(), "err", err)
		return j
	}
	j.file, j.buf = f, &lines{to: f}
	j.w = trace.NewWriter(j.buf, trace.WriterOptions{Side: trace.Agent, Start: j.start, Now: s.o.Clock.Now, Hash: s.o.Config.NoContent})
	j.veil.to = j.w.Emit
	j.w.Emit(trace.Event{Event: trace.CallStarted, At: j.start, Attrs: map[string]any{"call": id.String(), "stream": info.StreamID, "line": info.Kind}})
	return j
}

// lines gathers whole lines before it writes: whoever reads the file while the call goes on never sees
// half of one. Each Write must be one line. Between a flush and the next line it holds no memory.
type lines struct {
	to  io.Writer
	buf *bytes.Buffer
}

const linesSize = 4 << 10

//nolint:gochecknoglobals // a pool is shared by nature
var lineBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Write implements io.Writer.
func (l *lines) Write(line []byte) (int, error) {
	if l.buf == nil {
		l.buf, _ = lineBuffers.Get().(*bytes.Buffer)
	}
	l.buf.Write(line)
	if l.buf.Len() < linesSize {
		return len(line), nil
	}
	return len(line), l.Flush()
}

// Flush writes what was gathered.
func (l *lines) Flush() error {
	if l.buf == nil {
		return nil
	}
	_, err := l.to.Write(l.buf.Bytes())
	l.buf.Reset()
	if l.buf.Cap() <= 8*linesSize {
		lineBuffers.Put(l.buf)
	}
	l.buf = nil
	return err
}

const (
	// journalQueue is how many happenings may wait for the disk.
	journalQueue = 512
	// journalWait is how long the first of them waits for more: an answer is many happenings in a row, and
	// writing them down may not slow it.
	journalWait = 50 * time.Millisecond
)

// later leaves a piece of writing to the journal's goroutine.
func (j *journal) later(write func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.waiting) >= journalQueue {
		j.lost++
		return
	}
	j.waiting = append(j.waiting, write)
	if j.busy {
		return
	}
	j.busy = true
	j.work.Add(1)
	if j.timer == nil {
		j.timer = time.AfterFunc(journalWait, j.write)
		return
	}
	j.timer.Reset(journalWait)
}

// write writes what waits, until nothing does.
func (j *journal) write() {
	defer j.work.Done()
	for {
		j.mu.Lock()
		batch := j.waiting
		j.waiting = nil
		j.busy = len(batch) > 0
		j.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, write := range batch {
			write()
		}
		_ = j.buf.Flush() // see close
	}
}

// close writes what is left. Nothing may be added any more.
func (j *journal) close() {
	if j.file == nil {
		return
	}
	if j.timer != nil && j.timer.Stop() {
		j.write()
	}
	j.work.Wait()
	j.veil.release()
	if j.lost > 0 {
		j.w.Emit(trace.Event{Event: trace.Warning, Text: "the journal is not whole: the disk was too slow", Attrs: map[string]any{"lost": j.lost}})
	}
	_ = j.buf.Flush() // a journal that cannot be written is a journal that is not there
	_ = j.file.Close()
}

// Config is kept so that a replay makes the same engine.
func (j *journal) config(c turn.Config) {
	if j.w == nil {
		return
	}
	if b, err := json.Marshal(c); err == nil {
		j.w.Emit(trace.Event{Event: "config", Args: b})
	}
}

var _ session.Journal = (*journal)(nil)

// Step implements session.Journal.
func (j *journal) Step(ev turn.Event, out []turn.Command) {
	if j.w == nil {
		return
	}
	j.later(func() {
		ev.Digit = key(ev.Digit) // H96
		if ev.Kind == turn.Partial || ev.Kind == turn.Final {
			j.veil.hold()
		}
		in, err := appendEvent(make([]byte, 0, 128), &ev)
		var res []byte
		if len(out) > 0 && err == nil {
			res, err = appendCommands(make([]byte, 0, 256), out)
		}
		if err == nil {
			j.emit(ev.At, trace.Event{Event: stepName, Args: in, Result: mask.Keys(res)})
		}
		j.event(ev)
		for i := range out {
			j.command(ev.At, &out[i])
			if out[i].Kind == turn.BeginTurn {
				j.veil.release() // all that was said is known
			}
		}
	})
}

// Tool implements session.Journal.
func (j *journal) Tool(at time.Duration, run session.ToolRun) {
	if j.w == nil {
		return
	}
	j.later(func() { j.tool(at, run) })
}

func (j *journal) tool(at time.Duration, run session.ToolRun) {
	j.emit(at-run.Result.Took, trace.Event{Event: trace.ToolStarted, Tool: run.Call.Name, Args: json.RawMessage(run.Call.Arguments)})
	j.emit(at, trace.Event{
		Event: trace.ToolDone, Tool: run.Call.Name, Result: json.RawMessage(run.Result.Content), MS: trace.Milliseconds(run.Result.Took),
		Attrs: map[string]any{"ok": run.Result.OK, "class": run.Result.Class},
	})
}

// Stage implements session.Journal.
func (j *journal) Stage(at time.Duration, name string) {
	if j.w == nil {
		return
	}
	j.later(func() { j.stage(at, name) })
}

func (j *journal) stage(at time.Duration, name string) {
	switch name {
	case "first_token":
		j.emit(at, trace.Event{Event: trace.ModelFirstToken, MS: trace.Milliseconds(at - j.asked)})
	case "first_sound":
		j.emit(at, trace.Event{Event: trace.SpeechFirstAudio, MS: trace.Milliseconds(max(0, at-j.spoke))})
	case "first_audio":
		j.emit(at, trace.Event{Event: trace.FirstAudioSent})
	}
}

func (j *journal) emit(at time.Duration, e trace.Event) { j.emitFor(at, j.turn, e) }

func (j *journal) emitFor(at time.Duration, turnNo int, e trace.Event) {
	e.At, e.T, e.Turn = j.start.Add(at), trace.Milliseconds(at), turnNo
	e.Text = string(mask.Keys([]byte(e.Text)))
	j.veil.emit(e)
}

func (j *journal) event(ev turn.Event) {
	e := trace.Event{Text: ev.Text}
	switch ev.Kind {
	case turn.Started:
		e.Event = trace.Ready
	case turn.VoiceStart:
		e.Event = trace.UserStarted
	case turn.VoiceStop:
		e.Event = trace.UserStopped
	case turn.Partial:
		e.Event = trace.Partial
	case turn.Final:
		e.Event = trace.Final
	case turn.ToolDone:
		if ev.Result == nil {
			return
		}
		e.Event, e.Tool, e.MS = trace.ToolDone, ev.Result.Name, trace.Milliseconds(ev.Result.Took)
		e.Result = json.RawMessage(ev.Result.Content)
		e.Attrs = map[string]any{"ok": ev.Result.OK}
		if ev.Result.Class != "" {
			e.Attrs["class"] = ev.Result.Class
		}
	case turn.HangUp:
		e.Event, e.Attrs = trace.HangUp, map[string]any{"reason": ev.Reason}
	default:
		return
	}
	if (e.Event == trace.Partial || e.Event == trace.Final) && e.Text == "" {
		return
	}
	if e.Event == trace.UserStarted || e.Event == trace.UserStopped || e.Event == trace.Partial || e.Event == trace.Final {
		j.emitFor(ev.At, j.turn+1, e) // the caller's words lead to the turn that is not yet counted
		return
	}
	j.emit(ev.At, e)
}

func (j *journal) command(at time.Duration, c *turn.Command) {
	switch c.Kind { //nolint:exhaustive // the others are no happenings of the call
	case turn.BeginTurn:
		j.turn++
		j.emit(at, trace.Event{Event: trace.TurnAccepted, Text: c.Text})
	case turn.Generate:
		j.asked = at
		j.emit(at, trace.Event{Event: trace.ModelStarted})
	case turn.Speak:
		j.spoke = at
		j.emit(at, trace.Event{Event: trace.SpeechRequested, Text: c.Text})
	case turn.RunTool:
		j.emit(at, trace.Event{Event: trace.ToolStarted, Tool: c.Call.Name, Args: json.RawMessage(c.Call.Arguments)})
	case turn.CommitTurn:
		j.emit(at, trace.Event{Event: trace.TurnDone, Text: c.Turn.Agent, MS: trace.Milliseconds(c.Turn.Finished - c.Turn.Started), Attrs: map[string]any{"reason": c.Turn.Outcome}})
	case turn.Notify:
		switch c.Note.Kind { //nolint:exhaustive // the others are shown by what causes them
		case turn.NoteBotStarted:
			j.emit(at, trace.Event{Event: trace.BotStarted})
		case turn.NoteBotStopped:
			j.emit(at, trace.Event{Event: trace.BotStopped})
		case turn.NoteInterrupted:
			j.emit(at, trace.Event{Event: trace.Interrupted})
		case turn.NoteError:
			j.emit(at, trace.Event{Event: trace.Error, Text: c.Note.Text})
		}
	}
}
