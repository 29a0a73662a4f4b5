package archive

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Bounds of one record. They are far above what a session produces.
const (
	maxText  = 256 << 10
	maxTools = 256
	maxMarks = 64
	maxName  = 256
)

// Call is one conversation.
type Call struct {
	ID           uuid.UUID `json:"id"`
	Kind         string    `json:"kind"` // of the line: "twilio" or "rtvi"
	CallSID      string    `json:"call_sid,omitempty"`
	StreamSID    string    `json:"stream_sid,omitempty"`
	Profile      string    `json:"profile"`
	CallerMasked string    `json:"caller,omitempty"` // never the whole number
	StartedAt    time.Time `json:"started_at"`

	// Set by reads only.
	EndedAt   time.Time `json:"ended_at,omitzero"`
	EndReason EndReason `json:"end_reason,omitempty"`
	Turns     int       `json:"turns"`
}

// EndReason says why a call ended, in the session's words ("completed", "drained", …).
type EndReason string

// Turn is one finished exchange: what the caller said and what of the answer was heard.
type Turn struct {
	CallID    uuid.UUID                `json:"call_id"`
	Seq       int                      `json:"seq"` // from 0, unique in its call
	UserText  string                   `json:"user"`
	AgentText string                   `json:"agent"` // as heard
	Cut       bool                     `json:"cut"`   // the caller spoke over the rest
	Tools     []ToolUse                `json:"tools,omitempty"`
	StartedAt time.Time                `json:"started_at"`
	Latencies map[string]time.Duration `json:"latencies_ns,omitempty"` // by stage
}

// ToolUse is one tool that ran in a turn, without arguments or result.
type ToolUse struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	MS    int64  `json:"ms"`
	Class string `json:"class,omitempty"` // of a failure
}

type ending struct {
	ID     uuid.UUID `json:"id"`
	Reason EndReason `json:"reason"`
	At     time.Time `json:"at"`
}

// record is what is queued and spooled: one field is set.
type record struct {
	Begin *Call   `json:"begin,omitempty"`
	End   *ending `json:"end,omitempty"`
	Turn  *Turn   `json:"turn,omitempty"`
	By    string  `json:"by,omitempty"` // instance that holds the call that begins
}

func (c Call) validate() error {
	switch {
	case c.ID == uuid.Nil:
		return fmt.Errorf("%w: call without id", ErrInvalid)
	case c.StartedAt.IsZero():
		return fmt.Errorf("%w: call %s without start", ErrInvalid, c.ID)
	case max(len(c.Kind), len(c.CallSID), len(c.StreamSID), len(c.Profile), len(c.CallerMasked)) > maxName:
		return fmt.Errorf("%w: call %s has a name over %d bytes", ErrInvalid, c.ID, maxName)
	}
	return nil
}

func (t Turn) validate() error {
	switch {
	case t.CallID == uuid.Nil:
		return fmt.Errorf("%w: turn without call", ErrInvalid)
	case t.Seq < 0:
		return fmt.Errorf("%w: turn %d of call %s", ErrInvalid, t.Seq, t.CallID)
	case t.StartedAt.IsZero():
		return fmt.Errorf("%w: turn %d of call %s without start", ErrInvalid, t.Seq, t.CallID)
	case max(len(t.UserText), len(t.AgentText)) > maxText:
		return fmt.Errorf("%w: turn %d of call %s is over %d bytes", ErrInvalid, t.Seq, t.CallID, maxText)
	case len(t.Tools) > maxTools || len(t.Latencies) > maxMarks:
		return fmt.Errorf("%w: turn %d of call %s has %d tools, %d latencies", ErrInvalid, t.Seq, t.CallID, len(t.Tools), len(t.Latencies))
	}
	for _, u := range t.Tools {
		if max(len(u.Name), len(u.Class)) > maxName {
			return fmt.Errorf("%w: turn %d of call %s has a tool name over %d bytes", ErrInvalid, t.Seq, t.CallID, maxName)
		}
	}
	for name := range t.Latencies {
		if len(name) > maxName {
			return fmt.Errorf("%w: turn %d of call %s has a stage name over %d bytes", ErrInvalid, t.Seq, t.CallID, maxName)
		}
	}
	return nil
}
