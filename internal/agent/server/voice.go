package server

import (
	"errors"
	"net/http"
	"net/url"
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
	if s.past.has(callSID) {
		s.twiml(w, r, twilio.Hangup()) // a request of yesterday, sent again
		return
	}
	leave, why := s.gate.enter("")
	if leave == nil || s.draining.Load() {
		if leave != nil {
			leave()
			why = "draining"
		}
		s.metrics.limit(why)
		s.twiml(w, r, twilio.Say(busySentence, "", ""), twilio.Hangup())
		return
	}
	// The seat is taken now, so that the stream of a call that was let in is never refused.
	token := s.tokens.issue(pass{bound: callSID, agent: agentName, place: reserve(leave)})
	s.twiml(w, r, twilio.Connect(s.socketURL("/twilio/media"), twilio.Parameter{Name: "token", Value: token}), twilio.Hangup())
}

func (s *Server) fallbackWebhook(w http.ResponseWriter, r *http.Request) {
	form, ok := s.webhook(w, r)
	if !ok {
		return
	}
	s.log.Warn("fallback asked for", "component", "voice", "call_sid", form.Get("CallSid"), "code", form.Get("ErrorCode"))
	s.twiml(w, r, twilio.Say(fallbackText, "", ""), twilio.Hangup())
}

func (s *Server) statusWebhook(w http.ResponseWriter, r *http.Request) {
	form, ok := s.webhook(w, r)
	if !ok {
		return
	}
	s.log.Info("call status", "component", "voice", "call_sid", form.Get("CallSid"), "status", form.Get("CallStatus"))
	w.WriteHeader(http.StatusNoContent)
}

// webhook checks the signature and returns the parameters; else it has answered.
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	form, err := twilio.ValidateWebhook(r, s.validation())
	if err == nil {
		return form, true
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
		s.log.Error("twiml", "component", "voice", "err", err)
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
