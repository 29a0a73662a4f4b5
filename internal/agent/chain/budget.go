package chain

import (
	"sync"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

// budget bounds what asking a second endpoint may cost while it does not help: with both of them failing,
// requests are a tenth more than questions, and a reserve (R10). A second endpoint that works is never
// held back. The zero value is ready.
type budget struct {
	mu   sync.Mutex
	used float64
}

const (
	budgetShare   = 0.1 // of the questions
	budgetReserve = 5   // as many as the second's circuit takes to open
)

// asked counts one question.
func (b *budget) asked() {
	b.mu.Lock()
	b.used = max(0, b.used-budgetShare)
	b.mu.Unlock()
}

// allows tells whether the second may be asked after the first failed with err. A first that was not asked
// costs nothing.
func (b *budget) allows(err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return skipped(err) || b.used+1 <= budgetReserve
}

// spent says how the second did.
func (b *budget) spent(first, second error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case second == nil:
		b.used = 0
	case !skipped(first) && !skipped(second):
		b.used++
	}
}

// skipped tells whether an endpoint failed without having been asked: its circuit was open.
func skipped(err error) bool { return guard.ClassOf(err) == guard.CircuitOpen }

// ours tells whether we ended the work ourselves.
func ours(err error) bool { return guard.ClassOf(err) == guard.Cancelled }
