package sandbox

import (
	"encoding/json"
	"io"
	"log/slog"
	"sync"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// journal appends finished requests to a file, one a line. The first failure is logged, and ends it.
type journal struct {
	log *slog.Logger

	mu     sync.Mutex
	w      io.Writer
	failed bool
}

func (j *journal) write(e stage.Entry) {
	b, err := json.Marshal(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed {
		return
	}
	if err == nil {
		_, err = j.w.Write(append(b, '\n'))
	}
	if err != nil {
		j.failed = true
		j.log.Error("requests are no longer recorded", "component", "sandbox", "err", err)
	}
}
