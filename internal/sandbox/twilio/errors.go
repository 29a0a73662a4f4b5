package twilio

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// problem is a refusal in the vendor's shape.
type problem struct {
	status, code int
	message      string
}

func (p *problem) write(w http.ResponseWriter) int {
	return write(w, p.status, map[string]any{
		"code": p.code, "message": p.message, "more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", p.code), "status": p.status,
	})
}

func errCredentials() *problem { return &problem{http.StatusUnauthorized, 20003, "Authenticate"} }

func errNotFound(path string) *problem {
	if len(path) > 200 {
		path = path[:200]
	}
	return &problem{http.StatusNotFound, 20404, "The requested resource " + path + " was not found"}
}

// Refuse answers as the vendor does when it fails with the fault's status.
func Refuse(w http.ResponseWriter, r *http.Request, f stage.Fault) {
	p := &problem{f.Status, 20500, "An internal server error has occurred"}
	switch f.Status {
	case 0:
		p.status = http.StatusInternalServerError
	case http.StatusUnauthorized:
		p = errCredentials()
	case http.StatusForbidden:
		p.code, p.message = 20006, "Access denied"
	case http.StatusNotFound:
		p = errNotFound(r.URL.Path)
	case http.StatusTooManyRequests:
		p.code, p.message = 20429, "Too Many Requests"
		w.Header().Set("Retry-After", strconv.Itoa(max(f.MS/1000, 1)))
	case http.StatusServiceUnavailable:
		p.code, p.message = 20503, "Service is unavailable"
	}
	if n, err := strconv.Atoi(f.Code); err == nil {
		p.code = n
	}
	p.write(w)
}
