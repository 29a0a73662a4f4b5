package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// maxControl bounds the body of a control request.
const maxControl = 64 << 10

// controlRoutes are the routes below /_sandbox/ of the contract, behind mayControl and a guard against
// requests that a browser makes for a foreign page.
func (s *Sandbox) controlRoutes() http.Handler {
	routes := map[string]map[string]http.HandlerFunc{
		"/_sandbox/calls":  {"GET": s.calls},
		"/_sandbox/faults": {"GET": s.faults, "POST": s.addFault, "DELETE": s.clearFaults},
		"/_sandbox/pace":   {"GET": s.paces, "POST": s.setPace},
		"/_sandbox/outbox": {"GET": s.outbox},
		"/_sandbox/reset":  {"POST": s.reset},
		"/_sandbox/health": {"GET": s.health},
	}
	foreign := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.mayControl(r) {
			fail(w, r, http.StatusForbidden, "control routes are for this machine", "ask on a loopback address, by http://127.0.0.1:PORT/_sandbox/")
			return
		}
		if err := foreign.Check(r); err != nil {
			fail(w, r, http.StatusForbidden, "request of a foreign page", "control routes are not for browsers")
			return
		}
		methods, ok := routes[r.URL.Path]
		if !ok {
			fail(w, r, http.StatusNotFound, "no such control route", "there are calls, faults, pace, outbox, reset and health")
			return
		}
		h, ok := methods[r.Method]
		if !ok && r.Method == http.MethodHead {
			h, ok = methods[http.MethodGet]
		}
		if !ok {
			allowed := []string{}
			for _, m := range []string{"GET", "POST", "DELETE"} {
				if methods[m] != nil {
					allowed = append(allowed, m)
				}
			}
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			fail(w, r, http.StatusMethodNotAllowed, "method not allowed", "allowed: "+strings.Join(allowed, ", "))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxControl)
		h(w, r)
	})
}

func (s *Sandbox) calls(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	since := 0
	if text := q.Get("since"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			fail(w, r, http.StatusBadRequest, "list calls: since must be a sequence number", fmt.Sprintf("got %.40q", text))
			return
		}
		since = n
	}
	vendor, ok := vendorOf(w, r, "list calls")
	if !ok {
		return
	}
	calls, last := s.stage.Calls(vendor, since)
	reply(w, http.StatusOK, map[string]any{"calls": calls, "last": last})
}

// vendorOf reads ?vendor=; "" = all.
func vendorOf(w http.ResponseWriter, r *http.Request, op string) (vendor string, ok bool) {
	vendor = r.URL.Query().Get("vendor")
	if vendor != "" && !stage.Known(vendor) {
		fail(w, r, http.StatusBadRequest, fmt.Sprintf("%s: unknown vendor %.40q", op, vendor), "it must be one of "+strings.Join(stage.Vendors(), ", "))
		return "", false
	}
	return vendor, true
}

func (s *Sandbox) faults(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"faults": s.stage.Faults()})
}

func (s *Sandbox) addFault(w http.ResponseWriter, r *http.Request) {
	var f stage.Fault
	err := decode(r, &f)
	if err == nil {
		f, err = s.stage.AddFault(f)
	}
	if err != nil {
		failDecode(w, r, err)
		return
	}
	reply(w, http.StatusCreated, map[string]any{"fault": f})
}

func (s *Sandbox) clearFaults(w http.ResponseWriter, r *http.Request) {
	if vendor, ok := vendorOf(w, r, "clear faults"); ok {
		reply(w, http.StatusOK, map[string]any{"cleared": s.stage.ClearFaults(vendor)})
	}
}

func (s *Sandbox) paces(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"paces": s.stage.Paces()})
}

func (s *Sandbox) setPace(w http.ResponseWriter, r *http.Request) {
	var p stage.Pace
	err := decode(r, &p)
	if err == nil {
		err = s.stage.SetPace(p)
	}
	if err != nil {
		failDecode(w, r, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"pace": p})
}

func (s *Sandbox) outbox(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"mails": s.stage.Outbox()})
}

func (s *Sandbox) reset(w http.ResponseWriter, _ *http.Request) {
	s.stage.Reset()
	reply(w, http.StatusOK, map[string]any{"reset": true})
}

func (s *Sandbox) health(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"status": "ok", "vendors": s.Vendors(), "endpoint_class": s.Class()})
}

// decode reads one JSON object strictly.
func decode(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read body: something follows the object")
	}
	return nil
}

func failDecode(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadRequest
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		status = http.StatusRequestEntityTooLarge
	}
	fail(w, r, status, err.Error(), "")
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a far end that is gone reads nothing
}

func fail(w http.ResponseWriter, r *http.Request, status int, text, details string) {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > 64 {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails (crypto/rand documents it)
		id = hex.EncodeToString(b[:])
	}
	reply(w, status, map[string]any{"error": text, "details": details, "status_code": status, "request_id": id})
}
