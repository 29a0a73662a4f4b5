//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
)

// fakeVoice makes Chromium's fake microphone say the words: before silence, the words, after silence, and
// again from the beginning.
func fakeVoice(t *testing.T, words string, before, after time.Duration) []chromedp.ExecAllocatorOption {
	t.Helper()
	const rate = 48000
	silence := func(d time.Duration) []int16 { return make([]int16, int(d.Seconds()*rate)) }
	samples := slices.Concat(silence(before), tonecode.Encode(words, rate), silence(after))
	path := filepath.Join(t.TempDir(), "voice.wav")
	if err := os.WriteFile(path, media.AppendWAV(nil, rate, 1, samples), 0o600); err != nil {
		t.Fatal(err)
	}
	return []chromedp.ExecAllocatorOption{microphone(), chromedp.Flag("use-file-for-fake-audio-capture", path)}
}

func TestConsole_TheMicrophoneCarriesWords(t *testing.T) {
	s := newScripted(t)
	b := open(t, s.url(), fakeVoice(t, question, 2*time.Second, 3*time.Second)...)
	b.click("#talk")
	s.until("the words", func() bool {
		for _, e := range s.audio.heard {
			if e.Text == question && e.OK {
				return true
			}
		}
		return false
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Logf("heard: %+v", s.audio.heard)
}
