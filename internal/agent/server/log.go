package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

// discreet is the last gate before a log line is written. What a vendor says about a failure may repeat
// the caller's words, so of a vendor's error only the facts pass: who, what, which class, status and
// request id. A line without a component gets one.
type discreet struct {
	next      slog.Handler
	component string // "" = none is added
	has       bool   // a component was given by With
}

// logOf is the logger of another part of the server.
func (s *Server) logOf(component string) *slog.Logger {
	return slog.New(discreet{next: s.o.Log.Handler(), component: component})
}

// Enabled implements slog.Handler.
func (d discreet) Enabled(ctx context.Context, l slog.Level) bool { return d.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	has := d.has
	r.Attrs(func(a slog.Attr) bool {
		has = has || a.Key == "component"
		out.AddAttrs(facts(a)...)
		return true
	})
	if !has && d.component != "" {
		out.AddAttrs(slog.String("component", d.component))
	}
	return d.next.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	var out []slog.Attr
	for _, a := range attrs {
		d.has = d.has || a.Key == "component"
		out = append(out, facts(a)...)
	}
	d.next = d.next.WithAttrs(out)
	return d
}

// WithGroup implements slog.Handler.
func (d discreet) WithGroup(name string) slog.Handler {
	d.next = d.next.WithGroup(name)
	return d
}

// facts replaces a vendor's error by what is known about it.
func facts(a slog.Attr) []slog.Attr {
	err, ok := a.Value.Any().(error)
	var e *guard.Error
	if !ok || !errors.As(err, &e) {
		return []slog.Attr{a}
	}
	short := guard.Error{Vendor: e.Vendor, Op: e.Op, Class: e.Class, Status: e.Status}
	if e.Status == 0 && (e.Class == guard.Unreachable || e.Class == guard.Timeout) {
		short.Err = e.Err // our own transport speaks here, not the vendor
	}
	out := []slog.Attr{
		slog.String(a.Key, short.Error()), slog.String("vendor", e.Vendor), slog.String("op", e.Op), slog.String("class", string(e.Class)),
	}
	if e.Status != 0 {
		out = append(out, slog.Int("status", e.Status))
	}
	if e.RequestID != "" {
		out = append(out, slog.String("request_id", e.RequestID))
	}
	return out
}
