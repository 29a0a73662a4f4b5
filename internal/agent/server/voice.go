package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/provider/twilio"
)

// busySentence is what a caller hears when there is no place, and holdSentence when the process leaves.
const (
	busySentence = "Sorry, all lines are busy right now. Please call again in a few minutes."
	fallbackText = "Sorry, we cannot take your call right now. Please call again later."
)

// voiceWebhook answers the phone network's question what to do with a call.
func (s *Server) voiceWebhook(w http.ResponseWriter, r *http.Request) {
	form, ok := s.webhook(w, r)
	if !ok {
		return
	}
	agentName := s.o.Agent
	if a := r.URL.Query().Get("agent"); a != "" {
		if _, known := s.o.Agents[a]; !known {
			refuse(w, r, http.StatusBadRequest, "unknown agent", "The agent named in the query does not exist here.")
			return
		}
		agentName = a
	}
	callSID := form.Get("CallSid")
	why := "draining"
	// The seat is taken now, so that the stream of a call that was let in is never refused.
	seat, over := s.past.invite(callSID, func() (leave func()) {
		if !s.draining.Load() {
			leave, why = s.gate.enter("")
		}
		return leave
	})
	if over {
		s.twiml(w, r, twilio.Hangup()) // a request of before, sent again
		return
	}
	if seat == nil || s.draining.Load() {
		seat.free()
		if why == "" {
			why = "draining"
		}
		s.metrics.limit(why)
		s.twiml(w, r, twilio.Say(busySentence, "", ""), twilio.Hangup())
		return
	}
	token := s.tokens.issue(pass{bound: callSID, agent: agentName, place: seat})
	s.twiml(w, r, twilio.Connect(s.socketURL("/twilio/media"), twilio.Parameter{Name: "token", Value: token}), twilio.Hangup())
}

func (s *Server) fallbackWebhook(w http.ResponseWriter, r *http.Request) {
	form, ok := s.webhook(w, r)
	if !ok {
		return
	}
	s.log.Warn("fallback asked for", "component", "voice", "call_sid", form.Get("CallSid"), "code", word(form.Get("ErrorCode")))
	s.twiml(w, r, twilio.Say(fallbackText, "", ""), twilio.Hangup())
}

func (s *Server) statusWebhook(w http.ResponseWriter, r *http.Request) {
	form, ok := s.webhook(w, r)
	if !ok {
		return
	}
	s.log.Info("call status", "component", "voice", "call_sid", form.Get("CallSid"), "status", word(form.Get("CallStatus")))
	w.WriteHeader(http.StatusNoContent)
}

// word lets a plain word of a webhook into the log, and nothing that could be more than that.
func word(s string) string {
	const most = 32
	if len(s) > most || strings.ContainsFunc(s, func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }) {
		return "other"
	}
	return s
}

// webhook checks the signature and returns the parameters; else it has answered.
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	form, err := twilio.ValidateWebhook(r, s.validation())
	if err == nil {
		return form, s.hookAllowed(w, r, caller(form))
	}
	if !s.hookAllowed(w, r, "") {
		w.Header().Set("Connection", "close")
		return nil, false
	}
	status := http.StatusForbidden
	var re *twilio.RequestError
	if errors.As(err, &re) {
		status = re.Status
	}
	s.metrics.wsFailure("webhook", http.StatusText(status))
	w.Header().Set("Connection", "close") // a stranger's body is not waited for
	refuse(w, r, status, strings.ToLower(http.StatusText(status)), "The request is not one of the phone network for this address: check PUBLIC_URL, the account and TWILIO_AUTH_TOKEN.")
	return nil, false
}

// hookAllowed counts a webhook: a signed one against its caller, since the phone network is many callers behind
// few addresses; one without a good signature against its address.
func (s *Server) hookAllowed(w http.ResponseWriter, r *http.Request, who string) bool {
	key := s.gateIP(r)
	if key != "" && who != "" {
		key = who
	}
	wait, ok := s.hooks.take(key)
	if !ok {
		s.tooMany(w, r, "hooks", wait)
	}
	return ok
}

// withheld are the numbers that stand for none: the words anonymous, restricted, blocked, unknown and unavailable, typed
// on a phone's keys. Source: what Twilio sends as From of such calls.
var withheld = []string{"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"} //nolint:gochecknoglobals // a table

// caller names who calls, as a key of the budget: a hash, so that no number lives on in a table. Callers who
// withhold theirs are told apart by their calls.
func caller(form url.Values) string {
	who := form.Get("From")
	addressed := strings.HasPrefix(who, "+") || strings.HasPrefix(who, "sip:") || strings.HasPrefix(who, "client:")
	if !addressed || slices.Contains(withheld, who) {
		who = form.Get("CallSid")
	}
	sum := sha256.Sum256([]byte(who))
	return "caller " + hex.EncodeToString(sum[:8])
}

func (s *Server) validation() twilio.ValidateOptions {
	return twilio.ValidateOptions{
		PublicURL:  s.public.Scheme + "://" + s.public.Host,
		AccountSID: s.o.Config.TwilioAccount,
		Tokens:     s.o.Config.TwilioTokens,
	}
}

// socketURL is a route of this server as the outside world dials it.
func (s *Server) socketURL(path string) string {
	scheme := "wss"
	if s.public.Scheme == "http" {
		scheme = "ws" // config lets http pass for loopback only
	}
	return scheme + "://" + s.public.Host + s.o.Config.BasePath + path
}

func (s *Server) twiml(w http.ResponseWriter, r *http.Request, verbs ...twilio.Verb) {
	doc, err := twilio.RenderTwiML(twilio.TwiMLOptions{LoopbackStreams: s.public.Scheme == "http"}, verbs...)
	if err != nil {
		s.log.Error("twiml", "component", "voice", "request_id", requestID(r.Context()), "err", err)
		refuse(w, r, http.StatusInternalServerError, "internal error", "No answer for the phone network could be made.")
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(doc) // the peer may be gone
}

// mediaSocket takes a call's media stream.
func (s *Server) mediaSocket(w http.ResponseWriter, r *http.Request) {
	if !upgrade(w, r) {
		return
	}
	if err := twilio.ValidateUpgrade(r, s.validation()); err != nil {
		status := http.StatusUnauthorized
		var re *twilio.RequestError
		if errors.As(err, &re) {
			status = re.Status
		}
		s.metrics.wsFailure("upgrade", "signature")
		refuse(w, r, status, strings.ToLower(http.StatusText(status)), "The upgrade is not signed by the phone network for this address.")
		return
	}
	if r.Header.Get("Origin") != "" {
		s.metrics.wsFailure("upgrade", "origin")
		refuse(w, r, http.StatusForbidden, "origin not allowed", "The phone network sends no Origin; a page has no business here.")
		return
	}
	s.acceptPhone(w, r, nil)
}
