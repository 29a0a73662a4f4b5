package server

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// startBrowser gives a browser the address of its socket, in exactly the shape that the stock client of
// Pipecat takes: wsUrl, and token when a key is asked for.
func (s *Server) startBrowser(w http.ResponseWriter, r *http.Request) {
	if !s.hostAllowed(r) {
		refuse(w, r, http.StatusForbidden, "host not allowed", "Open this server by its own address.")
		return
	}
	if !s.authorized(w, r) {
		return
	}
	if r.ContentLength != 0 && r.Header.Get("Content-Type") != "" && !hasContentType(r, "application/json") {
		refuse(w, r, http.StatusUnsupportedMediaType, "unsupported media type", "Send application/json, or nothing.")
		return
	}
	var body struct {
		Agent string `json:"agent"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			s.tooLarge(w, r)
			return
		}
		refuse(w, r, http.StatusBadRequest, "bad request", "The body is not JSON.")
		return
	}
	if body.Agent == "" {
		body.Agent = s.o.Agent
	}
	if _, ok := s.o.Agents[body.Agent]; !ok {
		refuse(w, r, http.StatusBadRequest, "unknown agent", "The agent named in the body does not exist here.")
		return
	}
	if s.draining.Load() || s.gate.full() {
		s.metrics.limit("capacity")
		retryAfter(w, retrySoon)
		refuse(w, r, http.StatusServiceUnavailable, "busy", "All places are taken or the service is restarting; try again in a few seconds.")
		return
	}
	out := map[string]string{"wsUrl": s.socketURL("/ws")}
	if !s.open(r) {
		out["token"] = s.tokens.issue(pass{agent: body.Agent})
	} else if body.Agent != s.o.Agent {
		out["token"] = s.tokens.issue(pass{agent: body.Agent, debug: true})
	}
	writeJSON(w, http.StatusOK, out)
}

// socket is /ws: the first message tells a browser from a phone.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	if !upgrade(w, r) {
		return
	}
	if !s.originAllowed(r) {
		s.metrics.wsFailure("upgrade", "origin")
		refuse(w, r, http.StatusForbidden, "origin not allowed", "Add the page's origin to ALLOWED_ORIGINS.")
		return
	}
	if !s.hostAllowed(r) {
		refuse(w, r, http.StatusForbidden, "host not allowed", "Open this server by its own address.")
		return
	}
	phone := r.Header.Get(twilio.SignatureHeader) != "" && twilio.ValidateUpgrade(r, s.validation()) == nil
	p := pass{agent: s.o.Agent, debug: s.o.Config.Dev || s.o.Config.Sandbox}
	admitted := s.open(r) || s.keyed(r)
	token := r.URL.Query().Get("token")
	tokenGood := true
	if token != "" {
		var got pass
		if got, tokenGood = s.tokens.spend(token, ""); tokenGood {
			got.debug = got.debug || p.debug
			p, admitted = got, true
		}
	}
	if s.draining.Load() {
		retryAfter(w, retrySoon)
		refuse(w, r, http.StatusServiceUnavailable, "restarting", "Try again in a few seconds.")
		return
	}
	if !phone && !admitted && token == "" {
		s.metrics.wsFailure("upgrade", "unauthorized")
		refuse(w, r, http.StatusUnauthorized, "unauthorized", "Get a token by POST /start with an access key, and connect with ?token=.")
		return
	}
	leave, why := s.gate.enter(s.gateIP(r))
	if leave == nil {
		s.metrics.limit(why)
		retryAfter(w, s.gate.wait(why))
		if why == "capacity" {
			refuse(w, r, http.StatusServiceUnavailable, "busy", "All places are taken; try again in a few seconds.")
			return
		}
		refuse(w, r, http.StatusTooManyRequests, "too many sessions", "Wait for another session to end, or raise limits.* in the configuration.")
		return
	}
	conn, err := ws.Accept(w, r, ws.AcceptOptions{Limit: s.o.Config.FirstMessage, CheckOrigin: func(*http.Request) bool { return true }})
	if err != nil {
		leave()
		s.metrics.wsFailure("upgrade", "handshake")
		return
	}
	if !tokenGood {
		leave()
		_ = conn.Close(ws.ClosePolicy, "the token is unknown, used or too old: ask /start for a new one")
		return
	}
	s.spawn(func() {
		defer leave()
		s.greet(conn, phone, admitted, p)
	})
}

// greet reads the first message and makes the right line of the socket.
func (s *Server) greet(conn *ws.Conn, phone, admitted bool, p pass) {
	wait := s.o.Config.Line.Handshake
	if wait <= 0 {
		wait = 10 * time.Second
	}
	stop := s.leaving(conn)
	_ = conn.SetReadDeadline(time.Now().Add(wait)) // a dead socket fails the read below
	kind, first, err := conn.Read(nil)
	stop()
	if err != nil {
		s.metrics.wsFailure("handshake", "nothing said")
		_ = conn.Close(ws.ClosePolicy, "nothing was said in time")
		return
	}
	if kind == ws.Text {
		var head struct {
			Event string `json:"event"`
			Label string `json:"label"`
		}
		if !utf8.Valid(first) || !json.Valid(first) {
			s.metrics.wsFailure("handshake", "not json")
			_ = conn.Close(ws.CloseInvalid, "not JSON")
			return
		}
		_ = json.Unmarshal(first, &head) // of another shape: it is of neither protocol
		if head.Event == string(twilio.EventConnected) {
			s.phone(conn, first, phone, nil)
			return
		}
		if head.Label != rtvi.Label {
			s.metrics.wsFailure("handshake", "protocol")
			_ = conn.Close(ws.CloseUnsupported, "neither RTVI nor a media stream")
			return
		}
	}
	if !admitted {
		_ = conn.Close(ws.ClosePolicy, "no token")
		return
	}
	conn.SetReadLimit(s.o.Config.Message)
	l, err := line.AcceptRTVI(conn, line.RTVIOptions{
		Limits: s.o.Config.Line, Log: s.log, First: first, Binary: kind == ws.Binary, ToolDetail: s.toolDetail(p.debug),
	})
	if err != nil {
		s.metrics.wsFailure("handshake", "rtvi")
		s.log.Info("browser refused", "component", "line", "err", err)
		return
	}
	s.hold(l, p.agent)
}

func (s *Server) toolDetail(debug bool) line.ToolDetail {
	switch {
	case debug || s.o.Config.ReportLevel == "full":
		return line.ToolFull
	case s.o.Config.ReportLevel == "none":
		return line.ToolNone
	}
	return line.ToolName
}

// acceptPhone upgrades a signed media request.
func (s *Server) acceptPhone(w http.ResponseWriter, r *http.Request, first []byte) {
	// A seat was taken at the webhook; this bounds the sockets that have not yet said whose they are.
	leave, why := s.lobby.enter("")
	if leave == nil {
		s.metrics.limit(why)
		retryAfter(w, retrySoon)
		refuse(w, r, http.StatusServiceUnavailable, "busy", "Too many sockets are waiting.")
		return
	}
	conn, err := ws.Accept(w, r, ws.AcceptOptions{Limit: min(s.o.Config.FirstMessage, twilio.MaxMessage), CheckOrigin: func(*http.Request) bool { return true }})
	if err != nil {
		leave()
		s.metrics.wsFailure("upgrade", "handshake")
		return
	}
	s.spawn(func() {
		s.phone(conn, first, true, leave)
	})
}

// phone completes a media stream's handshake. signed tells that the upgrade was the phone network's; the
// one-use token of the webhook is wanted all the same.
//
// atDoor is given back once the call has a seat of its own; nil when the socket has one already.
func (s *Server) phone(conn *ws.Conn, first []byte, signed bool, atDoor func()) {
	var p pass
	var seat func()
	if atDoor != nil {
		defer atDoor()
	}
	stop := s.leaving(conn)
	l, err := line.AcceptTwilio(conn, line.TwilioOptions{
		Limits: s.o.Config.Line, Log: s.log, First: first,
		Admit: func(st twilio.Start) error {
			if !signed {
				return errors.New("upgrade not signed")
			}
			if want := s.o.Config.TwilioAccount; want != "" && st.AccountSID != want {
				return errors.New("another account")
			}
			var ok bool
			if p, ok = s.tokens.spend(st.Parameters["token"], st.CallSID); !ok {
				return errors.New("token unknown, used or too old")
			}
			if !s.past.begin(st.CallSID) {
				return errors.New("the call has a stream, or had one")
			}
			if atDoor == nil {
				p.place.free()
				return nil
			}
			if seat = p.place.claim(); seat == nil { // the network took its time
				if seat, _ = s.gate.enter(""); seat == nil {
					s.past.refused(st.CallSID)
					return errors.New("all places are taken")
				}
			}
			return nil
		},
	})
	stop()
	if err != nil {
		s.metrics.wsFailure("handshake", "twilio")
		s.log.Info("phone refused", "component", "line", "err", err)
		if seat != nil {
			seat()
		}
		return
	}
	if seat != nil {
		defer seat()
		atDoor()
	}
	s.hold(l, p.agent)
	s.past.end(l.Info().CallSID)
}

// gateIP is the address that limits count; the loopback sandbox is not limited.
func (s *Server) gateIP(r *http.Request) string {
	ip := s.clientIP(r)
	if s.o.Config.Sandbox && ip.IsLoopback() {
		return ""
	}
	return household(ip)
}

// spawn runs a connection on a goroutine of its own, so that the HTTP handler returns and its buffers
// are freed. Shutdown waits for it.
func (s *Server) spawn(fn func()) {
	s.group.Go(func() error { fn(); return nil })
}
