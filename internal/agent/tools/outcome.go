package tools

import (
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/supabase"
)

// The classes of an Outcome beside those of guard.
const (
	ClassUnknown    = "unknown_function"
	ClassArguments  = "invalid_arguments"
	ClassLimit      = "limit"               // too many tools in this turn
	ClassNoClient   = "needs_client"        // no client was named in this call
	ClassNotSaid    = "recipient_not_said"  // the caller did not say that address
	ClassNotAllowed = "recipient_forbidden" // mail may not go to that domain
	ClassEmpty      = "empty"               // nothing to send
	ClassDocuments  = "documents_first"     // the documents answer it; the web was not asked
	ClassClients    = "too_many_clients"    // in this call
	ClassMails      = "too_many_mails"      // in this call
	ClassInternal   = "internal"
	classCancelled  = string(guard.Cancelled)
)

// Outcome is what came of a run.
type Outcome struct {
	Content   string        // JSON for the model, at most Policy.Content bytes
	Arguments string        // JSON: as they were used, with what the session filled in; "" when refused
	OK        bool          // the tool did what it was asked
	Class     string        // of a failure
	Cached    bool          // an earlier run of this turn gave it
	Took      time.Duration // with everything in Before
	Before    []Ran         // what was run by itself before it, in order
	Chart     *Chart        // to show to the caller
	Mail      *Mailed       // a mail that was accepted

	documents []supabase.Document
	summary   string // of what was found for a client
	failure   error  // of the vendor, for Err
	unsent    bool   // no mail can have gone out
}

// Err is the vendor's failure with its request id, for logs; never for the model or the caller. nil when no
// vendor failed.
func (o Outcome) Err() error { return o.failure }

// Ran is a tool that ran without being asked for by the model.
type Ran struct {
	Name      string
	Arguments string
	Outcome   Outcome
}

// Chart goes to the caller's client as a message.
type Chart struct {
	Type     string            `json:"type"` // "chart"
	ClientID string            `json:"client_id"`
	Labels   []string          `json:"labels"`
	Series   []supabase.Series `json:"series"`
}

// Mailed is a mail that the mail service accepted.
type Mailed struct{ To, ClientID, MessageID string }

// refuse makes an Outcome without a call. message is in words that may be spoken, hint is for the model.
func refuse(class, message, hint string) Outcome {
	return Outcome{Class: class, Content: problem(class, message, hint), unsent: true}
}

func problem(class, message, hint string) string {
	e := map[string]any{"class": class, "message": message}
	if hint != "" {
		e["hint"] = hint
	}
	return encode(map[string]any{"error": e})
}

// failed says in plain words that a service did not do its part. Nothing of the vendor's text is in it.
func failed(noun string, err error) Outcome {
	class := guard.ClassOf(err)
	subject := strings.ToUpper(noun[:1]) + noun[1:]
	var message string
	hint := "Apologise briefly and go on; do not call the tool again in this turn unless the caller asks."
	be := " is "
	if strings.HasSuffix(noun, "s") {
		be = " are "
	}
	switch class {
	case guard.Timeout, guard.Unreachable, guard.VendorFault, guard.Protocol, guard.Empty, guard.CircuitOpen:
		message = subject + be + "not answering right now. Please try again in a moment."
	case guard.RateLimited:
		message = subject + be + "very busy right now. Please try again in a minute."
	case guard.Unauthorized, guard.Quota, guard.NotFound, guard.BadRequest:
		message = subject + be + "not available at the moment. Please try again later, or ask for something else."
		hint = "Apologise briefly. Trying again at once will not help."
	case guard.Cancelled:
		message, hint = "That was stopped before it was done.", ""
	default:
		message = subject + be + "not available at the moment."
	}
	return Outcome{Class: string(class), Content: problem(string(class), message, hint), failure: err}
}
