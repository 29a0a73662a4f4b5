package server

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/agent/archive"
)

const maxCallsListed = 200

func (s *Server) listCalls(w http.ResponseWriter, r *http.Request) {
	if !s.archiveOpen(w, r) {
		return
	}
	limit := 50
	if q := r.URL.Query().Get("limit"); q != "" {
		n, err := strconv.Atoi(q)
		if err != nil || n < 1 || n > maxCallsListed {
			refuse(w, r, http.StatusBadRequest, "bad request", "limit must be a number from 1 to 200.")
			return
		}
		limit = n
	}
	before := uuid.Nil
	if q := r.URL.Query().Get("before"); q != "" {
		var err error
		if before, err = uuid.Parse(q); err != nil {
			refuse(w, r, http.StatusBadRequest, "bad request", "before must be the id of a call.")
			return
		}
	}
	calls, err := s.o.Archive.Calls(r.Context(), limit, before)
	if err != nil {
		s.archiveFailed(w, r, err)
		return
	}
	if calls == nil {
		calls = []archive.Call{}
	}
	writeJSON(w, http.StatusOK, map[string]any{"calls": calls})
}

func (s *Server) showCall(w http.ResponseWriter, r *http.Request) {
	id, ok := s.callID(w, r)
	if !ok {
		return
	}
	call, err := s.o.Archive.Call(r.Context(), id)
	if err != nil {
		s.archiveFailed(w, r, err)
		return
	}
	turns, err := s.o.Archive.Turns(r.Context(), id)
	if err != nil {
		s.archiveFailed(w, r, err)
		return
	}
	if turns == nil {
		turns = []archive.Turn{}
	}
	writeJSON(w, http.StatusOK, map[string]any{"call": call, "turns": turns})
}

func (s *Server) callEvents(w http.ResponseWriter, r *http.Request) {
	id, ok := s.callID(w, r)
	if !ok {
		return
	}
	f, err := s.o.Archive.Events(r.Context(), id)
	if err != nil {
		s.archiveFailed(w, r, err)
		return
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.Copy(w, f) // the peer may be gone
}

func (s *Server) callRecording(w http.ResponseWriter, r *http.Request) {
	id, ok := s.callID(w, r)
	if !ok {
		return
	}
	f, err := s.o.Archive.Recording(r.Context(), id)
	if err != nil {
		s.archiveFailed(w, r, err)
		return
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Disposition", `attachment; filename="recording.wav"`)
	_, _ = io.Copy(w, f) // the peer may be gone
}

func (s *Server) archiveOpen(w http.ResponseWriter, r *http.Request) bool {
	if !s.hostAllowed(r) {
		refuse(w, r, http.StatusForbidden, "host not allowed", "Open this server by its own address.")
		return false
	}
	if !s.authorized(w, r) {
		return false
	}
	if s.o.Archive == nil {
		refuse(w, r, http.StatusNotFound, "no archive", "This server keeps no calls.")
		return false
	}
	return true
}

func (s *Server) callID(w http.ResponseWriter, r *http.Request) (uuid.UUID, bool) {
	if !s.archiveOpen(w, r) {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		refuse(w, r, http.StatusBadRequest, "bad request", "The id of a call is a UUID.")
		return uuid.Nil, false
	}
	return id, true
}

func (s *Server) archiveFailed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		refuse(w, r, http.StatusNotFound, "not found", "There is no such call, or nothing of this kind was kept for it.")
		return
	}
	s.log.Error("archive", "component", "archive", "request_id", requestID(r.Context()), "err", err)
	refuse(w, r, http.StatusInternalServerError, "archive failed", "The archive did not answer; see the log by the request id.")
}
