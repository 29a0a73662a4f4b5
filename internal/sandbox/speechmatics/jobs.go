package speechmatics

import (
	"encoding/json"
	"net/http"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// jobs is GET /v2/jobs, which the vendor serves on its batch host: the cheapest question that proves a key. There
// is never a job.
func (e *Emulator) jobs(w http.ResponseWriter, r *http.Request) {
	rec := e.stage.Begin(stage.Speechmatics, r.URL.Path, r.Method)
	status := http.StatusOK
	switch {
	case r.Method != http.MethodGet:
		status = http.StatusMethodNotAllowed
		refuse(w, status, "Method Not Allowed")
	case !goodKey(bearer(r)):
		status = http.StatusUnauthorized
		refuse(w, status, denied)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"jobs": []any{}})
	}
	rec.End(status)
}
