package media

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var zeroTime time.Time

func fields(s string) []string { return strings.Fields(s) }

func concat(parts ...[]string) []string { return slices.Concat(parts...) }
