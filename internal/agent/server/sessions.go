package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/agent/archive"
	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

// hold runs one session on a line from its first to its last moment and keeps the books.
func (s *Server) hold(l session.Line, agentName string) {
	def := s.o.Agents[agentName]
	info := l.Info()
	id := uuid.New()
	log := s.logOf("session").With("session", id.String())
	tools, err := s.o.Engines.Tools(def.Tools, log)
	if err != nil {
		log.Error("no tools", "err", err)
		_ = l.Close(session.EndError)
		return
	}
	started := s.o.Clock.Now()
	jr := s.journal(id, info, started)
	defer jr.close()
	conf := s.o.Turn
	conf.Greeting, conf.Fillers, conf.Apologies = def.Greeting, def.Fillers, def.Apology()
	jr.config(conf)
	sess := session.New(session.Options{
		ID: id.String(), Start: started, Prompt: def.Prompt, Turn: conf, Line: l,
		Recognizer: s.o.Engines.Recognizer, Responder: s.o.Engines.Responder, Synthesizer: s.o.Engines.Synthesizer,
		Tools: tools, Keeper: s.keeper(id, started), Scheduler: s.o.Scheduler,
		VAD: media.NewDetector(media.DetectorOptions{}), Clock: s.o.Clock, Log: log, Journal: jr,
		Observe: func(m session.Measure) { s.metrics.observe(m); s.logTool(log, m) },
	})
	s.begin(id, info, started, sess)
	log.Info("session started", "kind", info.Kind, "call_sid", info.CallSID, "stream_sid", info.StreamID)
	if s.draining.Load() { // it came through the door as it closed
		sess.End(session.EndDrain)
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.o.Config.SessionTime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			s.metrics.limit("duration")
			sess.End(session.EndLimit)
		}
	})
	why := sess.Run(ctx)
	stop()
	s.finish(id, why, started)
	if m, ok := tools.(interface{ Forget() }); ok {
		m.Forget() // what was said and found ends with the session (JUL-13)
	}
	log.Info("session ended", "reason", string(why), "ms", s.o.Clock.Now().Sub(started).Milliseconds())
}

// logTool tells that a tool ran, never with what.
func (s *Server) logTool(log *slog.Logger, m session.Measure) {
	if m.Kind == "tool" {
		log.Info("tool done", "component", "tools", "tool", s.metrics.tool(m.Name), "ok", m.OK, "ms", m.Took.Milliseconds())
	}
}

func (s *Server) begin(id uuid.UUID, info session.Info, started time.Time, sess *session.Session) {
	s.book.add(id, sess)
	s.metrics.sessionStarted()
	if s.o.Archive == nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, time.Second)
	defer cancel()
	if err := s.o.Archive.BeginCall(ctx, archive.Call{ID: id, Kind: info.Kind, CallSID: info.CallSID, StreamSID: info.StreamID, Profile: s.o.Config.Profile, StartedAt: started}); err != nil && !errors.Is(err, archive.ErrSpooled) {
		s.log.Error("call not kept", "component", "archive", "session", id.String(), "err", err)
	}
}

func (s *Server) finish(id uuid.UUID, why session.End, started time.Time) {
	s.book.remove(id)
	s.metrics.sessionEnded(string(why), s.o.Clock.Now().Sub(started))
	if s.o.Archive == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), time.Second)
	defer cancel()
	if err := s.o.Archive.EndCall(ctx, id, archive.EndReason(why), s.o.Clock.Now()); err != nil && !errors.Is(err, archive.ErrSpooled) {
		s.log.Error("end of call not kept", "component", "archive", "session", id.String(), "err", err)
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
		CallID: k.id, Seq: rec.Turn, UserText: rec.User, AgentText: rec.Agent, Cut: rec.Cut,
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
