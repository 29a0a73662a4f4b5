package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/agent/archive"
	"github.com/voicectl/voicectl/internal/agent/mask"
	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

// held is a session with its books.
type held struct {
	id      uuid.UUID
	info    session.Info
	started time.Time
	tools   session.Tools
	journal *journal
	sess    *session.Session
	log     *slog.Logger
}

// hold runs one session on a line from its first to its last moment and keeps the books. What is needed only at
// its ends is done in functions of their own: their room on the stack is not held while people talk.
func (s *Server) hold(l session.Line, agentName string) {
	h, err := s.prepare(l, agentName)
	if err != nil {
		s.log.Error("no tools", "component", "session", "err", err)
		_ = l.Close(session.EndError)
		return
	}
	defer h.journal.close()
	s.begin(h)
	s.finish(h, s.run(h))
}

// prepare makes a session.
func (s *Server) prepare(l session.Line, agentName string) (*held, error) {
	def := s.o.Agents[agentName]
	h := &held{id: uuid.New(), info: l.Info()}
	h.log = s.logOf("session").With("session", h.id.String())
	var err error
	if h.tools, err = s.o.Engines.Tools(def.Tools, h.log); err != nil {
		return nil, err
	}
	h.started = s.o.Clock.Now()
	h.journal = s.journal(h.id, h.info, h.started)
	conf := s.o.Turn
	conf.Greeting, conf.Fillers, conf.Apologies = def.Greeting, def.Fillers, def.Apology()
	conf.Overhead = overhead(def.Prompt, h.tools.Specs())
	h.journal.config(conf)
	h.sess = session.New(session.Options{
		ID: h.id.String(), Start: h.started, Prompt: def.Prompt, Turn: conf, Line: l,
		Recognizer: s.o.Engines.Recognizer, Responder: s.o.Engines.Responder, Synthesizer: s.o.Engines.Synthesizer,
		Clip: s.o.Engines.Clip, Tools: h.tools, Keeper: s.keeper(h.id, h.started), Scheduler: s.o.Scheduler,
		VAD: media.NewDetector(media.DetectorOptions{}), Clock: s.o.Clock, Log: h.log, Journal: h.journal,
		Observe: func(m session.Measure) { s.metrics.observe(m); s.logTool(h.log, m) },
	})
	return h, nil
}

// run holds the conversation, within the time that a session may take.
func (s *Server) run(h *held) session.End {
	if s.draining.Load() { // it came through the door as it closed
		h.sess.End(session.EndDrain)
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.o.Config.SessionTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			s.metrics.limit("duration")
			h.sess.End(session.EndLimit)
		}
	})()
	return h.sess.Run(ctx)
}

// forgetEvery is how often idle connections are dropped in a server that is never without a session.
const forgetEvery = time.Minute

// forget drops the vendors' idle connections once nobody lives whose words could take the place of those that
// the buffers hold, and now and then.
func (s *Server) forget() {
	if s.o.Engines.Forget == nil {
		return
	}
	s.forgot.Lock()
	defer s.forgot.Unlock()
	if now := s.o.Clock.Now(); s.book.count() == 0 || now.Sub(s.forgot.at) >= forgetEvery {
		s.forgot.at = now
		s.o.Engines.Forget()
	}
}

// factsTokens is room for what a session pins to the prompt: three passages and a result.
const factsTokens = 700

// overhead is what goes to the model with every question beside the history, in tokens.
func overhead(prompt string, tools []session.ToolSpec) int {
	n := turn.Tokens(prompt) + factsTokens
	for _, t := range tools {
		n += turn.Tokens(t.Name) + turn.Tokens(t.Description) + turn.Tokens(string(t.Parameters))
	}
	return n
}

// logTool tells that a tool ran, never with what.
func (s *Server) logTool(log *slog.Logger, m session.Measure) {
	if m.Kind == "tool" {
		log.Info("tool done", "component", "tools", "tool", s.metrics.tool(m.Name), "ok", m.OK, "ms", m.Took.Milliseconds())
	}
}

func (s *Server) begin(h *held) {
	s.book.add(h.id, h.sess)
	s.metrics.sessionStarted()
	h.log.Info("session started", "kind", h.info.Kind, "call_sid", h.info.CallSID, "stream_sid", h.info.StreamID)
	if s.o.Archive == nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, time.Second)
	defer cancel()
	if err := s.o.Archive.BeginCall(ctx, archive.Call{ID: h.id, Kind: h.info.Kind, CallSID: h.info.CallSID, StreamSID: h.info.StreamID, Profile: s.o.Config.Profile, StartedAt: h.started}); err != nil && !errors.Is(err, archive.ErrSpooled) {
		s.log.Error("call not kept", "component", "archive", "session", h.id.String(), "err", err)
	}
}

func (s *Server) finish(h *held, why session.End) {
	s.book.remove(h.id)
	took := s.o.Clock.Now().Sub(h.started)
	s.metrics.sessionEnded(string(why), took)
	s.ended(h, why, took)
	if m, ok := h.tools.(interface{ Forget() }); ok {
		m.Forget() // what was said and found ends with the session (JUL-13)
	}
	s.forget()
	h.log.Info("session ended", "reason", string(why), "ms", s.o.Clock.Now().Sub(h.started).Milliseconds())
}

// ended keeps the end of a call.
func (s *Server) ended(h *held, why session.End, took time.Duration) {
	if s.o.Archive == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), time.Second)
	defer cancel()
	// Counted on from the start, so that a wall clock that was set meanwhile does not bend the length.
	if err := s.o.Archive.EndCall(ctx, h.id, archive.EndReason(why), h.started.Add(took)); err != nil && !errors.Is(err, archive.ErrSpooled) {
		s.log.Error("end of call not kept", "component", "archive", "session", h.id.String(), "err", err)
	}
}

// keeper writes a session's finished turns into the archive.
func (s *Server) keeper(id uuid.UUID, started time.Time) session.Keeper {
	if s.o.Archive == nil {
		return nil
	}
	return keeper{archive: s.o.Archive, id: id, started: started, silent: s.o.Config.NoContent}
}

type keeper struct {
	archive *archive.Archive
	id      uuid.UUID
	started time.Time
	silent  bool // words are not kept
}

// Keep implements session.Keeper.
func (k keeper) Keep(ctx context.Context, rec turn.Record, stages []session.Stage) error {
	t := archive.Turn{
		CallID: k.id, Seq: rec.Turn, UserText: mask.Text(rec.User), AgentText: mask.Text(rec.Agent), Cut: rec.Cut,
		StartedAt: k.started.Add(rec.Started), Latencies: map[string]time.Duration{},
	}
	if k.silent {
		t.UserText, t.AgentText = "", ""
	}
	for _, u := range rec.Tools {
		t.Tools = append(t.Tools, archive.ToolUse{Name: u.Name, OK: u.OK, MS: u.Took.Milliseconds(), Class: u.Class})
	}
	for _, st := range stages {
		t.Latencies[st.Name] = time.Duration(st.EndMS) * time.Millisecond
	}
	if err := k.archive.AddTurn(ctx, t); err != nil && !errors.Is(err, archive.ErrSpooled) {
		return err
	}
	return nil // spooled is kept: it lands later
}
